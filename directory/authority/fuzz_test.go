package authority

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// FuzzPrincipalNames: whatever an extension holds, it is read or refused.
func FuzzPrincipalNames(f *testing.F) {
	f.Add([]byte{0x30, 0x24, 0xa0, 0x22, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03, 0xa0, 0x14, 0x0c, 0x12, 'a', 'l', 'i', 'c', 'e', '@', 'c', 'o', 'r', 'p', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'})
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		leaf := &x509.Certificate{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: b}}}
		names, err := principalNames(leaf)
		if err != nil && names != nil {
			t.Error("names and an error")
		}
	})
}

func TestPrincipalName(t *testing.T) {
	value := []byte{0x30, 0x24, 0xa0, 0x22, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03, 0xa0, 0x14, 0x0c, 0x12, 'a', 'l', 'i', 'c', 'e', '@', 'c', 'o', 'r', 'p', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'}
	leaf := &x509.Certificate{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}}
	c := Config{SAN: SANUPN, Strip: "@corp.example"}
	if got, err := c.name(leaf); got != "alice" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.Strip = "@other.example"
	if got, err := c.name(leaf); err == nil {
		t.Errorf("of another domain: %q", got)
	}
}

// What cannot work is said when the configuration is read.
func TestCheck(t *testing.T) {
	good := Config{Name: "corp", Purpose: PurposeDevice, CAFile: "ca.pem", CRLFile: "ca.crl", SAN: SANEmail, User: UserEmail}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for what, edit := range map[string]func(*Config){
		"no name": func(c *Config) { c.Name = "" }, "no purpose": func(c *Config) { c.Purpose = "" },
		"no file": func(c *Config) { c.CAFile = "" }, "no list": func(c *Config) { c.CRLFile = "" },
		"CRL": func(c *Config) { c.CRL = "hard" }, "name in it": func(c *Config) { c.SAN = "cn" }, "field": func(c *Config) { c.User = "" },
	} {
		c := good
		edit(&c)
		if c.Check() == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
