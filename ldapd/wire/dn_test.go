package wire

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseDN(t *testing.T) {
	tests := []struct {
		name, in string
		want     DN
	}{
		{"root", "", nil},
		{"spaces only", "  ", nil},
		// RFC 4514 §4.
		{"three parts", "UID=jsmith,DC=example,DC=net", DN{{{"UID", "jsmith"}}, {{"DC", "example"}}, {{"DC", "net"}}}},
		{"two values in one part", "OU=Sales+CN=J.  Smith,DC=example", DN{{{"OU", "Sales"}, {"CN", "J.  Smith"}}, {{"DC", "example"}}}},
		{"quotes", `CN=James \"Jim\" Smith\, III,DC=net`, DN{{{"CN", `James "Jim" Smith, III`}}, {{"DC", "net"}}}},
		{"carriage return", `CN=Before\0dAfter`, DN{{{"CN", "Before\rAfter"}}}},
		{"hexadecimal value", "1.3.6.1.4.1.1466.0=#04024869", DN{{{"1.3.6.1.4.1.1466.0", "Hi"}}}},
		{"UTF-8 in hexadecimal", `CN=Lu\C4\8Di\C4\87`, DN{{{"CN", "Lučić"}}}},
		{"UTF-8 as it is", "CN=Lučić", DN{{{"CN", "Lučić"}}}},
		{"spaces around separators", "uid = alice , ou = users + cn = x", DN{{{"uid", "alice"}}, {{"ou", "users"}, {"cn", "x"}}}},
		{"escaped spaces stay", `cn=\ a\ ,dc=x`, DN{{{"cn", " a "}}, {{"dc", "x"}}}},
		{"equals sign in a value", "cn=a=b", DN{{{"cn", "a=b"}}}},
		{"hash inside", "cn=a#b", DN{{{"cn", "a#b"}}}},
		{"empty value", "cn=,dc=x", DN{{{"cn", ""}}, {{"dc", "x"}}}},
		{"escaped NUL", `cn=a\00`, DN{{{"cn", "a\x00"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseDN(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			checkDN(t, got)
			theirs, err := ldap.ParseDN(tt.in)
			if err != nil || tt.in == "1.3.6.1.4.1.1466.0=#04024869" || tt.name == "spaces only" {
				return // it takes fewer forms than we do
			}
			again, err := ldap.ParseDN(got.String())
			if err != nil || !theirs.Equal(again) {
				t.Errorf("go-ldap reads %s as another name than %s (%v)", got, tt.in, err)
			}
		})
	}
}

func TestParseDNRefuses(t *testing.T) {
	for _, in := range []string{
		"alice", "=a", "uid=a,", ",uid=a", "uid=a,,dc=x", "uid=a+", "uid=a+,dc=x", `cn="a,b"`, "cn=a;dc=x", "cn=a<b", "cn=a>b", "cn=a\x00",
		`cn=a\`, `cn=a\4`, `cn=a\zz`, "cn=#", "cn=#zz", "cn=#0402486", "cn=#040248", "cn=#0402486900", "cn=#020101", "cn=#04024869x", "cn=#04024869xou=a", "u id=a", "u_id=a",
		"-a=b", "1=b\x00", "1..2=b", "01.2=b", ".1=b", "a.b=c", "cn;lang-de=x",
		"cn=" + strings.Repeat("a", MaxDNSize), "cn=" + strings.Repeat("é", MaxDNSize/2), strings.Repeat("dc=x,", MaxRDNs) + "dc=x", strings.Repeat("dc=x+", maxAVAs) + "dc=x",
	} {
		if dn, err := ParseDN(in); err == nil {
			t.Errorf("%.40s: accepted as %s", in, dn)
		}
		var n Name
		if err := n.Set([]byte(in)); err == nil || n.Len() != 0 {
			t.Errorf("%.40s: a name of %d parts, %v", in, n.Len(), err)
		}
	}
}

func TestNameKey(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "uid=alice,ou=users,dc=example,dc=com", "uid=alice,ou=users,dc=example,dc=com"},
		{"case", "UID=Alice,OU=Users,DC=Example", "uid=alice,ou=users,dc=example"},
		{"spaces", "cn = J.   Smith , dc=x", "cn=j. smith,dc=x"},
		{"OID and long name", "0.9.2342.19200300.100.1.1=a,organizationalUnitName=b,2.5.4.3=c", "uid=a,ou=b,cn=c"},
		{
			"the names of RFC 4514 §3", "CN=1,L=2,ST=3,O=4,OU=5,C=6,STREET=7,DC=8,UID=9",
			"cn=1,l=2,st=3,o=4,ou=5,c=6,street=7,dc=8,uid=9",
		},
		{
			"and their identifiers", "2.5.4.3=1,2.5.4.7=2,2.5.4.8=3,2.5.4.10=4,2.5.4.11=5,2.5.4.6=6,2.5.4.9=7,0.9.2342.19200300.100.1.25=8,0.9.2342.19200300.100.1.1=9",
			"cn=1,l=2,st=3,o=4,ou=5,c=6,street=7,dc=8,uid=9",
		},
		{"values of an RDN are a set", "uid=b+cn=a", "cn=a+uid=b"},
		{"the same set", "cn=a+uid=b", "cn=a+uid=b"},
		{"escaped comma stays inside", `cn=a\,dc=x`, `cn=a\2cdc=x`},
		{"escaped plus stays inside", `cn=a\+uid=b`, `cn=a\2buid=b`},
		{"escaped backslash", `cn=a\\2c`, `cn=a\5c2c`},
		{"needless escape", `cn=\61lice`, "cn=alice"},
		{"full-width letters", "cn=ＡＬＩＣＥ", "cn=alice"},
		{"sharp s", "cn=Straße", "cn=strasse"},
		{"composed and decomposed", "cn=e\u0301", "cn=\u00e9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n Name
			if err := n.Set([]byte(tt.in)); err != nil {
				t.Fatal(err)
			}
			if got := string(n.Key()); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNameBelow(t *testing.T) {
	tests := []struct {
		name, dn, base string
		levels         int
		ok             bool
	}{
		{"same", "dc=example,dc=com", "DC=Example,DC=Com", 0, true},
		{"child", "ou=users,dc=example,dc=com", "dc=example,dc=com", 1, true},
		{"grandchild", "uid=a,ou=users,dc=example,dc=com", "dc=example,dc=com", 2, true},
		{"root", "dc=com", "", 1, true},
		{"parent", "dc=com", "dc=example,dc=com", 0, false},
		{"sibling", "ou=groups,dc=x", "ou=users,dc=x", 0, false},
		// A suffix of the string, but not an ancestor.
		{"longer name with the same end", "uid=a,ou=powerusers,dc=x", "users,dc=x", 0, false},
		{"value that ends like the base", "dc=notexample,dc=com", "example,dc=com", 0, false},
		{"base inside an escaped value", `cn=evil\,ou=users\,dc=x`, "ou=users,dc=x", 0, false},
		{"base inside a value, deeper", `cn=evil\,ou=users,dc=x`, "ou=users,dc=x", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var dn, base Name
			if err := dn.Set([]byte(tt.dn)); err != nil {
				t.Fatal(err)
			}
			if err := base.Set([]byte(tt.base)); err != nil && tt.ok {
				t.Fatal(err)
			} else if err != nil {
				return // not a name at all, so it is nobody's ancestor
			}
			levels, ok := dn.Below(&base)
			if ok != tt.ok || levels != tt.levels && ok {
				t.Errorf("got %d, %t", levels, ok)
			}
			if ok && string(dn.Ancestor(levels)) != string(base.Key()) {
				t.Errorf("ancestor %s", dn.Ancestor(levels))
			}
		})
	}
}

// checkDN verifies parse(print(x)) == x and that the key of a name is the same after printing it.
func checkDN(t testing.TB, dn DN) {
	t.Helper()
	again, err := ParseDN(dn.String())
	if err != nil {
		if len(dn.String()) > MaxDNSize {
			return // escaping made it longer than what is read
		}
		t.Fatalf("parse %q: %v", dn.String(), err)
	}
	if diff := cmp.Diff(dn, again, cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(diff)
	}
}

func FuzzDN(f *testing.F) {
	for _, s := range []string{
		"", "uid=alice,ou=users,dc=example,dc=com", `CN=James \"Jim\" Smith\, III,DC=net`, "1.3.6.1.4.1.1466.0=#04024869", "OU=Sales+CN=J.  Smith,DC=x",
		`cn=\20a\20`, "cn=e\u0301", "cn=\xff", `cn=a\2c\2b\5c`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var n, parsed Name
		err := n.Set([]byte(in))
		dn, parseErr := ParseDN(in)
		if (err == nil) != (parseErr == nil) {
			t.Fatalf("name: %v, parser: %v", err, parseErr)
		}
		if err != nil {
			return
		}
		checkDN(t, dn)
		if n.Len() != len(dn) {
			t.Fatalf("%d and %d parts", n.Len(), len(dn))
		}
		// The quick way and the parser give one key.
		for i, rdn := range dn {
			if got, want := string(n.RDN(i)), string(appendNormalRDN(nil, rdn)); got != want {
				t.Fatalf("part %d: %q and %q", i, got, want)
			}
		}
		// A key is a name whose key is itself.
		if len(n.Key()) <= MaxDNSize/4 && parsed.Set(n.Key()) == nil && string(parsed.Key()) != string(n.Key()) {
			t.Fatalf("%q became %q", n.Key(), parsed.Key())
		}
	})
}

func TestAppendFolded(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"Alice", "alice"},
		{"  A   B  ", "a b"},
		{"ÄÖÜ", "äöü"},
		{"ﬁ", "fi"},
		{"A\xffB", "a\xffb"},
		{"   ", ""},
		// RFC 4518 §2.2: what is a space, and what is nothing.
		{"a\tb\r\nc\u00a0d\u3000e\u2028f\u0085g", "a b c d e f g"},
		{"a\x00b\x1bc\x7fd\u0080e\u00adf\u034fg\u180ch\u200bi\u200dj\u202ek\u2060l\ufe0fm\ufeffn\ufffco\U000e0041p", "abcdefghijklmnop"},
		{"\u00a0\u200b ", ""},
	}
	for _, tt := range tests {
		if got := string(AppendFolded(nil, tt.in)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := string(AppendSpaceFolded([]byte("x"), " A\u00ad\u2003 b\n")); got != "xA b" {
		t.Errorf("got %q", got)
	}
}

func TestProhibited(t *testing.T) {
	for _, v := range []string{"a\xffb", "\ufffd", "a\ue000", "\U000f0000", "\U00100000", "\ufdd0", "\uffff", "\U0001fffe"} {
		if !Prohibited(v) {
			t.Errorf("%q is compared", v)
		}
	}
	for _, v := range []string{"", "Alice", "Łuč", "名前", "\U0001f600", "\u200b", "\U0002ebf0"} {
		if Prohibited(v) {
			t.Errorf("%q is not compared", v)
		}
	}
}
