package schema

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func oidc(change func(*OIDC)) OIDC {
	o := OIDC{ClientID: "wiki", RedirectURIs: []string{"https://wiki.example.com/cb"}}
	change(&o)
	return o
}

func redirect(uris ...string) OIDC { return oidc(func(o *OIDC) { o.RedirectURIs = uris }) }

func TestCheck(t *testing.T) {
	saml := SAML{EntityID: "https://sp.example.com"}
	tests := []struct {
		name string
		in   interface{ Check() error }
		want string // part of the error; "" for none
	}{
		{"oidc", oidc(func(*OIDC) {}), ""},
		{"oidc localhost", redirect("http://localhost:5000/oidc/callback", "http://127.0.0.1/cb", "http://[::1]:8080/cb"), ""},
		{"oidc no client id", oidc(func(o *OIDC) { o.ClientID = "" }), "client_id"},
		{"oidc client id with a space", oidc(func(o *OIDC) { o.ClientID = "a b" }), "client_id"},
		{"oidc no redirect", redirect(), "redirect_uris: at least one"},
		{"oidc client credentials need no redirect", OIDC{ClientID: "job", Grants: []string{"client_credentials"}}, ""},
		{"oidc public with client credentials", OIDC{ClientID: "job", Public: true, Grants: []string{"client_credentials"}}, "grants"},
		{"oidc password grant", oidc(func(o *OIDC) { o.Grants = []string{"password"} }), "grants"},
		{"oidc http", redirect("http://wiki.example.com/cb"), "http is for localhost only"},
		{"oidc http, localhost in the name", redirect("http://localhost.example.com/cb"), "http is for localhost only"},
		{"oidc http, localhost as a user", redirect("http://localhost@example.com/cb"), "user name"},
		{"oidc wildcard", redirect("https://*.example.com/cb"), "wildcard"},
		{"oidc fragment", redirect("https://example.com/cb#x"), "fragment"},
		{"oidc empty fragment", redirect("https://example.com/cb#"), "fragment"},
		{"oidc javascript", redirect("javascript:alert(1)"), "not https"},
		{"oidc data", redirect("data:text/html,x"), "not https"},
		{"oidc relative", redirect("/cb"), "not https"},
		{"oidc no host", redirect("https:///cb"), "not https"},
		{"oidc newline", redirect("https://example.com/\ncb"), "not an address"},
		{"oidc private scheme", redirect("com.example.app:/cb"), "not https"},
		{"oidc private scheme, public", oidc(func(o *OIDC) { o.Public = true; o.RedirectURIs = []string{"com.example.app:/cb"} }), ""},
		{"oidc private scheme without a dot", oidc(func(o *OIDC) { o.Public = true; o.RedirectURIs = []string{"javascript:x"} }), "not https"},
		{"oidc post logout", oidc(func(o *OIDC) { o.PostLogoutRedirectURIs = []string{"http://x.example/"} }), "post_logout_redirect_uris"},
		{"oidc scope", oidc(func(o *OIDC) { o.Scopes = []string{`a"b`} }), "scopes"},
		{"oidc issuer", oidc(func(o *OIDC) { o.Issuer = "other" }), `issuer: "other" is not one of app, site`},
		{"oidc alg none", oidc(func(o *OIDC) { o.IDTokenAlg = "none" }), "id_token_alg"},

		{"ldap", LDAP{}, ""},
		{"ldap full", LDAP{Attributes: map[string]string{"login": "uid"}, RDN: "cn", FrontEnds: []string{"10.0.0.0/8"}, AppPasswords: "only"}, ""},
		{"ldap unknown attribute", LDAP{Attributes: map[string]string{"login": "nosuch"}}, "attributes"},
		{"ldap bad name", LDAP{Attributes: map[string]string{"a=b": "uid"}}, "attributes"},
		{"ldap rdn", LDAP{RDN: "sn"}, "rdn"},
		{"ldap front end", LDAP{FrontEnds: []string{"10.0.0.1"}}, "front_ends"},
		{"ldap app passwords", LDAP{AppPasswords: "maybe"}, "app_passwords"},

		{"radius", RADIUS{}, ""},
		{"radius passwords", RADIUS{Passwords: "any"}, "passwords"},

		{"saml", saml, ""},
		{"saml no entity id", SAML{}, "entity_id"},
		{"saml name id", SAML{EntityID: "x", NameID: "dn"}, "name_id"},
		{"saml attribute", SAML{EntityID: "x", Attributes: map[string]string{"groups": "groups"}}, ""},
		{"saml unknown attribute", SAML{EntityID: "x", Attributes: map[string]string{"groups": "nosuch"}}, "attributes"},

		{"proxy", Proxy{ExternalURL: "https://grafana.example.com"}, ""},
		{"proxy upstream", Proxy{ExternalURL: "https://g.example.com", Mode: "proxy", Upstream: "http://10.0.0.5:3000"}, ""},
		{"proxy http", Proxy{ExternalURL: "http://g.example.com"}, "external_url"},
		{"proxy path", Proxy{ExternalURL: "https://g.example.com/app"}, "external_url"},
		{"proxy without upstream", Proxy{ExternalURL: "https://g.example.com", Mode: "proxy"}, "upstream"},
		{"proxy dot dot", Proxy{ExternalURL: "https://g.example.com", SkipPaths: []string{"/a/../b"}}, "skip_paths"},

		{"scim", SCIM{URL: "https://x.example/scim/v2"}, ""},
		{"scim http", SCIM{URL: "http://x.example/scim/v2"}, "not https"},
		{"scim http allowed", SCIM{URL: "http://x.example/scim/v2", AllowHTTP: true}, ""},
		{"scim userinfo", SCIM{URL: "https://a:b@x.example/"}, "user name"},

		{"nas", RADIUSClient{}, ""},
		{"nas full", RADIUSClient{
			Methods: []string{"eap-tls", "peap"}, MessageAuthenticator: "auto", Realms: []string{"EXAMPLE", "example.com"}, SessionTimeout: 3600,
			CoA: CoA{Address: "192.0.2.1"}, Reply: []Reply{{Group: "staff", VLAN: "101", FilterID: "staff", Attributes: map[string][]string{"Cisco-AVPair": {"shell:priv-lvl=15"}}}, {VLAN: "guests"}},
		}, ""},
		{"nas method", RADIUSClient{Methods: []string{"chap"}}, "methods"},
		{"nas method twice", RADIUSClient{Methods: []string{"pap", "pap"}}, "twice"},
		{"nas authenticator off", RADIUSClient{MessageAuthenticator: "off"}, "message_authenticator"},
		{"nas realm", RADIUSClient{Realms: []string{"a@b"}}, "realms"},
		{"nas timeout", RADIUSClient{SessionTimeout: 5}, "session_timeout"},
		{"nas coa host name", RADIUSClient{CoA: CoA{Address: "ap.example.com:3799"}}, "coa"},
		{"nas coa port", RADIUSClient{CoA: CoA{Address: "nas:0"}}, "coa"},
		{"nas coa profile", RADIUSClient{CoA: CoA{Address: "nas", Profile: "acme"}}, "coa"},
		{"nas devices without coa", RADIUSClient{MaxDevices: 2}, "coa"},
		{"nas devices", RADIUSClient{MaxDevices: -1}, "max_devices"},
		{"nas coa verb", RADIUSClient{CoA: CoA{Verb: "coa"}}, "coa"},
		{"nas coa via", RADIUSClient{TLS: &RADIUSTLS{}, CoA: CoA{Via: "pigeon"}}, "via"},
		{"nas coa via radsec", RADIUSClient{TLS: &RADIUSTLS{}, CoA: CoA{Via: CoARadSec}, MaxDevices: 2}, ""},
		{"nas coa via radsec without tls", RADIUSClient{CoA: CoA{Via: CoARadSec}}, "tls"},
		{"nas coa via radsec, address", RADIUSClient{TLS: &RADIUSTLS{}, CoA: CoA{Via: CoARadSec, Address: "ap.example.com"}}, "coa"},
		{"nas vlan 0", RADIUSClient{Reply: []Reply{{VLAN: "0"}}}, "reply: row 1: vlan"},
		{"nas vlan 4095", RADIUSClient{Reply: []Reply{{VLAN: "1"}, {VLAN: "4095"}}}, "reply: row 2: vlan"},
		{"nas vlan huge", RADIUSClient{Reply: []Reply{{VLAN: "99999999999999999999"}}}, "vlan"},
		{"nas vlan octal", RADIUSClient{Reply: []Reply{{VLAN: "0101"}}}, "vlan"},
		{"nas vlan name", RADIUSClient{Reply: []Reply{{VLAN: "with space"}}}, "vlan"},
		{"nas reply forges a proof", RADIUSClient{Reply: []Reply{{Attributes: map[string][]string{"message-authenticator": {"x"}}}}}, "set by the server"},
		{"nas reply forges keys", RADIUSClient{Reply: []Reply{{Attributes: map[string][]string{"MS-MPPE-Send-Key": {"x"}}}}}, "set by the server"},
		{"nas reply long value", RADIUSClient{Reply: []Reply{{Attributes: map[string][]string{"Reply-Message": {strings.Repeat("x", 254)}}}}}, "253"},
		{"nas reply unknown", RADIUSClient{Reply: []Reply{{Attributes: map[string][]string{"No-Such-Attribute": {"1"}}}}}, "known are Service-Type"},
		{"nas reply value", RADIUSClient{Reply: []Reply{{Attributes: map[string][]string{"Idle-Timeout": {"soon"}}}}}, "not a number"},
		{"nas reply device", RADIUSClient{Reply: []Reply{{Device: "laptop"}}}, "device"},
		{"nas reject", RADIUSClient{RejectAttributes: map[string][]string{"Reply-Message": {"no"}, "Aruba-User-Role": {"guest"}}}, ""},
		{"nas reject grants", RADIUSClient{RejectAttributes: map[string][]string{"Framed-IP-Address": {"192.0.2.1"}}}, "reject_attributes"},
		{"nas reject forges a proof", RADIUSClient{RejectAttributes: map[string][]string{"EAP-Message": {"x"}}}, "set by the server"},
		{"nas reply name", RADIUSClient{Reply: []Reply{{Attributes: map[string][]string{"a b": {"x"}}}}}, "not an attribute name"},

		{"source", SCIMSource{}, ""},
		{"source full", SCIMSource{Profile: "entra", Writable: []string{"password"}, WritableGroups: []string{"staff"}, Emails: "trusted", Networks: []string{"2001:db8::/32"}}, ""},
		{"source profile", SCIMSource{Profile: "azure"}, "profile"},
		{"source writable", SCIMSource{Writable: []string{"role"}}, "writable"},
		{"source group", SCIMSource{WritableGroups: []string{""}}, "writable_groups"},
		{"source emails", SCIMSource{Emails: "yes"}, "emails"},
		{"source network", SCIMSource{Networks: []string{"10.0.0.1/8"}}, "did you mean 10.0.0.0/8"},
		{"source mapped network", SCIMSource{Networks: []string{"::ffff:10.0.0.0/104"}}, "IPv4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.in.Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDecodeFacet(t *testing.T) {
	tests := []struct {
		protocol, config string
		want             Facet
	}{
		{"oidc", `{"client_id":"wiki","newer":1}`, OIDC{
			ClientID: "wiki", Issuer: "app", IDTokenAlg: "RS256", Scopes: []string{"openid", "profile", "email", "groups", "offline_access"},
			Grants: []string{"authorization_code", "refresh_token"},
		}},
		{"saml", `{"entity_id":"x","sign_response":true}`, SAML{EntityID: "x", NameID: "persistent", SignResponse: true}},
		{"saml", `{"entity_id":"x"}`, SAML{EntityID: "x", NameID: "persistent", SignAssertion: true}},
		{"ldap", ``, LDAP{}},
		{"radius", `{}`, RADIUS{}},
		{"proxy", `{"external_url":"https://G.example.com:8443"}`, Proxy{ExternalURL: "https://G.example.com:8443", Mode: "forward"}},
		{"scim", `{"url":"https://x"}`, SCIM{URL: "https://x"}},
	}
	for _, tt := range tests {
		got, err := DecodeFacet(tt.protocol, []byte(tt.config))
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s %s: %v %s", tt.protocol, tt.config, err, cmp.Diff(tt.want, got))
		}
	}
	for _, bad := range [][2]string{{"telnet", "{}"}, {"oidc", `{"client_id":5}`}, {"ldap", "x"}} {
		if f, err := DecodeFacet(bad[0], []byte(bad[1])); err == nil {
			t.Errorf("%v: %v", bad, f)
		}
	}
	for want, f := range map[string]Facet{
		"wiki": OIDC{ClientID: "wiki"}, "x": SAML{EntityID: "x"}, "g.example.com:8443": Proxy{ExternalURL: "https://G.example.com:8443/"}, "": LDAP{},
	} {
		if f.Key() != want {
			t.Errorf("Key of %v = %q, want %q", f, f.Key(), want)
		}
	}
}

func TestDefaults(t *testing.T) {
	got := RADIUSClient{CoA: CoA{Address: "2001:db8::1"}}.WithDefaults()
	want := RADIUSClient{
		Methods: []string{"pap", "eap-tls", "eap-ttls", "peap"}, MessageAuthenticator: "required", SessionTimeout: 28800, RateLimit: 50_000,
		CoA: CoA{Address: "[2001:db8::1]:3799", Verb: "disconnect", Profile: "generic"},
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	s := SCIMSource{Writable: []string{"password"}}.WithDefaults()
	if s.Profile != "lenient" || s.EmailsTrusted() || !s.MayWrite("password") || s.MayWrite("uidNumber") || !s.MayWrite("title") {
		t.Errorf("%+v", s)
	}
	b, err := json.Marshal(RADIUSClient{})
	if err != nil || string(b) != "{}" {
		t.Errorf("the zero RADIUS client is stored as %s, %v", b, err)
	}
}

func TestCoATarget(t *testing.T) {
	peer := netip.MustParseAddr("::ffff:192.0.2.9")
	for _, tt := range []struct {
		coa  CoA
		want string
	}{
		{CoA{}, ""},
		{CoA{Address: "192.0.2.1"}, "192.0.2.1:3799"},
		{CoA{Address: "192.0.2.1", Profile: ProfileCisco}, "192.0.2.1:1700"},
		{CoA{Address: "[2001:db8::1]:99"}, "[2001:db8::1]:99"},
		{CoA{Address: "nas"}, "192.0.2.9:3799"},
		{CoA{Address: "nas", Profile: ProfileCisco}, "192.0.2.9:1700"},
		{CoA{Address: "nas:99"}, "192.0.2.9:99"},
	} {
		got, ok := (RADIUSClient{CoA: tt.coa}).WithDefaults().CoA.Target(peer)
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%+v: %v, %v; want %s", tt.coa, got, ok, tt.want)
		}
	}
}
