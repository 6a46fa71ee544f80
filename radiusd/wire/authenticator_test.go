package wire

import (
	"crypto/hmac"
	"crypto/md5"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
)

// theirs encodes with the other library and signs the way its users do: zero
// attribute, encode, compute, set, encode.
func theirs(tb testing.TB, p *radius.Packet, nonce [16]byte) []byte {
	tb.Helper()
	if err := rfc2869.MessageAuthenticator_Set(p, make([]byte, 16)); err != nil {
		tb.Fatal(err)
	}
	saved := p.Authenticator
	p.Authenticator = nonce
	unsigned, err := p.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(unsigned)
	if err := rfc2869.MessageAuthenticator_Set(p, mac.Sum(nil)); err != nil {
		tb.Fatal(err)
	}
	p.Authenticator = saved
	out, err := p.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestVerifyRequest(t *testing.T) {
	secret := []byte("a secret of the network")
	access := radius.New(radius.CodeAccessRequest, secret)
	_ = rfc2865.UserName_SetString(access, "alice")
	good := theirs(t, access, access.Authenticator)
	account := radius.New(radius.CodeAccountingRequest, secret)
	_ = rfc2866.AcctStatusType_Set(account, rfc2866.AcctStatusType_Value_Start)
	goodAcct := theirs(t, account, [16]byte{})

	flip := func(b []byte, at int) []byte {
		out := append([]byte(nil), b...)
		out[at] ^= 1
		return out
	}
	unsigned, err := radius.New(radius.CodeAccessRequest, secret).Encode()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		in     []byte
		secret string
		want   bool
	}{
		{"right", good, string(secret), true},
		{"accounting", goodAcct, string(secret), true},
		{"padded", append(append([]byte(nil), good...), 0, 0, 0, 0), string(secret), true},
		{"none", unsigned, string(secret), false},
		{"wrong secret", good, "another", false},
		{"identifier changed", flip(good, 1), string(secret), false},
		{"authenticator changed", flip(good, 10), string(secret), false},
		{"name changed", flip(good, 24), string(secret), false},
		{"last octet changed", flip(good, len(good)-1), string(secret), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustDecode(t, tt.in).VerifyRequest(NewKey([]byte(tt.secret))); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestVerifyAccounting(t *testing.T) {
	secret := []byte("a secret of the network")
	packet := radius.New(radius.CodeAccountingRequest, secret)
	_ = rfc2866.AcctSessionID_SetString(packet, "0001")
	raw, err := packet.Encode()
	if err != nil {
		t.Fatal(err)
	}
	p := mustDecode(t, append(raw, "padding"...))
	if !p.VerifyAccounting(NewKey(secret)) {
		t.Error("a right accounting request does not verify")
	}
	if p.VerifyAccounting(NewKey([]byte("another"))) {
		t.Error("another secret verifies")
	}
	p.Raw()[len(p.Raw())-1] ^= 1
	if p.VerifyAccounting(NewKey(secret)) {
		t.Error("a changed attribute verifies")
	}
}

func TestReplyAsTheirsReadsIt(t *testing.T) {
	secret := []byte("a secret of the network")
	request := radius.New(radius.CodeAccessRequest, secret)
	raw, err := request.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := NewReply(nil, AccessAccept, mustDecode(t, raw), true)
	e.AddString(UserName, "alice")
	e.AddVLAN("101")
	e.AddVendor(VendorMikrotik, 3, []byte("full"))
	reply, err := e.Finish(NewKey(secret))
	if err != nil {
		t.Fatal(err)
	}
	if reply[headerSize] != byte(MessageAuthenticator) {
		t.Errorf("first attribute is %d, want Message-Authenticator", reply[headerSize])
	}
	if !radius.IsAuthenticResponse(reply, raw, secret) {
		t.Error("layeh does not accept the Response Authenticator")
	}
	p := mustDecode(t, reply)
	if !p.VerifyReply(request.Authenticator, NewKey(secret)) {
		t.Error("our own check does not accept it")
	}
	if p.VerifyReply(request.Authenticator, NewKey([]byte("another"))) {
		t.Error("another secret verifies")
	}
	parsed, err := radius.Parse(reply, secret)
	if err != nil {
		t.Fatal(err)
	}
	tag, vlan := rfc2868.TunnelPrivateGroupID_GetString(parsed)
	typeTag, typ := rfc2868.TunnelType_Get(parsed)
	_, medium := rfc2868.TunnelMediumType_Get(parsed)
	if tag != 0 || vlan != "101" || typeTag != 0 || typ != TunnelTypeVLAN || medium != TunnelMediumIEEE802 {
		t.Errorf("VLAN %d %q, type %d %d, medium %d", tag, vlan, typeTag, typ, medium)
	}
	for vt, v := range p.VendorAttributes(VendorMikrotik) {
		if vt != 3 || string(v) != "full" {
			t.Errorf("vendor attribute %d %q", vt, v)
		}
	}
	// The Message-Authenticator alone must be enough to notice a change.
	reply[len(reply)-1] ^= 1
	sum := NewKey(secret).digest(reply, request.Authenticator)
	copy(reply[authOffset:], sum[:])
	if p.VerifyReply(request.Authenticator, NewKey(secret)) {
		t.Error("a reply with a wrong Message-Authenticator verifies")
	}
}
