package directory

import (
	"errors"
	"slices"
	"sync"

	"gatehouse/directory/name"
	"gatehouse/directory/policy"
	"gatehouse/directory/schema"
)

// maxPrograms bounds the compiled rules that are kept.
const maxPrograms = 1_000

// ruleBook compiles the rules of policies, each once.
type ruleBook struct {
	// compiler is made for the first rule: it takes megabytes, and many
	// installations have none.
	compiler func() (*policy.Compiler, error)

	mu       sync.Mutex
	programs map[string]*policy.Program // by rule
}

func newRuleBook() *ruleBook {
	words := policy.Vocabulary{GroupKey: name.Group}
	for _, a := range schema.Attributes() {
		if !a.Computed && !a.Single {
			words.Lists = append(words.Lists, a.Key)
		}
	}
	for _, f := range Factors() {
		words.Factors = append(words.Factors, string(f))
	}
	return &ruleBook{
		compiler: sync.OnceValues(func() (*policy.Compiler, error) { return policy.New(words) }),
		programs: map[string]*policy.Program{},
	}
}

// program returns the compiled rule. The error is a *policy.Error.
func (b *ruleBook) program(rule string) (*policy.Program, error) {
	b.mu.Lock()
	p := b.programs[rule]
	b.mu.Unlock()
	if p != nil {
		return p, nil
	}
	c, err := b.compiler()
	if err != nil {
		return nil, err
	}
	if p, err = c.Compile(rule); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.programs) >= maxPrograms {
		clear(b.programs)
	}
	b.programs[rule] = p
	return p, nil
}

// checkRule type-checks the rule of a policy, or writes that of a ready-made one
// into it.
func (b *ruleBook) checkRule(p *Policy) (*policy.Program, error) {
	if p.Ready != nil && !p.Ready.Empty() {
		if p.Rule != "" {
			return nil, invalid("policy", "rule", "policy %s has a rule and a ready-made one; keep one of them", p.Name)
		}
		c, err := b.compiler()
		if err != nil {
			return nil, err
		}
		rule, err := c.Write(*p.Ready)
		if err != nil {
			return nil, invalid("policy", "rule", "%s: %v", p.Name, err)
		}
		p.Rule = rule
	} else {
		p.Ready = nil
	}
	program, err := b.program(p.Rule)
	if err == nil {
		return program, nil
	}
	var mistake *policy.Error
	if errors.As(err, &mistake) {
		return nil, invalid("policy", "rule", "%s: %v", p.Name, mistake)
	}
	return nil, err
}

// reads reports whether a rule may read an attribute of the user. One that cannot
// be compiled might read any.
func (b *ruleBook) reads(rule, attribute string) bool {
	p, err := b.program(rule)
	if err != nil {
		return true
	}
	keys, all := p.Reads().Attributes()
	return all || slices.Contains(keys, attribute)
}

// Factors returns every factor there is.
func Factors() []Factor {
	return []Factor{
		FactorPassword, FactorAppPassword, FactorTOTP, FactorPasskey, FactorRecoveryCode, FactorEmailCode,
		FactorCertificate, FactorPeer,
	}
}

// enrolled are the factors that a user could prove.
func (p *principal) enrolled() []Factor {
	var out []Factor
	for _, c := range p.credentials {
		var f Factor
		switch c.Kind {
		case CredentialPassword:
			f = FactorPassword
		case CredentialAppPassword, CredentialNetworkPassword:
			f = FactorAppPassword
		case CredentialTOTP:
			f = FactorTOTP
		case CredentialPasskey:
			f = FactorPasskey
		case CredentialRecoveryCode:
			f = FactorRecoveryCode
		case CredentialX509:
			f = FactorCertificate
		case CredentialServicePassword, CredentialAPIToken, CredentialSSHKey:
			continue
		}
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}
