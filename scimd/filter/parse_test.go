package filter

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	str := func(s string) Literal { return Literal{String, s} }
	attr := func(name string) AttrPath { return AttrPath{Name: name} }
	work := Compare{attr("type"), Eq, str("work")}
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	tests := []struct {
		name, in string
		want     Expr
	}{
		{"eq", `userName eq "bjensen"`, Compare{attr("userName"), Eq, str("bjensen")}},
		{"operator in any case", `userName EQ "bjensen"`, Compare{attr("userName"), Eq, str("bjensen")}},
		{"sub-attribute", `name.familyName co "O'Malley"`, Compare{AttrPath{Name: "name", Sub: "familyName"}, Co, str("O'Malley")}},
		{"core URN", `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, Compare{AttrPath{URN: "urn:ietf:params:scim:schemas:core:2.0:User", Name: "userName"}, Sw, str("J")}},
		{"extension URN with sub-attribute", enterprise + `:manager.value eq "26"`, Compare{AttrPath{enterprise, "manager", "value"}, Eq, str("26")}},
		{"presence", "title pr", Present{attr("title")}},
		{"date", `meta.lastModified gt "2011-05-13T04:42:34Z"`, Compare{AttrPath{Name: "meta", Sub: "lastModified"}, Gt, str("2011-05-13T04:42:34Z")}},
		{"boolean", "active eq true", Compare{attr("active"), Eq, Literal{Bool, "true"}}},
		{"null", "title eq null", Compare{attr("title"), Eq, Literal{Null, "null"}}},
		{"number", "uidNumber ge -1.5e3", Compare{attr("uidNumber"), Ge, Literal{Number, "-1.5e3"}}},
		{"and binds tighter than or", `a pr or b pr and c pr`, Or{[]Expr{Present{attr("a")}, And{[]Expr{Present{attr("b")}, Present{attr("c")}}}}}},
		{"parentheses", `(a pr or b pr) and c pr`, And{[]Expr{Or{[]Expr{Present{attr("a")}, Present{attr("b")}}}, Present{attr("c")}}}},
		{"needless parentheses vanish", `((a pr and (b pr and c pr)))`, And{[]Expr{Present{attr("a")}, Present{attr("b")}, Present{attr("c")}}}},
		{"not", `not (title pr)`, Not{Present{attr("title")}}},
		{"not without a space", `NOT(title pr)and(a pr)`, And{[]Expr{Not{Present{attr("title")}}, Present{attr("a")}}}},
		{"an attribute called not", `not pr`, Present{attr("not")}},
		{"value path", `emails[type eq "work" and value co "@example.com"]`, ValuePath{attr("emails"), And{[]Expr{work, Compare{attr("value"), Co, str("@example.com")}}}}},
		{"comparison behind a value path", `emails[type eq "work"].value eq "a@b"`, ValuePath{attr("emails"), And{[]Expr{work, Compare{attr("value"), Eq, str("a@b")}}}}},
		{"presence behind a value path", `emails[type eq "work"].value pr`, ValuePath{attr("emails"), And{[]Expr{work, Present{attr("value")}}}}},
		{"escapes", `title eq "a\"b\\c\u00e9"`, Compare{attr("title"), Eq, str(`a"b\cé`)}},
		{"keywords inside a string", `title eq "x and (y or z)"`, Compare{attr("title"), Eq, str("x and (y or z)")}},
		{"spaces around", `  title   pr  `, Present{attr("title")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("Parse(%q) -want +got:\n%s", tt.in, d)
			}
			checkRoundTrip(t, got)
		})
	}
}

func checkRoundTrip(t *testing.T, x Expr) {
	t.Helper()
	if len(x.String()) > MaxBytes {
		return
	}
	again, err := Parse(x.String(), Options{})
	if err != nil {
		t.Fatalf("printed as %q, which does not parse: %v", x, err)
	}
	if d := cmp.Diff(x, again); d != "" {
		t.Errorf("printed as %q, which parses differently:\n%s", x, d)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		pos      int
	}{
		{"empty", "", 0},
		{"only spaces", "   ", 3},
		{"no operator", "userName", 8},
		{"unknown operator", `userName is "x"`, 9},
		{"no value", "userName eq", 11},
		{"unquoted value", "userName eq jdoe", 12},
		{"Python's literal", "active eq True", 10},
		{"open quote", `userName eq "x`, 12},
		{"control character in a string", "userName eq \"a\x01\"", 12},
		{"open parenthesis", `(userName pr`, 12},
		{"closing parenthesis too many", `userName pr)`, 11},
		{"open bracket", `emails[type pr`, 14},
		{"bracket in a bracket", `emails[a[b pr] pr]`, 8},
		{"bracket behind a sub-attribute", `emails.value[type pr]`, 12},
		{"dangling and", `a pr and`, 5},
		{"dangling or", `a pr or `, 8},
		{"two sub-attributes", `a.b.c pr`, 3},
		{"half a URN", `urn: pr`, 0},
		{"leading zero", `a eq 007`, 5},
		{"eleven levels", strings.Repeat("(", 11) + "a pr" + strings.Repeat(")", 11), 10},
		{"200 kB of parentheses", strings.Repeat("(", 200_000), MaxBytes},
		{"invalid UTF-8", "a eq \"\xff\"", 0},
		{"eleven levels once a value path is rewritten", strings.Repeat("(", 9) + "a[b pr or c pr].d pr" + strings.Repeat(")", 9), 29},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x, err := Parse(tt.in, Options{})
			if err == nil {
				t.Fatalf("parsed as %v", x)
			}
			var e *Error
			if !errors.As(err, &e) || e.Pos != tt.pos {
				t.Errorf("got %v, want an Error at %d", err, tt.pos)
			}
		})
	}
}

