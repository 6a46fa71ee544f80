package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gatehouse/directory/schema"
)

// MFAImpact is whom and what the setting SettingRequireMFA shuts out, or makes
// ask for more than a password.
type MFAImpact struct {
	People  []string // usernames of active people who have enrolled no second factor
	LDAP    []string // slugs of apps that take sign-in passwords by LDAP
	Clients []string // names of RADIUS clients that do
}

// MFAImpact reads what SettingRequireMFA would break now.
func (r *Reader) MFAImpact() (MFAImpact, error) {
	var out MFAImpact
	var err error
	if out.People, err = r.peopleWithoutFactor(); err != nil {
		return out, err
	}
	if out.LDAP, err = r.passwordApps(); err != nil {
		return out, err
	}
	for c, err := range r.RADIUSClients(RADIUSClientQuery{}) {
		if err != nil {
			return out, err
		}
		asks, err := takesPasswords(&c)
		if err != nil {
			return out, err
		}
		if asks {
			out.Clients = append(out.Clients, c.Name)
		}
	}
	return out, nil
}

func (r *Reader) peopleWithoutFactor() ([]string, error) {
	enrolled := map[UserID]bool{}
	kinds := []CredentialKind{CredentialTOTP, CredentialPasskey, CredentialRecoveryCode}
	for c, err := range r.Credentials(CredentialQuery{Kinds: kinds}) {
		if err != nil {
			return nil, err
		}
		enrolled[c.User] = true
	}
	var out []string
	for u, err := range r.Users(UserQuery{Statuses: []Status{Active}, Sort: SortUsername}) {
		if err != nil {
			return nil, err
		}
		if !enrolled[u.ID] {
			out = append(out, u.Username)
		}
	}
	return out, nil
}

func (r *Reader) passwordApps() ([]string, error) {
	byApp := map[AppID]Facet{}
	for f, err := range r.Facets(FacetQuery{Protocol: ProtocolLDAP}) {
		if err != nil {
			return nil, err
		}
		byApp[f.App] = f
	}
	var out []string
	for a, err := range r.Apps(AppQuery{}) {
		if err != nil {
			return nil, err
		}
		f, has := byApp[a.ID]
		if !has && a.Slug != AppDirectory {
			continue
		}
		use := access{app: a, facets: []Facet{f}}
		if err := use.readPasswordUse(); err != nil {
			return nil, err
		}
		if use.appPasswords(ProtocolLDAP) != schema.AppPasswordsOnly {
			out = append(out, a.Slug)
		}
	}
	return out, nil
}

// takesPasswords reports whether people enter by their sign-in password through a
// RADIUS client: by PAP, in a tunnel or not. MS-CHAPv2 takes network passwords.
func takesPasswords(c *RADIUSClient) (bool, error) {
	var config schema.RADIUSClient
	if len(c.Config) > 0 {
		if err := json.Unmarshal(c.Config, &config); err != nil {
			return false, fmt.Errorf("read the configuration of RADIUS client %s: %w", c.Name, err)
		}
	}
	config = config.WithDefaults()
	byPassword := slices.Contains(config.Methods, schema.MethodPAP) || slices.Contains(config.Methods, schema.MethodEAPTTLS)
	return byPassword && config.Passwords != "network", nil
}

// Breaks reports whether somebody or something is affected.
func (m MFAImpact) Breaks() bool { return len(m.People)+len(m.Clients) > 0 }

// Lines says it in words, one thing a line.
func (m MFAImpact) Lines() []string {
	const named = 20
	var out []string
	add := func(format string, names []string) {
		if len(names) == 0 {
			return
		}
		list := strings.Join(names[:min(len(names), named)], ", ")
		if more := len(names) - named; more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, fmt.Sprintf(format, list))
	}
	add("No second factor, so no sign-in by password at any door: %s", m.People)
	add("LDAP apps that will ask for a code behind the password, or an app password: %s", m.LDAP)
	add("RADIUS clients that will ask for a code, a network password or a certificate: %s", m.Clients)
	return out
}
