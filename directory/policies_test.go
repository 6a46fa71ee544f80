package directory_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/policy"
	"gatehouse/directory/schema"
)

// policy saves a policy and returns a binding of it.
func (f *fixture) policy(name, rule string) directory.Binding {
	f.t.Helper()
	var p directory.Policy
	f.write(func(w *directory.Writer) (err error) {
		p, err = w.SavePolicy(directory.Policy{Name: name, Rule: rule, Message: "Not by " + name + "."})
		return err
	})
	return directory.Binding{Kind: directory.BindPolicy, Ref: int64(p.ID), RefName: p.Name}
}

func negated(b directory.Binding) directory.Binding  { b.Negate = true; return b }
func disabled(b directory.Binding) directory.Binding { b.Disabled = true; return b }

func (f *fixture) anyOf(slug string, bindings ...directory.Binding) {
	f.t.Helper()
	a := f.app(slug, bindings...)
	f.write(func(w *directory.Writer) error {
		_, err := w.UpdateApp(a.ID, func(a *directory.App) error { a.PolicyMode = directory.AnyPolicy; return nil })
		return err
	})
}

func TestPoliciesCombine(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	yes, no, unknown := f.policy("yes", "true"), f.policy("no", "false"), f.policy("unknown", `request.ssid == "x"`)
	gone := f.policy("gone", "true")
	staff := f.group("staff", alice.ID)
	inStaff := directory.Binding{Kind: directory.BindGroup, Ref: int64(staff.ID), RefName: "staff"}
	type bindings []directory.Binding
	for _, tt := range []struct {
		slug    string
		any     bool
		in      bindings
		want    directory.Reason
		message string
	}{
		{"one", false, bindings{yes}, directory.ReasonOK, ""},
		{"one-fails", false, bindings{no}, directory.ReasonPolicy, "Not by no."},
		{"each", false, bindings{yes, yes}, directory.ReasonOK, ""},
		{"each-fails", false, bindings{yes, no, unknown}, directory.ReasonPolicy, "Not by no."},
		{"undecided", false, bindings{unknown}, directory.ReasonPolicy, "Not by unknown."},
		{"undecided-negated", false, bindings{negated(unknown)}, directory.ReasonPolicy, "Not by unknown."},
		{"negated", false, bindings{negated(no)}, directory.ReasonOK, ""},
		{"negated-fails", false, bindings{negated(yes)}, directory.ReasonPolicy, "Not by yes."},
		{"missing", false, bindings{yes, gone}, directory.ReasonPolicy, ""},
		{"missing-negated", false, bindings{yes, negated(gone)}, directory.ReasonPolicy, ""},
		{"disabled", false, bindings{yes, disabled(no)}, directory.ReasonOK, ""},
		{"group-and-policy", false, bindings{inStaff, no}, directory.ReasonPolicy, "Not by no."},
		{"excluded-first", false, bindings{no, negated(inStaff)}, directory.ReasonExcluded, ""},
		{"any", true, bindings{no, yes}, directory.ReasonOK, ""},
		{"any-after-undecided", true, bindings{unknown, gone, yes}, directory.ReasonOK, ""},
		{"any-fails", true, bindings{no, unknown}, directory.ReasonPolicy, "Not by no."},
		{"any-with-negated", true, bindings{yes, negated(no)}, directory.ReasonOK, ""},
		{"any-negated-must", true, bindings{yes, negated(yes)}, directory.ReasonPolicy, "Not by yes."},
		{"any-negated-missing", true, bindings{yes, negated(gone)}, directory.ReasonPolicy, ""},
		{"any-only-negated", true, bindings{negated(no)}, directory.ReasonOK, ""},
		{"any-all-disabled", true, bindings{disabled(yes)}, directory.ReasonPolicy, ""},
		{"any-missing", true, bindings{gone}, directory.ReasonPolicy, ""},
	} {
		if tt.any {
			f.anyOf(tt.slug, tt.in...)
		} else {
			f.app(tt.slug, tt.in...)
		}
		defer func() {
			d := f.attempt("alice", "correct horse", at(tt.slug))
			if d.Reason != tt.want || d.Message != tt.message {
				t.Errorf("%s: %s %q, want %s %q; %+v", tt.slug, d.Reason, d.Message, tt.want, tt.message, d.Trace)
			}
			why, err := f.Why(t.Context(), directory.Actor{Kind: directory.ActorOperator, Name: "test"}, directory.Question{
				Name: "alice", App: tt.slug, Protocol: directory.ProtocolLDAP,
			})
			if err != nil || why.Reason != d.Reason || why.Message != d.Message {
				t.Errorf("%s: why says %s %q, %v", tt.slug, why.Reason, why.Message, err)
			}
		}()
	}
	f.write(func(w *directory.Writer) error { return w.DeletePolicy(directory.PolicyID(gone.Ref), true) })
}