func TestDepthLimitAdmitsTen(t *testing.T) {
	in := strings.Repeat("not (", 10) + "a pr" + strings.Repeat(")", 10)
	x, err := Parse(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkRoundTrip(t, x)
}

func TestUnquoted(t *testing.T) {
	for in, want := range map[string]string{
		"userName eq jdoe":                    `userName eq "jdoe"`,
		"userName eq a@example.com":           `userName eq "a@example.com"`,
		"active eq True":                      "active eq true",
		"(userName eq jdoe)":                  `userName eq "jdoe"`,
		"externalId eq 00u1x and active pr":   `externalId eq "00u1x" and active pr`,
		"emails[type eq work].value eq a@b":   `emails[type eq "work" and value eq "a@b"]`,
		`userName eq "still \"quoted\" text"`: `userName eq "still \"quoted\" text"`,
	} {
		x, err := Parse(in, Options{Unquoted: true})
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if x.String() != want {
			t.Errorf("%s: got %s, want %s", in, x, want)
		}
	}
}

func TestParsePath(t *testing.T) {
	work := Compare{AttrPath{Name: "type"}, Eq, Literal{String, "work"}}
	tests := []struct {
		in   string
		want Path
	}{
		{"members", Path{Attr: AttrPath{Name: "members"}}},
		{"name.familyName", Path{Attr: AttrPath{Name: "name", Sub: "familyName"}}},
		{`addresses[type eq "work"]`, Path{Attr: AttrPath{Name: "addresses"}, Filter: work}},
		{`emails[type eq "work"].value`, Path{Attr: AttrPath{Name: "emails"}, Filter: work, Sub: "value"}},
		{"manager.$ref", Path{Attr: AttrPath{Name: "manager", Sub: "$ref"}}},
		{" displayName ", Path{Attr: AttrPath{Name: "displayName"}}},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", Path{Attr: AttrPath{URN: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", Name: "department"}}},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", Path{Attr: AttrPath{URN: "urn:ietf:params:scim:schemas:extension:enterprise:2.0", Name: "User"}}},
	}
	for _, tt := range tests {
		got, err := ParsePath(tt.in, Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s -want +got:\n%s", tt.in, d)
		}
		if again, err := ParsePath(got.String(), Options{}); err != nil || !cmp.Equal(got, again) {
			t.Errorf("%s printed as %s: %v", tt.in, got, err)
		}
	}
	for _, in := range []string{"", ".", "a.", "a..b", "a.b.c", "emails[", "emails[]", `emails[type eq "work"]value`, `emails[type eq "work"].`, "a b", "1a", "/Users", "a pr"} {
		if got, err := ParsePath(in, Options{}); err == nil {
			t.Errorf("%q parsed as %+v", in, got)
		}
	}
}

func TestParseAttrPath(t *testing.T) {
	if got, err := ParseAttrPath("emails.value"); err != nil || got != (AttrPath{Name: "emails", Sub: "value"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := ParseAttrPath(`emails[type eq "work"]`); err == nil {
		t.Error("a filter passed as an attribute name")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`userName eq "bjensen" and (emails[type eq "work"].value co "@" or not (title pr))`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value ne null`,
		`a[(b pr or c pr)].d eq 1 and active eq True`, "((((((((((", "not(not(a pr))", `x eq "\ud800"`,
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, unquoted bool) {
		x, err := Parse(s, Options{Unquoted: unquoted})
		if err != nil {
			return
		}
		checkRoundTrip(t, x)
		Matcher{}.Match(x, emptyObject{})
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"members", `emails[type eq "work"].value`, "urn:a:b:c.d", "$ref", "members[value eq \"x\"]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s, Options{})
		if err != nil || len(p.String()) > MaxBytes {
			return
		}
		if again, err := ParsePath(p.String(), Options{}); err != nil || !cmp.Equal(p, again) {
			t.Errorf("%q printed as %q: %v", s, p, err)
		}
	})
}

type emptyObject struct{}

func (emptyObject) Attribute(_, _ string) any { return nil }
