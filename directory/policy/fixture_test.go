package policy_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"gatehouse/directory/policy"
)

// person is a user for tests.
type person struct {
	groups  []string
	attrs   map[string][]string
	factors []string
}

func (p person) Groups() []string              { return p.groups }
func (p person) InGroup(key string) bool       { return slices.Contains(p.groups, key) }
func (p person) Attribute(key string) []string { return p.attrs[key] }
func (p person) Factors() []string             { return p.factors }

func compiler(t testing.TB) *policy.Compiler {
	t.Helper()
	c, err := policy.New(policy.Vocabulary{Lists: []string{"roles"}, Factors: []string{"password", "totp", "passkey"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compile(t testing.TB, rule string) *policy.Program {
	t.Helper()
	p, err := compiler(t).Compile(rule)
	if err != nil {
		t.Fatalf("%s: %v", rule, err)
	}
	return p
}

// alice comes by Wi-Fi from 10.1.2.3 on a Monday at ten in Zurich. What she does
// not have is absent.
func alice() *policy.Input {
	return &policy.Input{
		User: policy.User{
			Username: "alice", Created: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
			Person: person{
				groups: []string{"finance", "staff"}, factors: []string{"password", "totp"},
				attrs: map[string][]string{"department": {"Sales"}, "roles": {"buyer", "seller"}, "badge": {"1", "2"}, "cost-center": {"42"}},
			},
		},
		Request: policy.Request{
			IP: netip.MustParseAddr("10.1.2.3"), Peer: netip.MustParseAddr("192.0.2.9"), Protocol: "radius", App: "wifi",
			Time: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), Method: "eap-ttls", SSID: "Corp",
			NAS: &policy.NAS{Name: "ap-hall", IP: netip.MustParseAddr("192.0.2.9")},
		},
		Geo:     policy.Geo{Why: "10.1.2.3 is a private address"},
		Session: policy.Session{AuthTime: time.Date(2027, 1, 4, 8, 50, 0, 0, time.UTC), Factors: []string{"password"}, Counted: []string{"password"}},
	}
}