func device(ip string) func(*directory.Attempt) {
	return func(a *directory.Attempt) { a.Client = netip.MustParseAddr(ip) }
}

func with(key, value string) func(*directory.Attempt) {
	return func(a *directory.Attempt) { a.Context = map[string]string{key: value} }
}

func TestWhatPoliciesRead(t *testing.T) {
	f := open(t)
	created := f.clock.Now()
	alice := f.create(directory.User{
		Username: "alice", Profile: directory.Attributes{"department": {"Sales"}, "authorizedService": {"1", "2"}}, Attrs: directory.Attributes{"vlan": {"101"}},
	}, "correct horse")
	team, staff := f.group("Team", alice.ID), f.group("Staff")
	f.write(func(w *directory.Writer) error {
		return w.AddNesting(directory.Nesting{Parent: staff.ID, Child: team.ID})
	})
	f.clock.Advance(time.Minute)
	type edits []func(*directory.Attempt)
	for i, tt := range []struct {
		rule string
		with edits
		want bool
	}{
		{`user.username == "alice" && user.in_group("STAFF") && "Staff" in user.groups`, nil, true},
		{`user.attributes.department == "Sales" && "2" in user.attributes.authorizedService && user.attributes.vlan == "101"`, nil, true},
		{`user.created == timestamp("` + created.UTC().Format(time.RFC3339Nano) + `")`, nil, true},
		{`user.factors == ["password"] && session.factors == ["password"] && user.has_factor("password")`, nil, true},
		{`user.has_factor("totp")`, nil, false},
		{`user.last_login < request.time`, nil, false}, // never
		{`request.app == "app-6" && request.protocol == "ldap" && request.time == session.auth_time`, nil, true},
		{`request.peer.in("192.0.2.0/24")`, nil, true},
		{`request.ip.in("10.0.0.0/8")`, edits{device("10.1.2.3")}, true},
		{`request.ip.in("10.0.0.0/8")`, edits{device("::ffff:10.1.2.3")}, true},
		{`request.ip.in("10.0.0.0/8")`, edits{device("192.0.2.1")}, false},
		{`request.ip.in("10.0.0.0/8")`, nil, false},
		{`!request.ip.in("10.0.0.0/8")`, nil, false},
		{`request.user_agent.contains("Firefox")`, edits{with("user_agent", "Mozilla Firefox")}, true},
		{`request.user_agent == ""`, edits{with("user_agent", "")}, true},
		{`request.user_agent != "x"`, nil, false},
		{`request.ssid == "Corp"`, edits{with("ssid", "Corp")}, true},
		{`request.method == "pap" && !has(request.mac)`, edits{with("method", "pap")}, true},
		{`request.nas.ip.in("192.0.2.0/24")`, edits{with("nas_ip", "192.0.2.7"), from(directory.ProtocolRADIUS)}, true},
		{`request.nas.name == "ap"`, edits{with("nas", "ap")}, false}, // LDAP has no NAS
		{`session.device_known`, edits{func(a *directory.Attempt) { a.DeviceKnown = true }}, true},
		{`geo.country != "RU"`, edits{device("10.1.2.3")}, false},
	} {
		slug := "app-" + strconv.Itoa(i)
		f.app(slug, f.policy(slug, tt.rule))
		d := f.attempt("alice", "correct horse", append(tt.with, at(slug))...)
		if d.Allowed() != tt.want {
			t.Errorf("%s: %s; %+v", tt.rule, d.Reason, d.Trace)
		}
	}
}

