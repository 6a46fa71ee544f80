package radiusd

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/radiusd/wire"
)

// packet makes a request of attributes given as type, value pairs.
func packet(tb testing.TB, code wire.Code, attributes ...any) wire.Packet {
	tb.Helper()
	b := make([]byte, 20)
	b[0], b[1] = byte(code), 1
	for i := 0; i < len(attributes); i += 2 {
		var v []byte
		switch a := attributes[i+1].(type) {
		case string:
			v = []byte(a)
		case int:
			v = binary.BigEndian.AppendUint32(nil, uint32(a))
		}
		b = append(b, byte(attributes[i].(wire.Type)), byte(2+len(v)))
		b = append(b, v...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	p, err := wire.Decode(b)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "alice", "alice"},
		{"UTF-8", "zoë", "zoë"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"NUL and control characters", "a\x00b\x1b[0m", "ab[0m"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(packet(t, wire.AccessRequest, wire.UserName, tt.in), wire.UserName); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSSID(t *testing.T) {
	tests := []struct{ in, want string }{
		{"00-10-A4-23-19-C0:Office", "Office"},
		{"00:10:a4:23:19:c0:Office: 2nd floor", "Office: 2nd floor"},
		{"00-10-A4-23-19-C0", ""},
		{"00-10-A4-23-19-C0:", ""},
		{"not-a-mac-address:Office", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := ssid(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestDevice(t *testing.T) {
	tests := []struct {
		name string
		in   []any
		want string
	}{
		{"a MAC is no address", []any{wire.CallingStationID, "00-1A-2B-3C-4D-5E"}, "invalid IP"},
		{"a VPN client", []any{wire.CallingStationID, "192.0.2.7"}, "192.0.2.7"},
		{"tunnel endpoint", []any{wire.TunnelClientEndpoint, "\x01192.0.2.8"}, "192.0.2.8"},
		{"nothing", nil, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := device(packet(t, wire.AccessRequest, tt.in...)).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCounters(t *testing.T) {
	p := packet(t, wire.AccountingRequest, wire.AcctInputOctets, 7, wire.AcctInputGigawords, 2,
		wire.AcctOutputOctets, 9, wire.AcctOutputGigawords, -1,
		wire.AcctTerminateCause, 5, wire.AcctDelayTime, 30, wire.NASPort, 12)
	if got := octets(p, wire.AcctInputOctets, wire.AcctInputGigawords); got != 2<<32+7 {
		t.Errorf("octets %d", got)
	}
	if got := octets(p, wire.AcctOutputOctets, wire.AcctOutputGigawords); got != math.MaxInt64 {
		t.Errorf("too many octets became %d", got)
	}
	if got := cause(p); got != "Session-Timeout" {
		t.Errorf("cause %q", got)
	}
	now := time.Unix(1_800_000_000, 0)
	if got := happened(p, now); !got.Equal(now.Add(-30 * time.Second)) {
		t.Errorf("happened at %v", got)
	}
	if got := nasPort(p); got != "12" {
		t.Errorf("port %q", got)
	}
}

// What policies read of a request; a value that is not there is absent.
func TestDetails(t *testing.T) {
	for _, tt := range []struct {
		name       string
		attributes []any
		want       map[string]string
	}{
		{"nothing", nil, map[string]string{}},
		{
			"access point",
			[]any{wire.CalledStationID, "00-10-A4-23-19-C0:Office", wire.CallingStationID, "02aabbccddee", wire.NASPortType, 19},
			map[string]string{"ssid": "Office", "mac": "02-AA-BB-CC-DD-EE", "port_type": "Wireless-802.11"},
		},
		{"VPN gateway", []any{wire.CallingStationID, "192.0.2.7", wire.NASPortType, 5}, map[string]string{"port_type": "Virtual"}},
		{"another port", []any{wire.NASPortType, 33}, map[string]string{"port_type": "33"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &request{
				packet: packet(t, wire.AccessRequest, tt.attributes...), client: &client{name: "ap-hall"},
				id: replayKey{from: netip.MustParseAddrPort("192.0.2.1:1000")},
			}
			tt.want["nas"], tt.want["nas_ip"], tt.want["method"] = "ap-hall", "192.0.2.1", "pap"
			if diff := cmp.Diff(tt.want, details(r, "pap")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
