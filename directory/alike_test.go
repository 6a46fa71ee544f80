package directory_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// TestRefusalsAreAlike: what a door can see of a denial is the same for every
// reason, and it leaves at the same tick.
func TestRefusalsAreAlike(t *testing.T) {
	for protocol, tick := range map[directory.Protocol]time.Duration{
		directory.ProtocolLDAP: 250 * time.Millisecond, directory.ProtocolWeb: 250 * time.Millisecond, directory.ProtocolRADIUS: time.Second,
	} {
		t.Run(string(protocol), func(t *testing.T) {
			f := open(t)
			f.bank()
			door := directory.Attempt{App: "bank", Protocol: protocol, Peer: netip.MustParseAddr("192.0.2.1"), Unhurried: true}
			for _, r := range directorytest.Refusals(t, f.Directory, f.store, door, f.clock.Now()) {
				d := f.attempt(r.Name, r.Password, func(a *directory.Attempt) { a.App, a.Protocol = door.App, protocol })
				if d.Reason != r.Why {
					t.Errorf("%s: %s, want %s; checks %+v", r.What, d.Reason, r.Why, d.Trace)
				}
				want := directory.Decision{Outcome: directory.Deny, LeaveAt: f.clock.Now().Add(tick)}
				// The rest is for the trace and the audit.
				hidden := cmpopts.IgnoreFields(directory.Decision{}, "Reason", "Trace", "Seq", "Credential", "Version", "App", "Factors")
				if diff := cmp.Diff(want, d, hidden, cmpopts.IgnoreUnexported(directory.Decision{}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s is seen: %s", r.What, diff)
				}
			}
		})
	}
}
