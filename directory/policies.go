package directory

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"gatehouse/directory/policy"
	"gatehouse/directory/schema"
)

// boundPolicy is a policy with its compiled rule.
type boundPolicy struct {
	Policy
	program *policy.Program
	broken  error // why there is no program
}

// policyReads says which of the values that cost something an app's policies read.
type policyReads struct{ geo, lastLogin, certificate, factors bool }

// compile prepares an app for deciding: its rules, and the addresses of its own
// servers. A rule that cannot be compiled denies.
func (a *access) compile(rules *ruleBook) {
	for id, p := range a.policies {
		p.program, p.broken = rules.program(p.Rule)
		if p.broken == nil {
			reads := p.program.Reads()
			a.reads.geo = a.reads.geo || reads.Any("geo")
			a.reads.lastLogin = a.reads.lastLogin || reads.Any("user.last_login")
			a.reads.certificate = a.reads.certificate || reads.Any("request.certificate")
			a.reads.factors = a.reads.factors || reads.Any("session.factors")
		}
		a.policies[id] = p
	}
	for _, f := range a.facets {
		var config schema.LDAP
		if f.Protocol != ProtocolLDAP || len(f.Config) == 0 || json.Unmarshal(f.Config, &config) != nil {
			continue
		}
		for _, text := range config.FrontEnds {
			if p, err := netip.ParsePrefix(text); err == nil {
				a.frontEnds = append(a.frontEnds, p)
			}
		}
	}
}

// decidePolicies evaluates the bound policies in their order. Each must pass, or
// with AnyPolicy one of those that are not negated; a negated one passes when its
// rule is false, and must. A policy that was deleted, cannot be compiled, or
// depends on a value that is not known fails, negated or not.
func (a *access) decidePolicies(dec *Decision, in *policy.Input, explain bool) Reason {
	one := a.app.PolicyMode == AnyPolicy
	asked, passed, failed := false, false, false
	message := ""
	for _, b := range a.bindings {
		if b.Kind != BindPolicy {
			continue
		}
		choice := one && !b.Negate
		asked = asked || choice
		switch {
		case b.Disabled:
			dec.skip(b.label(), "the binding is disabled")
			continue
		case choice && passed && !explain:
			dec.skip(b.label(), "another policy was enough")
			continue
		}
		p, pass := a.evaluate(dec, b, in, explain)
		switch {
		case pass:
			passed = passed || choice
			continue
		case message == "":
			message = p.Message
		}
		failed = failed || !choice
		if failed && !explain {
			break
		}
	}
	if failed || asked && !passed {
		dec.Message = message
		return ReasonPolicy
	}
	return ReasonOK
}

// evaluate asks one bound policy.
func (a *access) evaluate(dec *Decision, b Binding, in *policy.Input, explain bool) (boundPolicy, bool) {
	p, ok := a.policies[PolicyID(b.Ref)]
	switch {
	case !ok:
		dec.check(b.label(), false, "the policy was deleted")
		return p, false
	case p.broken != nil:
		dec.check(b.label(), false, "the rule cannot be evaluated: "+p.broken.Error())
		return p, false
	}
	wanted := policy.True
	if b.Negate {
		wanted = policy.False
	}
	got := p.program.Eval(in)
	pass, detail := got.Verdict == wanted, ""
	if explain || !pass {
		x := p.program.Explain(in)
		detail = x.Why()
	}
	dec.check(b.label(), pass, detail)
	return p, pass
}

func (d *Decision) skip(what, detail string) {
	d.Trace = append(d.Trace, Check{Name: what, Outcome: "skip", Detail: detail})
}

func (b Binding) label() string {
	s := fmt.Sprintf("%s %s", b.Kind, b.RefName)
	if b.Kind == BindPolicy && b.Negate {
		s = "not " + s
	}
	if b.Missing() {
		s += " (missing)"
	}
	return s
}
