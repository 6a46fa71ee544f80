package radiusd

import (
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/vendors/aruba"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// vlanFor is the VLAN that alice gets with a device.
func (w *world) vlanFor(device string) string {
	w.t.Helper()
	p := accessRequest(w.t, "alice", alicePassword)
	_ = rfc2865.CallingStationID_SetString(p, device)
	reply := w.ask(p)
	if reply.Code != radius.CodeAccessAccept {
		w.t.Fatalf("got %v", reply.Code)
	}
	_, vlan := rfc2868.TunnelPrivateGroupID_GetString(reply)
	return vlan
}

// A row counts when its group, its user and its device are all true.
func TestReplyByUserAndDevice(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Reply: []schema.Reply{
		{User: "bob", VLAN: "1"},
		{User: "alice", Group: "guests", VLAN: "2"},
		{Group: "staff", Device: "00:1a:2b:3c:4d:5e", VLAN: "3"},
		{User: "ALICE", VLAN: "4"},
		{VLAN: "5"},
	}})
	for device, want := range map[string]string{"00-1A-2B-3C-4D-5E": "3", "001a.2b3c.4d5e": "3", "00-1A-2B-3C-4D-5F": "4", "": "4"} {
		if got := w.vlanFor(device); got != want {
			t.Errorf("with %q: VLAN %s, want %s", device, got, want)
		}
	}
}

// A row that was stored once and cannot be applied lets nobody in whom it may be meant for.
func TestBrokenReplyRows(t *testing.T) {
	staff := &directory.Decision{User: directory.User{NameKey: "alice"}, Groups: []directory.Group{{NameKey: "staff"}}}
	tests := map[string]struct {
		row     schema.Reply
		matches bool
	}{
		"unknown attribute": {schema.Reply{Group: "staff", Attributes: map[string][]string{"No-Such-Attribute": {"1"}}}, true},
		"bad value":         {schema.Reply{Group: "staff", Attributes: map[string][]string{"Idle-Timeout": {"soon"}}}, true},
		"bad group":         {schema.Reply{Group: "a\x00b"}, true},
		"bad user":          {schema.Reply{User: "a b"}, true},
		"bad device":        {schema.Reply{User: "bob", Device: "laptop"}, true},
		"for others":        {schema.Reply{Group: "guests", Attributes: map[string][]string{"No-Such-Attribute": {"1"}}}, false},
	}
	for name, tt := range tests {
		r := newReplyRule(tt.row)
		if r.broken == nil || r.matches(staff, "") != tt.matches {
			t.Errorf("%s: %v, matches %v", name, r.broken, r.matches(staff, ""))
		}
	}
}

// Every Access-Reject says the same, and none of EAP has a Reply-Message.
func TestRejectAttributes(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{RejectAttributes: map[string][]string{"Reply-Message": {"Call 117"}, "Aruba-User-Role": {"guest"}}})
	for name, password := range map[string]string{"alice": "wrong", "nobody": alicePassword} {
		reply := w.ask(accessRequest(t, name, password))
		if reply.Code != radius.CodeAccessReject || rfc2865.ReplyMessage_GetString(reply) != "Call 117" || aruba.ArubaUserRole_GetString(reply) != "guest" {
			t.Errorf("%s: %v, %q", name, reply.Code, rfc2865.ReplyMessage_GetString(reply))
		}
	}
	p := accessRequest(t, "alice", alicePassword)
	p.Del(rfc2865.UserPassword_Type)
	p.Add(79, radius.Attribute{2, 9, 0, 9, 3, 255, 255, 255, 255}) // a NAK to nothing
	reply := w.ask(p)
	if reply.Code != radius.CodeAccessReject || rfc2865.ReplyMessage_GetString(reply) != "" || aruba.ArubaUserRole_GetString(reply) != "guest" {
		t.Errorf("EAP: %v, %q", reply.Code, rfc2865.ReplyMessage_GetString(reply))
	}
}
