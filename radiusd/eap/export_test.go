package eap

import (
	"bytes"
	"crypto/tls"
	"testing"
)

// What we derive by ourselves is what crypto/tls derives where it does.
func TestExportIsThatOfTLS(t *testing.T) {
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256} {
		f := newFixture(t)
		var keys tunnelKeys
		p := f.peer(TypeTTLS, func(c *tls.Conn) error {
			state := c.ConnectionState()
			keys.state = &state
			return pap("alice", secret)(c)
		})
		p.round.LegacyTLS = true
		p.config.MaxVersion, p.config.CipherSuites, p.config.KeyLogWriter = tls.VersionTLS12, []uint16{suite}, &keys
		var served *session
		p.watch = func() {
			for _, c := range f.table.byState {
				served = c.session
			}
		}
		if a := p.run(); a.Verdict != Accepted {
			t.Fatalf("%+v", a)
		}
		if served == nil || !served.secrets.extended || len(served.secrets.server) != 32 || !bytes.Equal(served.secrets.master, keys.master) {
			t.Fatal("the handshake was not read")
		}
		keys.server, keys.legacy = served.secrets.server, true
		for _, label := range []string{"ttls keying material", "ttls challenge"} {
			want, err := keys.state.ExportKeyingMaterial(label, nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := keys.export(label, nil, 100); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %x, want %x: %v", tls.CipherSuiteName(suite), label, got, want, err)
			}
		}
		keys.legacy = false
		if _, err := keys.export("ttls challenge", nil, 17); err == nil {
			t.Error("derived without having to")
		}
	}
}

// Of octets that are no ServerHello nothing is believed.
func FuzzReadHello(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		var k tunnelKeys
		k.readHello(b)
		if k.extended && len(k.server) != 32 {
			t.Error("extended without a random value")
		}
	})
}
