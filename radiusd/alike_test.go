package radiusd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
)

// TestRejectsAreAlike: whatever the reason, the reject has the same attributes and
// leaves at a full second.
func TestRejectsAreAlike(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.needCode()
	const station = "02-00-00-00-00-01"
	door := directory.Attempt{
		App: "wifi", Protocol: directory.ProtocolRADIUS, Peer: netip.MustParseAddr("127.0.0.1"),
		Relay: true, Device: station, NAS: w.client.ID,
	}
	want := radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type}, {Type: rfc2865.ProxyState_Type, Attribute: radius.Attribute("state")}}
	for _, r := range directorytest.Refusals(t, w.directory, w.store, door, time.Now(), w.staff.ID) {
		t.Run(r.What, func(t *testing.T) {
			t.Parallel()
			p := accessRequest(t, r.Name, r.Password)
			_ = rfc2865.CallingStationID_SetString(p, station)
			_ = rfc2865.ProxyState_SetString(p, "state")
			start := time.Now()
			reply := (&world{t: t, auth: w.auth}).ask(p)
			if took := time.Since(start); took < 990*time.Millisecond {
				t.Errorf("the reject left after %v, before its tick", took)
			}
			for _, a := range reply.Attributes {
				if a.Type == rfc2869.MessageAuthenticator_Type {
					a.Attribute = nil // it signs what the request was
				}
			}
			if diff := cmp.Diff(want, reply.Attributes); reply.Code != radius.CodeAccessReject || diff != "" {
				t.Errorf("%v: %s", reply.Code, diff)
			}
		})
	}
}
