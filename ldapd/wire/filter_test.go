package wire

import (
	"strings"
	"testing"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// compiled returns the filter that go-ldap makes of text, in BER.
func compiled(t testing.TB, text string) []byte {
	t.Helper()
	p, err := ldap.CompileFilter(text)
	if err != nil {
		t.Fatalf("go-ldap on %s: %v", text, err)
	}
	return p.Bytes()
}

// checkFilter verifies the shape that the doc comment of Filter promises, and parse(print(x)) == x.
func checkFilter(t testing.TB, f *Filter) {
	t.Helper()
	if len(f.Nodes) == 0 || len(f.Nodes)+len(f.Pieces) > MaxFilterNodes || int(f.Nodes[0].End) != len(f.Nodes) {
		t.Fatalf("shape: %d nodes, %d pieces, end %d", len(f.Nodes), len(f.Pieces), f.Nodes[0].End)
	}
	if text := f.String(); !utf8.ValidString(text) {
		t.Fatalf("%q is printed, which is not UTF-8 (RFC 4515 §3)", text)
	}
	for i, n := range f.Nodes {
		children := 0
		for c := i + 1; c < int(n.End); c = int(f.Nodes[c].End) {
			children++
		}
		switch n.Kind {
		case FilterAnd, FilterOr:
		case FilterNot:
			if children != 1 {
				t.Fatalf("not with %d children", children)
			}
		default:
			if children != 0 {
				t.Fatalf("leaf with %d children", children)
			}
		}
	}
	again, err := ParseFilter(f.String())
	if err != nil {
		t.Fatalf("parse %s: %v", f, err)
	}
	if diff := cmp.Diff(f, again, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: %s", f, diff)
	}
}

func TestFilterAgainstGoLDAP(t *testing.T) {
	tests := []struct{ in, want string }{
		{"(uid=alice)", ""},
		{"(objectClass=*)", ""},
		{"(cn=*)", ""},
		{"(&(a=1)(|(b=2)(c=3))(!(d=4)))", ""},
		{"(&)", ""},
		{"(|)", ""},
		{"(cn=a*)", ""},
		{"(cn=*a)", ""},
		{"(cn=*a*)", ""},
		{"(cn=a*b)", ""},
		{"(cn=a*b*c*d)", ""},
		{"(cn=*b*c*)", ""},
		{"(uidNumber>=1000)", ""},
		{"(uidNumber<=1000)", ""},
		{"(cn~=smith)", ""},
		{"(cn:dn:2.4.6.8.10:=Dino)", ""},
		{"(:dn:2.4.6.8.10:=Dino)", ""},
		{"(:2.4.6.8.10:=Dino)", ""},
		{"(o:dn:=Ace)", ""},
		{"(cn:caseExactMatch:=Fred Flintstone)", ""},
		{"(memberOf:1.2.840.113556.1.4.1941:=cn=a,dc=x)", ""},
		{`(o=Parens R Us \28for all your parenthetical needs\29)`, ""},
		{`(cn=*\2A*)`, `(cn=*\2a*)`},
		{`(filename=C:\5cMyFile)`, ""},
		{`(bin=\00\00\00\04)`, ""},
		{`(sn=Lu\c4\8di\c4\87)`, ""},
		{"(sn=Lučić)", `(sn=Lu\c4\8di\c4\87)`},
		{"(1.3.6.1.4.1.1466.0=abc)", ""},
		{"(cn;lang-de=x)", ""},
		{"(&(uid=x)(objectclass=posixAccount)(&(uidNumber=*)(!(uidNumber=0))))", ""},
		{"(&(objectClass=posixAccount)(uid=u)(|(authorizedService=s)(!(authorizedService=*))))", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			var f Filter
			c := cursor{rest: compiled(t, tt.in)}
			f.decode(&c)
			if c.err != nil {
				t.Fatal(c.err)
			}
			if got := f.String(); got != want {
				t.Errorf("printed %s", got)
			}
			checkFilter(t, &f)
			// What we print means the same to go-ldap.
			if diff := cmp.Diff(compiled(t, tt.in), compiled(t, f.String())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, in := range []string{
		"", "uid=a", "(uid=a", "(uid=a))", "()", "(=a)", "(uid)", "(&(a=b)", "(!)", "(!(a=b)(c=d))", "(a=b)(c=d)", "(a=**)", "(a=*b**c)",
		`(a=\2)`, `(a=\zz)`, "(a b=c)", "(:=x)", "(a:b:c:=x)", "(a=(b)", "(>=1)", "(&(a=b)x)",
		strings.Repeat("(!", MaxFilterDepth) + "(a=b)" + strings.Repeat(")", MaxFilterDepth),
		"(&" + strings.Repeat("(a=b)", MaxFilterNodes) + ")",
		"(a=" + strings.Repeat("b", MaxFilterText) + ")",
	} {
		if f, err := ParseFilter(in); err == nil {
			t.Errorf("%.40s: accepted as %.40s", in, f)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"(uid=alice)", "(cn=*)", "(&(a=1)(|(b=2)(c=3))(!(d=4)))", "(cn=a*b*c)", "(cn=*a*)", "(n>=1)", "(n<=1)", "(n~=1)",
		"(cn:dn:2.4.6.8.10:=Dino)", "(:dn:x:=y)", "(&)", `(a=\00\ff)`,
	} {
		f.Add(compiled(f, s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var flt Filter
		c := cursor{rest: in}
		flt.decode(&c)
		if c.err == nil {
			checkFilter(t, &flt)
		}
	})
}

func FuzzFilterText(f *testing.F) {
	for _, s := range []string{"(uid=alice)", "(cn=a*b*c)", "(cn:dn:2.4.6:=x)", `(a=\28\29)`, "(!(&(a=*)(b=c)))", `(:\64n:=x)`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if flt, err := ParseFilter(in); err == nil {
			checkFilter(t, flt)
		}
	})
}

func TestFilterMatchesItsBER(t *testing.T) {
	// The same text through go-ldap's BER and through our parser is the same tree.
	const text = `(&(cn=a*b*c)(!(x=\2a))(|(n>=1)(n<=2)(:dn:r:=v)))`
	want, err := ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	var got Filter
	c := cursor{rest: compiled(t, text)}
	got.decode(&c)
	if diff := cmp.Diff(want, &got, cmpopts.EquateEmpty()); c.err != nil || diff != "" {
		t.Error(c.err, diff)
	}
	if _, err := ber.DecodePacketErr(compiled(t, text)); err != nil {
		t.Error(err)
	}
}
