package oidc

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func testSet(t testing.TB) *keySet {
	t.Helper()
	set := &keySet{byKID: map[string]*signingKey{}, active: map[string]*signingKey{}}
	for _, alg := range []string{ES256, RS256} {
		signer, err := makeKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		private, err1 := x509.MarshalPKCS8PrivateKey(signer)
		public, err2 := x509.MarshalPKIXPublicKey(signer.Public())
		kid, err3 := thumbprint(signer.Public())
		k, err4 := newSigningKey(kid, alg, private, public)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			t.Fatal(err1, err2, err3, err4)
		}
		set.byKID[kid], set.active[alg] = k, k
	}
	return set
}

// go-jose is the oracle: it must read what we sign, and compute the same
// thumbprint of the key that we publish.
func TestSignaturesAgainstGoJose(t *testing.T) {
	set := testSet(t)
	for _, alg := range []string{ES256, RS256} {
		k := set.active[alg]
		want := map[string]any{"sub": "alice", "n": float64(7)}
		token, err := k.sign(typeAccess, want)
		if err != nil {
			t.Fatal(err)
		}
		published, err := newJWK(k.public)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(published)
		if err != nil {
			t.Fatal(err)
		}
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil {
			t.Fatalf("%s: go-jose does not read the key: %v", alg, err)
		}
		sum, err := key.Thumbprint(5) // crypto.SHA256
		if err != nil || base64.RawURLEncoding.EncodeToString(sum) != k.kid {
			t.Errorf("%s: thumbprint %x, kid %s (%v)", alg, sum, k.kid, err)
		}
		sig, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := sig.Verify(key)
		if err != nil {
			t.Fatalf("%s: go-jose does not verify: %v", alg, err)
		}
		var got map[string]any
		if err := json.Unmarshal(payload, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		got = nil
		if err := set.openToken(token, typeAccess, &got); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: our own reading: %v %v", alg, got, err)
		}
		if err := set.openToken(token, typeID, &got); err == nil {
			t.Errorf("%s: an access token was taken for an ID token", alg)
		}
	}
}

func TestKeyMustFitItsAlgorithm(t *testing.T) {
	set := testSet(t)
	for alg, wrong := range map[string]string{ES256: RS256, RS256: ES256} {
		public, err := x509.MarshalPKIXPublicKey(set.active[wrong].public)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newSigningKey("x", alg, nil, public); err == nil {
			t.Errorf("a %s key was taken for %s", wrong, alg)
		}
	}
	a, b := testSet(t).active[ES256], set.active[ES256]
	private, err1 := x509.MarshalPKCS8PrivateKey(a.private)
	public, err2 := x509.MarshalPKIXPublicKey(b.public)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if _, err := newSigningKey("x", ES256, private, public); err == nil {
		t.Error("a private key that does not belong to the public one was taken")
	}
}

// A header with anything but alg, kid and typ is refused, also when it is signed
// with the right key (10-security "Parsers").
func TestHeaderIsClosed(t *testing.T) {
	set := testSet(t)
	k := set.active[ES256]
	for _, tt := range []struct {
		name   string
		header map[string]any
		ok     bool
	}{
		{"ours", map[string]any{"alg": ES256, "kid": k.kid, "typ": typeAccess}, true},
		{"jku", map[string]any{"alg": ES256, "kid": k.kid, "typ": typeAccess, "jku": "https://evil.example"}, false},
		{"zip", map[string]any{"alg": ES256, "kid": k.kid, "typ": typeAccess, "zip": "DEF"}, false},
		{"crit", map[string]any{"alg": ES256, "kid": k.kid, "typ": typeAccess, "crit": []string{"b64"}}, false},
		{"another algorithm of the same key", map[string]any{"alg": RS256, "kid": k.kid, "typ": typeAccess}, false},
		{"no typ", map[string]any{"alg": ES256, "kid": k.kid}, false},
		{"unknown key", map[string]any{"alg": ES256, "kid": "x", "typ": typeAccess}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, err := json.Marshal(tt.header)
			if err != nil {
				t.Fatal(err)
			}
			forger := *k
			forger.headers = map[string]string{typeAccess: encode64(raw)}
			token, err := forger.sign(typeAccess, map[string]string{"sub": "a"})
			if err != nil {
				t.Fatal(err)
			}
			var claims map[string]any
			if err := set.openToken(token, typeAccess, &claims); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A token under a key that is only published verifies and does not sign.
func TestPublishedKeyDoesNotSign(t *testing.T) {
	set := testSet(t)
	k := *set.active[ES256]
	k.private = nil
	if _, err := k.sign(typeAccess, nil); err == nil {
		t.Error("it signed")
	}
}

func FuzzOpenToken(f *testing.F) {
	set := testSet(f)
	good, err := set.active[ES256].sign(typeAccess, map[string]string{"sub": "a"})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{good, "", ".", "..", "a.b.c", strings.Repeat(".", 50), "e30.e30.", good + "=", good[:len(good)-1]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		var claims map[string]any
		if set.openToken(token, typeAccess, &claims) == nil && !bytes.Equal([]byte(token), []byte(good)) {
			t.Errorf("another token was believed: %q", token)
		}
	})
}
