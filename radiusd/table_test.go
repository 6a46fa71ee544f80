package radiusd

import (
	"net/netip"
	"testing"
)

func TestLongestPrefix(t *testing.T) {
	var tab table
	for _, p := range []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "fd00::/8", "fd00:1::/32", "fd00:1::5/128"} {
		if !tab.add(netip.MustParsePrefix(p), &client{name: p}) {
			t.Fatalf("%s is taken", p)
		}
	}
	tests := []struct{ name, in, want string }{
		{"host", "10.1.2.3", "10.1.2.3/32"},
		{"net", "10.1.2.4", "10.1.0.0/16"},
		{"wider net", "10.2.0.1", "10.0.0.0/8"},
		{"default", "192.0.2.1", "0.0.0.0/0"},
		{"mapped", "::ffff:10.1.2.3", "10.1.2.3/32"},
		{"v6 host", "fd00:1::5", "fd00:1::5/128"},
		{"v6 net", "fd00:1::6", "fd00:1::/32"},
		{"v6 wider net", "fd01::1", "fd00::/8"},
		{"v6 with a zone", "fd00:1::6%eth0", "fd00:1::/32"},
		{"v6 unknown: the v4 default is not for it", "2001:db8::1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if c := tab.lookup(netip.MustParseAddr(tt.in)); c != nil {
				got = c.name
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if tab.add(netip.MustParsePrefix("10.1.9.9/16"), &client{name: "second"}) {
		t.Error("a prefix was given to two clients")
	}
	if c := new(table).lookup(netip.MustParseAddr("10.0.0.1")); c != nil {
		t.Errorf("an empty table knows %s", c.name)
	}
}
