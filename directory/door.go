package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gatehouse/directory/schema"
)

// scope says whether the credential opens this door now.
func (t *trial) scope(ctx context.Context) (Reason, error) {
	c, now := t.used, t.d.now()
	var a *access
	if t.attempt.App != "" {
		var err error
		if a, err = t.d.accessOf(ctx, t.attempt.App); err != nil {
			return "", err
		}
	}
	switch {
	case !inForce(time.Time{}, c.Expires, now):
		t.dec.check("credential", false, "expired "+c.Expires.Format("2006-01-02 15:04"))
		return ReasonCredentialExpired, nil
	case !opens(c.Kind, t.attempt.Protocol):
		t.dec.check("credential", false, "a "+string(c.Kind)+" is not for this door")
		return ReasonCredentialScope, nil
	case c.App != 0 && (a == nil || a.app.ID != c.App): // what is bound to an app opens nothing else
		t.dec.check("credential", false, "is for another app")
		return ReasonCredentialScope, nil
	case t.attempt.NetworkOnly && c.Kind == CredentialPassword:
		t.dec.check("credential", false, "only network passwords count here")
		return ReasonCredentialScope, nil
	case c.Protocol != "" && c.Protocol != t.attempt.Protocol:
		t.dec.check("credential", false, "is for "+string(c.Protocol)+" only")
		return ReasonCredentialScope, nil
	case c.Kind == CredentialPassword && a.appPasswords(t.attempt.Protocol) == schema.AppPasswordsOnly:
		t.dec.check("credential", false, "the app takes app passwords only")
		return ReasonCredentialScope, nil
	case !t.fromItsNetworks():
		t.dec.check("credential", false, "the service account may not come from here")
		return ReasonCredentialScope, nil
	case t.barred():
		return ReasonPasswordChangeRequired, nil
	default:
		return ReasonOK, nil
	}
}

// appPasswords is what app passwords are good for at a door of the app; of no app
// it is the default.
func (a *access) appPasswords(door Protocol) string {
	if a == nil {
		return schema.AppPasswordsAllowed
	}
	return a.passwordUse[door]
}

// readPasswordUse fills passwordUse from the facets.
func (a *access) readPasswordUse() error {
	a.passwordUse = map[Protocol]string{}
	for _, f := range a.facets {
		if f.Protocol != ProtocolLDAP && f.Protocol != ProtocolRADIUS || len(f.Config) == 0 {
			continue
		}
		var config struct {
			AppPasswords string `json:"app_passwords"`
		}
		if err := json.Unmarshal(f.Config, &config); err != nil {
			return fmt.Errorf("read the %s facet of %s: %w", f.Protocol, a.app.Slug, err)
		}
		a.passwordUse[f.Protocol] = config.AppPasswords
	}
	return nil
}

// opens reports whether a kind of credential is for a door at all: what was made
// for a program never signs in on the web.
func opens(k CredentialKind, door Protocol) bool {
	switch k {
	case CredentialPassword, CredentialServicePassword:
		return true
	case CredentialAppPassword:
		return door != ProtocolWeb
	case CredentialNetworkPassword:
		return door == ProtocolRADIUS
	case CredentialX509:
		return door == ProtocolRADIUS || door == ProtocolLDAP
	case CredentialPeer:
		return door == ProtocolLDAP
	case CredentialAPIToken:
		return door == ProtocolAPI
	case CredentialTOTP, CredentialRecoveryCode:
		return true // beside a password
	default:
		return false
	}
}

func factorOf(k CredentialKind) Factor {
	switch k {
	case CredentialAppPassword, CredentialNetworkPassword:
		return FactorAppPassword
	case CredentialX509:
		return FactorCertificate
	case CredentialPeer:
		return FactorPeer
	default:
		return FactorPassword
	}
}

// generated returns the credential of an allowed attempt when it is one that we
// made for a program or device: those say when they were last used.
func (d *Decision) generated() CredentialID {
	if slices.Contains(d.Factors, FactorAppPassword) {
		return d.Credential
	}
	return 0
}