// TestAFrontEndHidesTheDevice: the address of an app's own server is not that of
// the person.
func TestAFrontEndHidesTheDevice(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	office := f.policy("office", `request.ip.in("192.0.2.0/24")`)
	for _, slug := range []string{"mail", "cloud"} {
		a := f.app(slug, office)
		if slug == "cloud" {
			f.write(func(w *directory.Writer) error {
				return w.SetFacet(directory.NewFacet{App: a.ID, Protocol: directory.ProtocolLDAP, Config: schema.LDAP{FrontEnds: []string{"192.0.2.1/32"}}})
			})
		}
	}
	f.app("not-office", negated(office))
	direct := device("192.0.2.1")
	f.want(f.attempt("alice", "correct horse", at("mail"), direct), directory.ReasonOK)
	f.want(f.attempt("alice", "correct horse", at("cloud"), direct), directory.ReasonPolicy)
	f.want(f.attempt("alice", "correct horse", at("cloud"), device("192.0.2.2"), func(a *directory.Attempt) {
		a.Peer = netip.MustParseAddr("192.0.2.2")
	}), directory.ReasonOK)
	d, err := f.Authorize(t.Context(), directory.Admission{
		User: alice.ID, Epoch: alice.Epoch, App: "cloud", Protocol: directory.ProtocolLDAP,
		Peer: netip.MustParseAddr("192.0.2.1"), Client: netip.MustParseAddr("192.0.2.1"),
	})
	if err != nil || d.Reason != directory.ReasonPolicy {
		t.Errorf("admitted through a front-end: %s, %v", d.Reason, err)
	}
}

// TestAPolicyChangeCountsAtOnce: compiled rules die with the Change that touches
// them, in every process.
func TestAPolicyChangeCountsAtOnce(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	f.app("wiki", f.policy("door", "true"))
	other := directorytest.Join(t, f.store, f.Keys(), nil)
	for i := range 10 {
		rule, want := "false", directory.ReasonPolicy
		if i%2 == 1 {
			rule, want = "true", directory.ReasonOK
		}
		_, err := other.Write(t.Context(), directory.Actor{Kind: directory.ActorOperator, Name: "test"}, func(w *directory.Writer) error {
			_, err := w.SavePolicy(directory.Policy{Name: "door", Rule: rule})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		f.want(f.attempt("alice", "correct horse", at("wiki")), want)
	}
}

func TestSavePolicyRefuses(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		in   directory.Policy
		want string
	}{
		{directory.Policy{Name: "p", Rule: "request.ipp == 1"}, "p: line 1, column 8: undefined field 'ipp'\n  request.ipp == 1\n         ^"},
		{directory.Policy{Name: "p"}, "p: the rule is empty"},
		{directory.Policy{Name: "p", Ready: &policy.Ready{Networks: []string{"10"}}}, `p: networks: "10" is neither a network such as 10.0.0.0/8 nor an address`},
		{directory.Policy{Name: "p", Rule: "true", Ready: &policy.Ready{Groups: []string{"staff"}}}, "policy p has a rule and a ready-made one; keep one of them"},
		{directory.Policy{Name: "p", Rule: "true", Message: "a\x07"}, "policy p: a message is text of at most 1000 bytes"},
	} {
		err := f.tryWrite(directory.Actor{Kind: directory.ActorOperator, Name: "test"}, func(w *directory.Writer) error {
			_, err := w.SavePolicy(tt.in)
			return err
		})
		if !directory.Is(err, directory.Invalid) || strings.TrimPrefix(directory.Message(err), "policy: ") != tt.want {
			t.Errorf("%+v: %v", tt.in, err)
		}
	}
}

// TestReadyMadeRulesStayAsWritten: they are stored beside the expression they became.
func TestReadyMadeRulesStayAsWritten(t *testing.T) {
	f := open(t)
	ready := &policy.Ready{Groups: []string{"staff"}, Networks: []string{"10.0.0.0/8"}}
	var first, again, byHand directory.Policy
	save := func(p directory.Policy, to *directory.Policy) {
		t.Helper()
		f.write(func(w *directory.Writer) (err error) { *to, err = w.SavePolicy(p); return err })
	}
	save(directory.Policy{Name: "office", Ready: ready}, &first)
	save(directory.Policy{Name: "office", Ready: ready}, &again)
	if first.Rule != `user.in_group("staff") && request.ip.in(["10.0.0.0/8"])` || again.Rev != first.Rev || again.Ready == nil {
		t.Errorf("%+v, then %+v", first, again)
	}
	save(directory.Policy{Name: "office", Rule: first.Rule}, &byHand)
	if byHand.Ready != nil || byHand.Rev == first.Rev {
		t.Errorf("by hand: %+v", byHand)
	}
}
