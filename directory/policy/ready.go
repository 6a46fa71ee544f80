package policy

import (
	"fmt"
	"strings"
)

// Ready is a ready-made rule, for people who write no expressions. Everything
// that is given must hold: one of the groups, one of the places (networks and
// countries together), one of the hours, every factor, every part of the user
// agent.
type Ready struct {
	// Groups, of which the person must be in one; members through other groups count.
	Groups []string `json:"groups,omitempty" yaml:"groups"`
	// Networks, in one of which the person's device must be, unless it is in one of Countries.
	Networks []string `json:"networks,omitempty" yaml:"networks"`
	// Countries by ISO 3166-1 alpha-2: CH.
	Countries []string `json:"countries,omitempty" yaml:"countries"`
	// Hours, in one of which the request must come.
	Hours Times `json:"hours,omitempty" yaml:"hours"`
	// Factors that must all have been proved.
	Factors []string `json:"factors,omitempty" yaml:"factors"`
	// UserAgent holds texts that must all be in what the browser calls itself.
	UserAgent []string `json:"user_agent,omitempty" yaml:"user_agent"`
}

// Hours is a part of the day on the clocks of a time zone. When To is before
// From it goes past midnight.
type Hours struct {
	From string `json:"from" yaml:"from"` // 08:00
	To   string `json:"to" yaml:"to"`     // 18:00
	Zone string `json:"zone" yaml:"zone"` // Europe/Zurich
	// Days on which it begins: mon, tue …; empty: every day.
	Days []string `json:"days,omitempty" yaml:"days"`
}

// Times are parts of the day.
type Times []Hours

// UnmarshalYAML reads one mapping or a list of them.
func (t *Times) UnmarshalYAML(unmarshal func(any) error) error {
	var one Hours
	if err := unmarshal(&one); err == nil {
		*t = Times{one}
		return nil
	}
	var list []Hours
	if err := unmarshal(&list); err != nil {
		return err
	}
	*t = append(Times{}, list...)
	return nil
}

// Empty reports whether nothing is asked for.
func (r *Ready) Empty() bool {
	return len(r.Groups)+len(r.Networks)+len(r.Countries)+len(r.Hours)+len(r.Factors)+len(r.UserAgent) == 0
}

// Write writes the rule as an expression. The error is an *Error that begins with
// the key that is wrong.
func (c *Compiler) Write(r Ready) (string, error) {
	var all []string
	for _, write := range []func(Ready) ([]string, error){c.writeGroups, writePlaces, writeHours, c.writeFactors, writeUserAgent} {
		terms, err := write(r)
		if err != nil {
			return "", &Error{Line: 1, Column: 1, Message: err.Error()}
		}
		all = append(all, terms...)
	}
	rule := strings.Join(all, " && ")
	if len(rule) > MaxRule {
		return "", &Error{Line: 1, Column: 1, Message: fmt.Sprintf("as an expression the rule is longer than %d bytes", MaxRule)}
	}
	return rule, nil
}

func (c *Compiler) writeGroups(r Ready) ([]string, error) {
	var terms []string
	for _, g := range r.Groups {
		if _, err := c.words.GroupKey(g); err != nil {
			return nil, fmt.Errorf("groups: %w", err)
		}
		terms = append(terms, userType+"."+fnInGroup+"("+quote(g)+")")
	}
	return either(terms), nil
}

// writePlaces puts the networks first: the address of an office is in no country.
func writePlaces(r Ready) ([]string, error) {
	var terms []string
	if len(r.Networks) > 0 {
		if _, err := parseNetworks(r.Networks); err != nil {
			return nil, fmt.Errorf("networks: %w", err)
		}
		terms = append(terms, "request.ip.in("+quotedList(r.Networks)+")")
	}
	for _, country := range r.Countries {
		if len(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z' {
			return nil, fmt.Errorf("countries: %q is not two capital letters, such as CH", country)
		}
	}
	if len(r.Countries) > 0 {
		terms = append(terms, "geo.country in "+quotedList(r.Countries))
	}
	return either(terms), nil
}

func writeHours(r Ready) ([]string, error) {
	var terms []string
	for _, h := range r.Hours {
		if _, err := parseSpan(h.From, h.To, h.Zone, h.Days); err != nil {
			return nil, fmt.Errorf("hours: %w", err)
		}
		term := "request.time.between(" + quote(h.From) + ", " + quote(h.To) + ", " + quote(h.Zone)
		if len(h.Days) > 0 {
			term += ", " + quotedList(h.Days)
		}
		terms = append(terms, term+")")
	}
	return either(terms), nil
}

func (c *Compiler) writeFactors(r Ready) ([]string, error) {
	var terms []string
	for _, f := range r.Factors {
		if err := c.words.checkFactor(f); err != nil {
			return nil, fmt.Errorf("factors: %w", err)
		}
		terms = append(terms, userType+"."+fnHasFactor+"("+quote(f)+")")
	}
	return terms, nil
}

func writeUserAgent(r Ready) ([]string, error) {
	var terms []string
	for _, part := range r.UserAgent {
		if part == "" {
			return nil, fmt.Errorf("user_agent: an empty text is in every name")
		}
		terms = append(terms, "request.user_agent.contains("+quote(part)+")")
	}
	return terms, nil
}

// either joins terms of which one must hold.
func either(terms []string) []string {
	if len(terms) > 1 {
		return []string{"(" + strings.Join(terms, " || ") + ")"}
	}
	return terms
}

func quotedList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes a string literal of CEL.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
