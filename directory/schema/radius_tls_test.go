package schema

import (
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/certs"
)

func TestRADIUSTLS(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	inPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	authority, err := certs.NewAuthority("Campus", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.IssueClient("urn:example:ap", "ap", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ca := inPEM("CERTIFICATE", authority.Certificate())
	for _, tt := range []struct {
		name string
		in   RADIUSTLS
		want string // in the error; "": none
	}{
		{"nothing but the built-in CA", RADIUSTLS{}, ""},
		{"fingerprints as tools print them", RADIUSTLS{Fingerprints: []string{sum, strings.ToUpper(sum), "sha256:" + sum, strings.TrimSuffix(strings.Repeat("AB:", 32), ":")}}, ""},
		{"SHA-1", RADIUSTLS{Fingerprints: []string{strings.Repeat("ab", 20)}}, "64 hexadecimal digits"},
		{"not hexadecimal", RADIUSTLS{Fingerprints: []string{strings.Repeat("xy", 32)}}, "64 hexadecimal digits"},
		{"an authority and names", RADIUSTLS{CA: ca + ca, Names: []string{"AP.example.net", "urn:example:ap"}, CRL: CRLSoft}, ""},
		{"an authority alone", RADIUSTLS{CA: ca}, "go together"},
		{"names alone", RADIUSTLS{Names: []string{"ap.example.net"}}, "go together"},
		{"an authority without a list", RADIUSTLS{CA: ca, Names: []string{"ap.example.net"}}, "crl: soft"},
		{"a list of another kind", RADIUSTLS{CRL: "hard"}, "crl"},
		{"everybody of a domain", RADIUSTLS{CA: ca, Names: []string{"*.example.net"}, CRL: CRLSoft}, "neither a DNS name nor a URI"},
		{"a common name", RADIUSTLS{CA: ca, Names: []string{"Campus AP"}, CRL: CRLSoft}, "neither a DNS name nor a URI"},
		{"no PEM", RADIUSTLS{CA: "CA", Names: []string{"ap.example.net"}, CRL: CRLSoft}, "no certificate in PEM"},
		{"a key", RADIUSTLS{CA: inPEM("PRIVATE KEY", []byte("x")), Names: []string{"ap.example.net"}, CRL: CRLSoft}, "only certificates"},
		{"a damaged one", RADIUSTLS{CA: inPEM("CERTIFICATE", []byte("x")), Names: []string{"ap.example.net"}, CRL: CRLSoft}, "cannot be read"},
		{"no authority", RADIUSTLS{CA: inPEM("CERTIFICATE", leaf.Certificate[0]), Names: []string{"ap.example.net"}, CRL: CRLSoft}, "is no authority"},
		{"too long", RADIUSTLS{CA: strings.Repeat(ca, 200), Names: []string{"ap.example.net"}, CRL: CRLSoft}, "more than"},
		{"too many", RADIUSTLS{Fingerprints: make([]string, 51)}, "more than 50"},
	} {
		err := RADIUSClient{TLS: &tt.in}.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, limit := range []int{-1, 1_000_001} {
		if err := (RADIUSClient{RateLimit: limit}).Check(); err == nil {
			t.Errorf("a rate limit of %d", limit)
		}
	}
	if a, b := CertificateName("AP.Example.net"), CertificateName("urn:X:y"); a != "ap.example.net" || b != "urn:X:y" {
		t.Errorf("names %q and %q", a, b)
	}
}

// FuzzRADIUSTLS checks that what is accepted can be used.
func FuzzRADIUSTLS(f *testing.F) {
	authority, err := certs.NewAuthority("Campus", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate()})), "ap.example.net", strings.Repeat("ab", 32))
	f.Add("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "urn:x", "sha256:")
	f.Fuzz(func(t *testing.T, ca, name, fingerprint string) {
		c := RADIUSTLS{CA: ca, Names: []string{name}, CRL: CRLSoft, Fingerprints: []string{fingerprint}}
		if c.check() != nil {
			return
		}
		if found, err := ParseCertificates(ca); err != nil || len(found) == 0 {
			t.Fatalf("%d authorities, %v", len(found), err)
		}
		if n := CertificateName(name); n == "" || CertificateName(n) != n {
			t.Fatalf("%q is compared as %q", name, n)
		}
	})
}
