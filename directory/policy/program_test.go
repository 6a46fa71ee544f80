package policy_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory/policy"
)

const (
	yes     = policy.True
	no      = policy.False
	unknown = policy.Undecided
)

func TestEval(t *testing.T) {
	for _, tt := range []struct {
		rule string
		want policy.Verdict
	}{
		{`true`, yes},
		{`user.username == "alice"`, yes},
		{`user.in_group("finance") && request.ip.in("10.0.0.0/8")`, yes},
		{`user.in_group("guests")`, no},
		{`"staff" in user.groups`, yes},
		{`user.groups.exists(g, g.startsWith("fin"))`, yes},
		{`user.attributes.department == "Sales"`, yes},
		{`user.attributes["department"] == "Sales"`, yes},
		{`user.attributes["cost-center"] == "42"`, yes},
		{`"seller" in user.attributes.roles`, yes},
		{`"2" in user.values("badge")`, yes},
		{`user.attributes.badge == "1"`, unknown}, // which of the two?
		{`has(user.attributes.badge)`, yes},
		{`user.attributes.room != "1"`, unknown},
		{`"1" in user.values("room") || true`, yes},
		{`!("1" in user.values("room"))`, unknown},
		{`"totp" in user.factors && !user.has_factor("totp")`, yes},
		{`user.has_factor("password")`, yes},
		{`user.created < request.time`, yes},
		{`user.last_login < request.time`, unknown},

		{`request.ip.in("10.1.2.3")`, yes},
		{`request.ip.in(["192.168.0.0/16", "10.0.0.0/9"])`, yes},
		{`request.ip . in ( "2001:db8::/32" )`, no},
		{`request.peer.in("192.0.2.0/24") && request.nas.ip == request.peer`, yes},
		{`request.nas.name.startsWith("ap-")`, yes},
		{`request.protocol in ["radius", "ldap"] && request.app == "wifi"`, yes},
		{`request.method == "eap-ttls" && request.ssid == "Corp"`, yes},
		{`request.mac == "" || request.port_type == ""`, unknown},
		{`request.certificate.subject != "x"`, unknown},
		{`!has(request.certificate)`, yes},
		{`request.user_agent.contains("Linux")`, unknown},
		{`request.time.between("08:00", "18:00", "Europe/Zurich")`, yes},
		{`request.time.between("08:00", "10:00", "Europe/Zurich")`, no},
		{`request.time.between("10:00", "24:00", "Europe/Zurich", ["mon"])`, yes},
		{`request.time.between("10:00", "24:00", "Europe/Zurich", ["sat", "sun"])`, no},
		{`request.time.between("22:00", "11:00", "Europe/Zurich", ["sun"])`, yes},
		{`request.time.between("22:00", "11:00", "Europe/Zurich", ["mon"])`, no},
		{`request.time.between("08:00", "18:00", "America/New_York")`, no},
		{`request.time - session.auth_time < duration("15m")`, yes},
		{`!session.device_known && "password" in session.factors`, yes},

		{`geo.country == "CH"`, unknown},
		{`geo.country != "CH"`, unknown},
		{`!(geo.country in ["RU"])`, unknown},
		{`geo.asn != 1 || geo.city != "X"`, unknown},
		{`geo.country == "CH" ? false : true`, unknown},
		{`geo.country == "CH" || request.ip.in("10.0.0.0/8")`, yes},
		{`request.ip.in("10.0.0.0/8") || geo.country == "CH"`, yes},
		{`[geo.country].all(c, c != "RU")`, unknown},
		{`{"a": geo.country}.size() == 1`, unknown},
		{`1 / 0 == 1`, unknown},
		{`!(1 / 0 == 1)`, unknown},

		{`request.ssid == "request.ip.in(\"x\")" // .in( stays text` + "\n", no},
		{`r'\' == "\\" && """a".in("b""" != ""`, yes},
	} {
		p := compile(t, tt.rule)
		in := alice()
		got := p.Eval(in)
		if got.Verdict != tt.want || (got.Verdict == unknown) != (got.Problem != "") {
			t.Errorf("%s: %+v, want %v", tt.rule, got, tt.want)
		}
		if x := p.Explain(in); x.Result != got {
			t.Errorf("%s: explained as %+v, evaluated as %+v", tt.rule, x.Result, got)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, tt := range []struct{ rule, want string }{
		{` `, "the rule is empty"},
		{strings.Repeat("x", policy.MaxRule+1), "the rule is longer than 16384 bytes"},
		{"\xff", "the rule is not text in UTF-8"},
		{`request.ipp.in("10.0.0.0/8")`, `
line 1, column 8: undefined field 'ipp'
  request.ipp.in("10.0.0.0/8")
         ^`},
		{`usr.username == "x"`, `
line 1, column 1: undeclared reference to 'usr' (did you mean 'user'?)
  usr.username == "x"
  ^`},
		{"user.in_group(\"ä\") &&\n\trequest.ip.in(1)", `
line 2, column 15: found no matching overload for 'in' applied to 'ip.(int)'
   request.ip.in(1)
                ^`},
		{`request.ip.in("10.0.0.1/8")`, `
line 1, column 15: "10.0.0.1/8" has bits set after /8; did you mean 10.0.0.0/8?
  request.ip.in("10.0.0.1/8")
                ^`},
		{`request.ip.in(request.app)`, `
line 1, column 22: this must be written out in the rule, in quotes
  request.ip.in(request.app)
                       ^`},
		{`user.has_factor("sms")`, `
line 1, column 17: "sms" is not one of password, totp, passkey
  user.has_factor("sms")
                  ^`},
		{`request.time.between("8:00", "18:00", "Europe/Zurich")`, `
line 1, column 22: "8:00" is not a time such as 08:30
  request.time.between("8:00", "18:00", "Europe/Zurich")
                       ^`},
		{`request.time.between("08:00", "18:00", "Local")`, `
line 1, column 40: "Local" is not a time zone such as Europe/Zurich
  request.time.between("08:00", "18:00", "Local")
                                         ^`},
		{`request.time.between("08:00", "18:00", "UTC", ["monday"])`, `
line 1, column 47: "monday" is not one of sun, mon, tue, wed, thu, fri, sat
  request.time.between("08:00", "18:00", "UTC", ["monday"])
                                                ^`},
		{`request.time.between("08:00", "08:00", "UTC")`, `
line 1, column 40: from "08:00" until "08:00" is no time at all
  request.time.between("08:00", "08:00", "UTC")
                                         ^`},
		{`user.attributes.roles == "buyer"`, `
line 1, column 23: == does not take list(string) and string
  user.attributes.roles == "buyer"
                        ^`},
		{`user.username`, `
line 1, column 5: a rule must yield true or false, and this yields a string
  user.username
      ^`},
		{`dyn(request.ip) == 1`, `
line 1, column 4: dyn() would hide a type from the check
  dyn(request.ip) == 1
     ^`},
		{`user{username: "root"}.username == "root"`, `
line 1, column 5: a rule cannot make a user
  user{username: "root"}.username == "root"
      ^`},
		{`true &&`, `
line 1, column 8: the rule ends where it should go on
  true &&
         ^`},
		{`true false`, `
line 1, column 6: 'false' is not expected here
  true false
       ^`},
		{`request.ssid.matches("[")`, `
line 1, column 22: invalid matches argument
  request.ssid.matches("[")
                       ^`},
	} {
		_, err := compiler(t).Compile(tt.rule)
		var mistake *policy.Error
		if !errors.As(err, &mistake) {
			t.Errorf("%.60s: %v, want an *Error", tt.rule, err)
			continue
		}
		if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), err.Error()); diff != "" {
			t.Errorf("%.60s:\n%s", tt.rule, diff)
		}
	}
}

