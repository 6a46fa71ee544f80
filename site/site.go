package site

import (
	"time"

	"gatehouse/directory/policy"
	"gatehouse/directory/schema"
)

// Site is the content of a site.yaml. A nil list or pointer was absent.
type Site struct {
	Settings        Settings         `yaml:"settings"`
	Users           []User           `yaml:"users"`
	Groups          []Group          `yaml:"groups"`
	ServiceAccounts []ServiceAccount `yaml:"service_accounts"`
	Policies        []Policy         `yaml:"policies"`
	Apps            []App            `yaml:"apps"`
	RADIUSClients   []RADIUSClient   `yaml:"radius_clients"`
	SCIMSources     []SCIMSource     `yaml:"scim_sources"`

	text *text
}

// Settings hold for everybody.
type Settings struct {
	RequireMFA *bool `yaml:"require_mfa"`
}

// User is a person.
type User struct {
	Username      string            `yaml:"username"`
	GivenName     *string           `yaml:"given_name"`
	FamilyName    *string           `yaml:"family_name"`
	Emails        []string          `yaml:"emails"` // the first is the primary one
	Expires       *time.Time        `yaml:"expires"`
	Role          *string           `yaml:"role"` // owner, admin, helpdesk, auditor; empty: none
	Attributes    map[string]Values `yaml:"attributes"`
	Password      *string           `yaml:"password"` // set at creation
	PasswordFile  string            `yaml:"password_file"`
	PasswordHash  *string           `yaml:"password_hash"` // imported from another system
	HashFile      string            `yaml:"password_hash_file"`
	ResetPassword bool              `yaml:"reset_password"` // set Password or PasswordHash again
}

// Group is a set of users and groups.
type Group struct {
	Name       string            `yaml:"name"`
	Members    []Member          `yaml:"members"`
	Groups     []Member          `yaml:"groups"`
	Attributes map[string]Values `yaml:"attributes"`
}

// Member is a user in a group, or a group in a group: a name, or a mapping with
// the time from and until which it counts.
type Member struct {
	Name  string
	From  time.Time
	Until time.Time
}

// Values is one value or a list of them.
type Values []string

// ServiceAccount is an account of a program.
type ServiceAccount struct {
	Name          string   `yaml:"name"`
	Password      *string  `yaml:"password"`
	PasswordFile  string   `yaml:"password_file"`
	ResetPassword bool     `yaml:"reset_password"`
	Grants        []string `yaml:"grants"`
	Networks      []string `yaml:"networks"`
	LDAPProfile   *string  `yaml:"ldap_profile"` // how entries look to it; empty: as its listener says
}

// Policy is a named rule: an expression, or a ready-made one.
type Policy struct {
	Name         string `yaml:"name"`
	Rule         string `yaml:"rule"`
	policy.Ready `yaml:",inline"`
	Message      string `yaml:"message"`
}

// App is something that users enter.
type App struct {
	Slug       string         `yaml:"slug"`
	Name       *string        `yaml:"name"`
	LaunchURL  *string        `yaml:"launch_url"`
	PolicyMode *string        `yaml:"policy_mode"`
	Require    []string       `yaml:"require"`
	Bindings   []Binding      `yaml:"bindings"`
	OIDC       *OIDC          `yaml:"oidc"`
	SAML       *SAML          `yaml:"saml"`
	LDAP       *schema.LDAP   `yaml:"ldap"`
	RADIUS     *schema.RADIUS `yaml:"radius"`
	Proxy      *schema.Proxy  `yaml:"proxy"`
	SCIM       *schema.SCIM   `yaml:"scim"`
}

// Binding attaches exactly one of Group, User and Policy to an app.
type Binding struct {
	Group    string `yaml:"group"`
	User     string `yaml:"user"`
	Policy   string `yaml:"policy"`
	Negate   bool   `yaml:"negate"`
	Disabled bool   `yaml:"disabled"`
}

// OIDC is the facet of a relying party with its secret.
type OIDC struct {
	schema.OIDC  `yaml:",inline"`
	ClientSecret *string `yaml:"client_secret"`
	SecretFile   string  `yaml:"client_secret_file"`
}

// SAML is the facet of a service provider, whose metadata may be a file.
type SAML struct {
	schema.SAML  `yaml:",inline"`
	MetadataFile string `yaml:"metadata_file"`
}

// RADIUSClient is a NAS.
type RADIUSClient struct {
	Name                string   `yaml:"name"`
	Networks            []string `yaml:"networks"`
	Secret              *string  `yaml:"secret"`
	SecretFile          string   `yaml:"secret_file"`
	NextSecret          *string  `yaml:"next_secret"`
	NextSecretFile      string   `yaml:"next_secret_file"`
	App                 string   `yaml:"app"`
	schema.RADIUSClient `yaml:",inline"`
}

// SCIMSource is an upstream that pushes users in.
type SCIMSource struct {
	Name              string  `yaml:"name"`
	Token             *string `yaml:"token"`
	TokenFile         string  `yaml:"token_file"`
	schema.SCIMSource `yaml:",inline"`
}

// UnmarshalYAML reads one value or a list.
func (v *Values) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*v = Values{one}
		return nil
	}
	var list []string
	if err := unmarshal(&list); err != nil {
		return err
	}
	*v = append(Values{}, list...)
	return nil
}

// UnmarshalYAML reads a name or a mapping.
func (m *Member) UnmarshalYAML(unmarshal func(any) error) error {
	var name string
	if err := unmarshal(&name); err == nil {
		m.Name = name
		return nil
	}
	var row struct {
		User  string    `yaml:"user"`
		Group string    `yaml:"group"`
		From  time.Time `yaml:"from"`
		Until time.Time `yaml:"until"`
	}
	if err := unmarshal(&row); err != nil {
		return err
	}
	m.Name, m.From, m.Until = row.User+row.Group, row.From, row.Until
	return nil
}
