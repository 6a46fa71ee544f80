package directory

import "context"

// scope says whether the credential opens this door now.
func (t *trial) scope(ctx context.Context) (Reason, error) {
	c, now := t.used, t.d.now()
	ofApp, err := t.ofItsApp(ctx)
	switch {
	case err != nil:
		return "", err
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		t.dec.check("credential", false, "expired "+c.Expires.Format("2006-01-02 15:04"))
		return ReasonCredentialExpired, nil
	case !opens(c.Kind, t.attempt.Protocol):
		t.dec.check("credential", false, "a "+string(c.Kind)+" is not for this door")
		return ReasonCredentialScope, nil
	case !ofApp:
		t.dec.check("credential", false, "is for another app")
		return ReasonCredentialScope, nil
	case t.attempt.NetworkOnly && c.Kind == CredentialPassword:
		t.dec.check("credential", false, "only network passwords count here")
		return ReasonCredentialScope, nil
	case c.Protocol != "" && c.Protocol != t.attempt.Protocol:
		t.dec.check("credential", false, "is for "+string(c.Protocol)+" only")
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

// opens reports whether a kind of credential is for a door at all: what was made
// for a program never signs in on the web.
func opens(k CredentialKind, door Protocol) bool {
	switch k {
	case CredentialPassword, CredentialServicePassword:
		return true
	case CredentialAppPassword:
		return door != ProtocolWeb
	case CredentialNetworkPassword, CredentialX509:
		return door == ProtocolRADIUS
	case CredentialAPIToken:
		return door == ProtocolAPI
	default:
		return false
	}
}

// ofItsApp reports whether the credential may enter the app of the attempt. One
// that is bound to an app opens nothing else.
func (t *trial) ofItsApp(ctx context.Context) (bool, error) {
	if t.used.App == 0 {
		return true, nil
	}
	if t.attempt.App == "" {
		return false, nil
	}
	a, err := t.d.accessOf(ctx, t.attempt.App)
	return a != nil && a.app.ID == t.used.App, err
}

func factorOf(k CredentialKind) Factor {
	switch k {
	case CredentialAppPassword, CredentialNetworkPassword:
		return FactorAppPassword
	case CredentialX509:
		return FactorCertificate
	default:
		return FactorPassword
	}
}
