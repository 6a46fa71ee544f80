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
	var a *access
	if t.attempt.App != "" {
		var err error
		if a, err = t.d.accessOf(ctx, t.attempt.App); err != nil {
			return "", err
		}
	}
	reason, why := misfit(&t.used, t.attempt.Protocol, a, t.d.now())
	switch {
	case reason != ReasonOK:
		t.dec.check("credential", false, why)
		return reason, nil
	case t.attempt.NetworkOnly && t.used.Kind == CredentialPassword:
		t.dec.check("credential", false, "only network passwords count here")
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

// misfit says why a credential does not open a door of an app (nil: no app
// decides), or ReasonOK.
func misfit(c *Credential, door Protocol, a *access, now time.Time) (reason Reason, why string) {
	switch {
	case !inForce(time.Time{}, c.Expires, now):
		return ReasonCredentialExpired, "expired " + c.Expires.Format("2006-01-02 15:04")
	case !opens(c.Kind, door):
		return ReasonCredentialScope, "a " + string(c.Kind) + " is not for this door"
	case c.App != 0 && (a == nil || a.app.ID != c.App): // what is bound to an app opens nothing else
		return ReasonCredentialScope, "is for another app"
	case c.Protocol != "" && c.Protocol != door:
		return ReasonCredentialScope, "is for " + string(c.Protocol) + " only"
	case c.Kind == CredentialPassword && a.appPasswords(door) == schema.AppPasswordsOnly:
		return ReasonCredentialScope, "the app takes app passwords only"
	default:
		return ReasonOK, ""
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