// TestALongLineIsCut: the caret stays in sight.
func TestALongLineIsCut(t *testing.T) {
	_, err := compiler(t).Compile(strings.Repeat(" ", 3000) + "usr.x == 1" + strings.Repeat(" ", 3000))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || len(lines[1]) > 130 || !strings.HasPrefix(lines[1][strings.Index(lines[2], "^"):], "usr.x") {
		t.Errorf("%s", err)
	}
}

func TestReads(t *testing.T) {
	for _, tt := range []struct {
		rule string
		want policy.Reads
	}{
		{`true`, policy.Reads{}},
		{`request.ip.in("10.0.0.0/8") || geo.country == "CH"`, policy.Reads{"geo.country", "request.ip"}},
		{`user.in_group("a") && user.has_factor("totp")`, policy.Reads{"session.factors", "user.groups"}},
		{`has(request.nas.ip) && user.values("x").exists(v, v == user.attributes["y"])`, policy.Reads{"request.nas.ip", "user.attributes.x", "user.attributes.y"}},
		{`user.groups.exists(g, [request.app].all(a, a == g))`, policy.Reads{"request.app", "user.groups"}},
		{`[user].size() == 1`, policy.Reads{"user"}},
	} {
		if diff := cmp.Diff(tt.want, compile(t, tt.rule).Reads()); diff != "" {
			t.Errorf("%s:\n%s", tt.rule, diff)
		}
	}
	reads := compile(t, `user.attributes.room == "1" && request.nas.ip.in("10.0.0.0/8")`).Reads()
	if keys, all := reads.Attributes(); !cmp.Equal(keys, []string{"room"}) || all {
		t.Errorf("attributes %v, all %v", keys, all)
	}
	if _, all := compile(t, `[user].size() == 1`).Reads().Attributes(); !all {
		t.Error("the whole user is read, and so may be any attribute")
	}
	for name, want := range map[string]bool{"request.ip": false, "request.nas": true, "request.nas.ip": true, "request": true, "geo": false} {
		if got := reads.Any(name); got != want {
			t.Errorf("reads %s: %v", name, got)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct{ rule, decided, why string }{
		{
			`user.in_group("staff") && request.ip.in("192.168.0.0/16")`, `request.ip.in("192.168.0.0/16")`,
			`request.ip.in("192.168.0.0/16") is false; request.ip = 10.1.2.3`,
		},
		{
			`user.in_group("guests") || !(request.protocol == "ldap")`, `request.protocol == "ldap"`,
			`request.protocol == "ldap" is false; request.protocol = "radius"`,
		},
		{
			`user.in_group("staff") && request.app == "wifi"`, `user.in_group("staff") && request.app == "wifi"`,
			`user.in_group("staff") && request.app == "wifi" is true; request.app = "wifi"`,
		},
		{
			`request.app == "wifi" ? geo.country == "CH" : true`, `geo.country == "CH"`,
			`geo.country is not known: 10.1.2.3 is a private address`,
		},
		{`user.attributes.room == "1"`, `user.attributes.room == "1"`, `user.attributes.room is not known here`},
		{`user.groups.exists(g, g == "x")`, `user.groups.exists(g, g == "x")`, `user.groups.exists(g, g == "x") is false; user.groups = [finance staff]`},
	} {
		x := compile(t, tt.rule).Explain(alice())
		if x.Decided.Text != tt.decided || x.Why() != tt.why {
			t.Errorf("%s: decided by %q: %s", tt.rule, x.Decided.Text, x.Why())
		}
	}
	x := compile(t, `request.ip.in("10.0.0.0/8") || user.in_group("guests")`).Explain(alice())
	want := []policy.Step{
		{Text: `request.ip.in("10.0.0.0/8") || user.in_group("guests")`, Value: "true"},
		{Text: `request.ip.in("10.0.0.0/8")`, Value: "true"},
		{Text: `request.ip`, Value: "10.1.2.3"},
	}
	if diff := cmp.Diff(want, x.Steps); diff != "" {
		t.Error(diff)
	}
}

// randomRule makes an expression of the atoms that are absent, true and false.
func randomRule(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(4) == 0 {
		return []string{`request.ip.in("10.0.0.0/8")`, `geo.country == "CH"`, `user.attributes.room == "1"`, `true`, `false`, `user.in_group("staff")`}[r.IntN(6)]
	}
	sub := func() string { return randomRule(r, depth-1) }
	switch r.IntN(5) {
	case 0:
		return "!(" + sub() + ")"
	case 1:
		return "((" + sub() + ") ? (" + sub() + ") : (" + sub() + "))"
	case 2:
		return "[" + randomRule(r, 0) + ", " + randomRule(r, 0) + "].exists(x, x)"
	case 3:
		return "((" + sub() + ") && (" + sub() + "))"
	default:
		return "((" + sub() + ") || (" + sub() + "))"
	}
}

// TestAbsenceNeverOpens: what is undecided stays so under negation, and what is
// decided while values are absent is decided the same whatever they are.
func TestAbsenceNeverOpens(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := compiler(t)
	nowhere := alice()
	nowhere.Request.IP = netip.Addr{}
	var known []*policy.Input
	for i := range 8 {
		in := alice()
		in.Request.IP, in.Geo = netip.MustParseAddr("192.0.2.1"), policy.Geo{Country: "FR"}
		p := person{groups: []string{"staff"}, attrs: map[string][]string{"room": {"2"}}}
		if i&1 != 0 {
			in.Request.IP = netip.MustParseAddr("10.0.0.1")
		}
		if i&2 != 0 {
			in.Geo.Country = "CH"
		}
		if i&4 != 0 {
			p.attrs["room"] = []string{"1"}
		}
		in.User.Person = p
		known = append(known, in)
	}
	opposite := map[policy.Verdict]policy.Verdict{yes: no, no: yes, unknown: unknown}
	seen := map[policy.Verdict]int{}
	for range 500 {
		rule := randomRule(r, 4)
		p, err := c.Compile(rule)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		negation, err := c.Compile("!(" + rule + ")")
		if err != nil {
			t.Fatal(err)
		}
		got := p.Eval(nowhere).Verdict
		seen[got]++
		if n := negation.Eval(nowhere).Verdict; n != opposite[got] {
			t.Fatalf("%s is %v, its negation %v", rule, got, n)
		}
		for _, in := range known {
			switch v := p.Eval(in).Verdict; {
			case v == unknown:
				t.Fatalf("%s is undecided with every value there", rule)
			case got != unknown && v != got:
				t.Fatalf("%s is %v without the values and %v with them", rule, got, v)
			}
		}
	}
	for _, v := range []policy.Verdict{yes, no, unknown} {
		if seen[v] < 50 {
			t.Errorf("only %d rules were %v: the property is not tried", seen[v], v)
		}
	}
}

// TestCostLimit: a rule that would compute for long is stopped and denies.
func TestCostLimit(t *testing.T) {
	p := compile(t, `user.groups.all(a, user.groups.all(b, a + b != "x"))`)
	in := alice()
	in.User.Person = person{groups: make([]string, 2_000)}
	got := p.Eval(in)
	if got.Verdict != unknown || got.Problem != "the rule is too costly on these values" {
		t.Errorf("%+v", got)
	}
	if x := p.Explain(in); x.Result != got {
		t.Errorf("explained as %+v", x.Result)
	}
}

// TestDaylightSaving: hours are those of the wall.
func TestDaylightSaving(t *testing.T) {
	p := compile(t, `request.time.between("08:00", "09:00", "Europe/Zurich")`)
	for utc, want := range map[string]policy.Verdict{
		"2027-03-27T07:30:00Z": yes, "2027-03-28T07:30:00Z": no, "2027-03-28T06:30:00Z": yes, "2027-03-28T06:59:59Z": yes, "2027-03-28T07:00:00Z": no,
	} {
		in := alice()
		var err error
		if in.Request.Time, err = time.Parse(time.RFC3339, utc); err != nil {
			t.Fatal(err)
		}
		if got := p.Eval(in).Verdict; got != want {
			t.Errorf("%s: %v", utc, got)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	p := compile(b, `user.in_group("finance") && request.ip.in("10.0.0.0/8")`)
	in := alice()
	b.ReportAllocs()
	for b.Loop() {
		p.Eval(in)
	}
}

func BenchmarkCompile(b *testing.B) {
	c := compiler(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Compile(`user.in_group("finance") && request.ip.in("10.0.0.0/8")`); err != nil {
			b.Fatal(err)
		}
	}
}
