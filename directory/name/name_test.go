package name

import (
	"errors"
	"strings"
	"testing"
)

func TestUsername(t *testing.T) {
	tests := []struct {
		name string
		in   string
		wide bool
		want string // key; "" for an error
		err  string // part of the error
	}{
		{"plain", "alice", false, "alice", ""},
		{"capitals are folded", "Alice.Liddell", false, "alice.liddell", ""},
		{"digit first", "7of9", false, "7of9", ""},
		{"address", "Jane@Example.com", false, "jane@example.com", ""},
		{"all marks", "a.b_c@d-e", false, "a.b_c@d-e", ""},
		{"64", strings.Repeat("a", 64), false, strings.Repeat("a", 64), ""},
		{"65", strings.Repeat("a", 65), false, "", "longer than 64"},
		{"empty", "", false, "", "is empty"},
		{"dot first", ".alice", false, "", `"." (U+002E) at character 1`},
		{"space", "al ice", false, "", "U+0020 at character 3"},
		{"trailing space is not a username", "alice ", false, "", "U+0020 at character 6"},
		{"umlaut", "jörg", false, "", `"ö" (U+00F6) at character 2`},
		{"kelvin", "\u212Aeith", false, "", "U+212A"},
		{"pipe", "a|b", false, "", `separator "|" (U+007C) at character 2`},
		{"nul", "a\x00b", false, "", "NUL U+0000 at character 2"},
		{"control", "a\nb", false, "", "control character U+000A at character 2"},
		{"bidi", "a\u202Eb", false, "", "text direction control U+202E at character 2"},
		{"zero width", "a\u200Bb", false, "", "invisible character U+200B at character 2"},
		{"invalid utf-8", "a\xffb", false, "", "invalid UTF-8"},
		{"comma", "a,b", false, "", `"," (U+002C) at character 2`},

		{"wide umlaut", "J\u00f6rg", true, "jörg", ""},
		{"wide decomposed", "Jo\u0308rg", true, "jörg", ""},
		{"wide sharp s", "Straße", true, "strasse", ""},
		{"wide fullwidth", "\uff21lice", true, "alice", ""},
		{"wide cyrillic", "иван", true, "иван", ""},
		{"wide cyrillic label, latin domain", "Иван@example.com", true, "иван@example.com", ""},
		{"wide domain to a-label", "jane@münchen.de", true, "jane@xn--mnchen-3ya.de", ""},
		{"wide japanese", "山田たろう", true, "山田たろう", ""},
		{"wide mixed", "pаypal", true, "", "mixes Latin and Cyrillic"},
		{"wide whole-script look-alike", "асе", true, "", "looks like Latin but is Cyrillic"},
		{"wide look-alike in the domain", "jane@асе.com", true, "", "looks like Latin"},
		{"wide space", "a b", true, "", "RFC 8265"},
		{"wide pipe", "a|b", true, "", "separator"},
		{"wide zwj", "ن\u200Cا", true, "", "invisible"},
		{"wide symbol first", "_a", true, "", "must begin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Username(tt.in, tt.wide)
			if got != tt.want {
				t.Errorf("Username(%q) = %q, want %q", tt.in, got, tt.want)
			}
			switch {
			case tt.err == "" && err != nil:
				t.Errorf("Username(%q): %v", tt.in, err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("Username(%q): error %v, want it to say %q", tt.in, err, tt.err)
			}
			if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
				t.Errorf("error is a %T", err)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	tests := []struct{ name, in, want, err string }{
		{"plain", "staff", "staff", ""},
		{"spaces and case", "  Domain   Admins ", "domain admins", ""},
		{"no-break space", "Domain\u00A0Admins", "domain admins", ""},
		{"composition", "Bu\u0308ro", "büro", ""},
		{"punctuation", "R&D (Zürich), #1", "r&d (zürich), #1", ""},
		{"empty", "", "", "is empty"},
		{"only spaces", " \u3000 ", "", "is empty"},
		{"pipe", "a|b", "", "separator"},
		{"full-width pipe", "a\uff5cb", "", "separator"},
		{"bidi", "a\u2066b", "", "text direction"},
		{"tab", "a\tb", "", "control"},
		{"line separator", "a\u2028b", "", "line separator"},
		{"bom", "\ufeffa", "", "invisible"},
		{"tag", "a\U000E0041", "", "invisible"},
		{"variation selector", "a\ufe0f", "", "invisible"},
		{"hangul filler", "a\u3164", "", "invisible"},
		{"private use", "a\ue000", "", "private"},
		{"too long", strings.Repeat("x", 257), "", "longer than 256"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Group(tt.in)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Group(%q) = %q, %v; want %q, %q", tt.in, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestEmail(t *testing.T) {
	tests := []struct{ name, in, address, key string }{
		{"plain", "alice@example.com", "alice@example.com", "alice@example.com"},
		{"case kept, key folded", " Alice.L@Example.COM ", "Alice.L@Example.COM", "alice.l@example.com"},
		{"idn", "jane@MÜNCHEN.de", "jane@xn--mnchen-3ya.de", "jane@xn--mnchen-3ya.de"},
		{"a-label", "jane@XN--mnchen-3ya.de", "jane@XN--mnchen-3ya.de", "jane@xn--mnchen-3ya.de"},
		{"utf-8 local part", "Jo\u0308rg@x.de", "Jörg@x.de", "jörg@x.de"},
		{"plus and pipe", "a+b|c@x.de", "a+b|c@x.de", "a+b|c@x.de"},
		{"one label", "root@localhost", "root@localhost", "root@localhost"},
		{"no at", "alice", "", ""},
		{"no local part", "@x.de", "", ""},
		{"no domain", "alice@", "", ""},
		{"two ats", "a@b@x.de", "", ""},
		{"quoted", `"a b"@x.de`, "", ""},
		{"literal", "a@[127.0.0.1]", "", ""},
		{"space", "a b@x.de", "", ""},
		{"dots", "a..b@x.de", "", ""},
		{"dot at the end", "a.@x.de", "", ""},
		{"header injection", "a@x.de\r\nBcc: b@x.de", "", ""},
		{"zero width", "a\u200d@x.de", "", ""},
		{"bad label", "a@-x.de", "", ""},
		{"empty label", "a@x..de", "", ""},
		{"long local part", strings.Repeat("a", 65) + "@x.de", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address, key, err := Email(tt.in)
			if address != tt.address || key != tt.key || (err == nil) != (tt.key != "") {
				t.Errorf("Email(%q) = %q, %q, %v; want %q, %q", tt.in, address, key, err, tt.address, tt.key)
			}
			if err == nil && Login(tt.in) != key {
				t.Errorf("Login(%q) = %q, want the key of the address %q", tt.in, Login(tt.in), key)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"as stored", "alice", "alice"},
		{"phone keyboard", " Alice ", "alice"},
		{"newline pasted", "alice\n", "alice"},
		{"capitals", "ALICE@EXAMPLE.COM", "alice@example.com"},
		{"u-label", "Jane@München.DE", "jane@xn--mnchen-3ya.de"},
		{"empty", "", ""},
		{"spaces", "   ", ""},
		{"nul", "alice\x00", ""},
		{"zero width", "ali\u200bce", ""},
		{"invalid utf-8", "ali\xffce", ""},
		{"too long", strings.Repeat("a", 1025), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Login(tt.in); got != tt.want {
				t.Errorf("Login(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestSlug(t *testing.T) {
	for in, ok := range map[string]bool{
		"wiki": true, "a-1": true, "-": true, strings.Repeat("a", 63): true,
		"": false, "Wiki": false, "a_b": false, "a/b": false, "ä": false, strings.Repeat("a", 64): false,
	} {
		if err := Slug(in); (err == nil) != ok {
			t.Errorf("Slug(%q): %v, want ok %t", in, err, ok)
		}
	}
}

func TestReservedOnUnix(t *testing.T) {
	for in, want := range map[string]bool{
		"sudo": true, "Sudo": true, " sudo ": true, "ｓｕｄｏ": true, "root": true, "docker": true, "lxd": true,
		"libvirt": true, "adm": true, "wheel": true, "_apt": true, "systemd-network": true, "shadow": true,
		"alice": false, "engineers": false, "sudo-team": false,
	} {
		if got := ReservedOnUnix(in); got != want {
			t.Errorf("ReservedOnUnix(%q) = %t, want %t", in, got, want)
		}
	}
}
