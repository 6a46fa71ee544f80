package policy_test

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatehouse/directory/policy"
)

// withinBounds runs do and fails when it takes longer, or more memory, than any
// rule may. The worst rules were seen to need 100 ms; the limit is for a machine
// that has much else to do.
func withinBounds(t *testing.T, what string, do func()) {
	t.Helper()
	const longest, largest = time.Minute, 128 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	do()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if took > longest {
		t.Errorf("%s took %s", what, took)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > largest {
		t.Errorf("%s allocated %d MiB", what, used>>20)
	}
}

// tryRule compiles a rule and, when it can, evaluates and explains it.
func tryRule(t *testing.T, c *policy.Compiler, rule string, in *policy.Input) {
	t.Helper()
	withinBounds(t, "the rule", func() {
		p, err := c.Compile(rule)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a message")
			}
			return
		}
		p.Reads()
		got := p.Eval(in)
		if x := p.Explain(in); x.Result != got {
			t.Errorf("explained as %+v, evaluated as %+v", x.Result, got)
		}
		if p, err := c.Compile("!(" + rule + ")"); err == nil && got.Verdict == policy.Undecided {
			if n := p.Eval(in); n.Verdict == policy.True {
				t.Errorf("undecided (%s), and its negation opens", got.Problem)
			}
		}
	})
}

// worst are the rules that cost a compiler or an evaluator most.
func worst() map[string]string {
	n := policy.MaxRule
	return map[string]string{
		"parentheses": strings.Repeat("(", n), "brackets": strings.Repeat("[", n), "braces": strings.Repeat("{1:", n/3), "calls": strings.Repeat("f(", n/2),
		"not": strings.Repeat("!", n-4) + "true", "minus": strings.Repeat("-", n-1) + "1", "and": strings.Repeat("true&&", n/6-1) + "true",
		"plus": strings.Repeat("1+", n/2-4) + "1==1", "dots": "user" + strings.Repeat(".a", n/2-4), "index": "user" + strings.Repeat("[0]", n/3-4),
		"choice": strings.Repeat("true?", n/12) + "true" + strings.Repeat(":true", n/12), "quotes": strings.Repeat("'", n), "words": strings.Repeat("a b ", n/4),
		"list": "1 in [" + strings.Repeat("1,", n/2-10) + "1]", "loops": strings.Repeat("[1].all(x,true)&&", n/18) + "true",
		"inside": strings.Repeat("[1].exists(x,", n/13), "expression": "'a'.matches('" + strings.Repeat("a?", 4000) + "')",
		"repeats": "'a'.matches('((a{1,20}){1,20}){1,20}')", "lists double": "[[1]]" + strings.Repeat(".map(a,a+a)", 29) + ".size()==1",
		"texts double": "['a']" + strings.Repeat(".map(a,a+a)", 29) + ".size()==1", "signs": strings.Repeat("$", n),
	}
}

func TestWorstRulesStayInBounds(t *testing.T) {
	c := compiler(t)
	for name, rule := range worst() {
		t.Run(name, func(t *testing.T) { tryRule(t, c, rule[:min(len(rule), policy.MaxRule)], alice()) })
	}
}

func FuzzCompile(f *testing.F) {
	for _, rule := range []string{
		`user.in_group("finance") && request.ip.in("10.0.0.0/8")`, `geo.country == "CH" || !has(geo.country)`,
		`request.time.between("08:00", "18:00", "Europe/Zurich", ["mon"])`, `user.attributes["a"] != user.values("b")[0]`,
		`user.groups.exists(g, g.matches("^a+$")) ? true : request.user_agent.contains("x")`, `'\x00' == r"\" // .in(`, `b'\377' == b"""a"""`,
	} {
		f.Add(rule)
	}
	c := compiler(f)
	f.Fuzz(func(t *testing.T, rule string) { tryRule(t, c, rule, alice()) })
}

func FuzzEval(f *testing.F) {
	rules := []string{
		`user.groups.exists(g, g.matches(user.username + ".*")) || user.attributes.roles.all(r, r.startsWith(request.user_agent))`,
		`user.attributes.department + request.ssid < user.attributes["x"] && request.ip.in(["10.0.0.0/8", "::/0"])`,
		`geo.country == "CH" || (request.time.between("23:00", "01:00", "Pacific/Apia", ["sun"]) && request.time - user.created > duration("1h"))`,
		`!(request.user_agent.contains("Linux") && request.user_agent.matches("(a|b)*c")) && geo.asn > 5`,
		`user.values("x").map(v, v + v).filter(v, user.groups.exists(g, g == v)).size() > 0`,
	}
	c := compiler(f)
	var programs []*policy.Program
	for _, rule := range rules {
		p, err := c.Compile(rule)
		if err != nil {
			f.Fatal(err)
		}
		programs = append(programs, p)
	}
	f.Add("alice", "staff,finance", "Mozilla/5.0 (X11; Linux)", []byte{10, 0, 0, 1}, int64(1_800_000_000), uint(13030))
	f.Add("(", "", strings.Repeat("a", 4096), []byte{}, int64(-1<<62), uint(0))
	f.Fuzz(func(t *testing.T, name, list, agent string, address []byte, at int64, asn uint) {
		in := alice()
		values := strings.Split(list, ",")
		in.User.Username, in.Request.UserAgent, in.Request.SSID, in.Geo.ASN = name, &agent, agent, asn
		in.User.Person = person{groups: values, attrs: map[string][]string{"roles": values, "department": {name}, "x": values}}
		in.Request.IP, _ = netip.AddrFromSlice(address)
		in.Request.Time = time.Unix(at, 0)
		for i, p := range programs {
			withinBounds(t, rules[i], func() {
				if got, x := p.Eval(in), p.Explain(in); x.Result != got {
					t.Errorf("%s: explained as %+v, evaluated as %+v", rules[i], x.Result, got)
				}
			})
		}
	})
}
