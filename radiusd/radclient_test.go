package radiusd

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"gatehouse/directory/schema"
)

// radclient is FreeRADIUS's client: it checks both authenticators by itself and
// names attributes by its own dictionaries.
func radclient(t *testing.T, to net.Addr, command, secret, attributes string) string {
	t.Helper()
	path, err := exec.LookPath("radclient")
	if err != nil {
		t.Fatalf("this test needs radclient (package freeradius-utils): %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, "-x", "-r", "1", "-t", "2", to.String(), command, secret)
	cmd.Stdin = strings.NewReader(attributes + "\n")
	out, err := cmd.CombinedOutput()
	return fmt.Sprintf("%s(%v)", out, err)
}

func TestRadclient(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Reply: []schema.Reply{{
		Group: "staff", VLAN: "101",
		Attributes: map[string][]string{"Cisco-AVPair": {"shell:priv-lvl=15", "x=y"}, "WISPr-Bandwidth-Max-Up": {"1000000"}},
	}}})
	request := fmt.Sprintf("User-Name = alice, User-Password = %q", alicePassword)
	tests := []struct {
		name                        string
		to                          net.Addr
		command, secret, attributes string
		want                        []string
	}{
		{"accept", w.auth, "auth", testSecret, request + ", Message-Authenticator = 0x00", []string{
			"Received Access-Accept", `User-Name = "alice"`, "Class = 0x", "Session-Timeout = 28800",
			"Tunnel-Type:0 = VLAN", "Tunnel-Medium-Type:0 = IEEE-802", `Tunnel-Private-Group-Id:0 = "101"`,
			`Cisco-AVPair = "shell:priv-lvl=15"`, `Cisco-AVPair = "x=y"`, "WISPr-Bandwidth-Max-Up = 1000000", "Message-Authenticator = 0x",
		}},
		{
			"wrong password", w.auth, "auth", testSecret, "User-Name = alice, User-Password = wrong, Message-Authenticator = 0x00",
			[]string{"Received Access-Reject"},
		},
		{"without Message-Authenticator", w.auth, "auth", testSecret, request, []string{"No reply from server"}},
		{"wrong secret", w.auth, "auth", "another secret", request + ", Message-Authenticator = 0x00", []string{"No reply from server"}},
		{
			"accounting", w.acct, "acct", testSecret, "Acct-Status-Type = Start, Acct-Session-Id = 1, User-Name = alice",
			[]string{"Received Accounting-Response"},
		},
		{"status of authentication", w.auth, "status", testSecret, "Message-Authenticator = 0x00", []string{"Received Access-Accept"}},
		{"status of accounting", w.acct, "status", testSecret, "Message-Authenticator = 0x00", []string{"Received Accounting-Response"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := radclient(t, tt.to, tt.command, tt.secret, tt.attributes)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
}
