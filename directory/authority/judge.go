package authority

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
)

// Verdict is what is known of a certificate.
type Verdict struct {
	Authority string // that it is of; empty: of none
	Err       error  // why it does not count; nil: it does
	User      string // the field of a user …
	Value     string // … and its value
}

// maxChain bounds the intermediate certificates that a device sends.
const maxChain = 8

// ErrUnknown is the error of a certificate that no authority has issued.
var ErrUnknown = errors.New("no imported authority has issued it")

// Judge says whose a chain is for a purpose, leaf first. The TLS handshake has
// proved that the device has the key, and nothing else.
func (s *Set) Judge(purpose string, chain []*x509.Certificate) Verdict {
	verdict := Verdict{Err: ErrUnknown}
	if s == nil || len(chain) == 0 {
		return verdict
	}
	var unknown x509.UnknownAuthorityError
	for _, a := range s.list {
		if a.config.Purpose != purpose {
			continue
		}
		v := s.judge(a, chain)
		if v.Err == nil {
			return v
		}
		if !errors.As(v.Err, &unknown) {
			verdict = v // it is of this one, but does not count
		}
	}
	return verdict
}

func (s *Set) judge(a *imported, chain []*x509.Certificate) Verdict {
	v := Verdict{Authority: a.config.Name, User: a.config.User}
	now, state := s.now(), a.state.Load()
	options := x509.VerifyOptions{
		Roots: state.roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range chain[1:min(len(chain), maxChain)] {
		options.Intermediates.AddCert(c)
	}
	// RFC 5280 §6.1: signatures, validity, path length, names and usages.
	paths, err := chain[0].Verify(options)
	if err != nil {
		v.Err = err
		return v
	}
	// Without an extended key usage any would do; here it must be said.
	if !slices.Contains(chain[0].ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		v.Err = errors.New("it is not for client authentication (extended key usage)")
		return v
	}
	for _, path := range paths {
		if v.Err = a.unrevoked(state, path, s); v.Err == nil {
			break
		}
	}
	if v.Err != nil {
		return v
	}
	v.Value, v.Err = a.config.name(chain[0])
	return v
}

// unrevoked checks every certificate of a path but the anchor.
func (a *imported) unrevoked(st *state, path []*x509.Certificate, s *Set) error {
	if len(st.lists) == 0 && st.problem != "" && a.config.CRL != CRLSoft {
		return errors.New("its revocation list cannot be used: " + st.problem)
	}
	for i := range len(path) - 1 {
		if why := revocation(st.lists, path[i], path[i+1], s.now(), a.config.CRL == CRLSoft); why != "" {
			return errors.New(why)
		}
	}
	return nil
}

// name returns the one name by which a certificate says whose it is.
func (c Config) name(leaf *x509.Certificate) (string, error) {
	for _, u := range leaf.URIs {
		// What names a device of ours is ours to issue.
		if strings.HasPrefix(strings.ToLower(u.String()), "urn:gatehouse:") {
			return "", errors.New("it has a name that only the built-in CA gives")
		}
	}
	names, err := c.names(leaf)
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	switch names = slices.Compact(names); {
	case len(names) == 0:
		return "", errors.New("its subject alternative name has no " + c.SAN)
	case len(names) > 1:
		return "", errors.New("its subject alternative name has more than one " + c.SAN)
	}
	value, ok := strings.CutSuffix(names[0], c.Strip)
	if !ok || value == "" {
		return "", errors.New("its " + c.SAN + " does not end in " + c.Strip)
	}
	return value, nil
}

func (c Config) names(leaf *x509.Certificate) ([]string, error) {
	switch c.SAN {
	case SANEmail:
		return slices.Clone(leaf.EmailAddresses), nil
	case SANDNS:
		return slices.Clone(leaf.DNSNames), nil
	case SANURI:
		var out []string
		for _, u := range leaf.URIs {
			out = append(out, u.String())
		}
		return out, nil
	default:
		return principalNames(leaf)
	}
}

// principalNames returns the userPrincipalNames, which crypto/x509 passes over.
//
// RFC 5280 §4.2.1.6: otherName [0] { type-id, value [0] EXPLICIT }.
func principalNames(leaf *x509.Certificate) (out []string, err error) {
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil, errors.New("its subject alternative name cannot be read")
		}
		for rest := names.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil, errors.New("its subject alternative name cannot be read")
			}
			if name.Class != asn1.ClassContextSpecific || name.Tag != 0 {
				continue
			}
			if upn, ok := principalName(name.Bytes); ok {
				out = append(out, upn)
			}
		}
	}
	return out, nil
}

func principalName(other []byte) (string, bool) {
	var kind asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(other, &kind)
	if err != nil || !kind.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}) {
		return "", false
	}
	var value string
	rest, err = asn1.UnmarshalWithParams(rest, &value, "explicit,tag:0,utf8")
	return value, err == nil && len(rest) == 0
}
