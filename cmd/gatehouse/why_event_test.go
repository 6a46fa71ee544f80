package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

// TestWhyEvent makes attempts and asks about them afterwards.
func TestWhyEvent(t *testing.T) {
	s := newShell(t)
	s.must(t, "init")
	s.must(t, "user", "add", "jane")
	for _, tt := range []struct {
		name    string
		attempt directory.Attempt
		user    string
		want    []string
	}{
		{
			name:    "a person",
			attempt: directory.Attempt{Name: "JANE", App: "directory", Protocol: directory.ProtocolLDAP, Device: "device-7", Context: map[string]string{"ssid": "staff"}},
			user:    "jane", want: []string{"deny: wrong_password", "at directory", "by ldap", "device device-7", "ssid staff", "password  "},
		},
		{
			name:    "a stranger",
			attempt: directory.Attempt{Name: "nobody", Protocol: directory.ProtocolRADIUS},
			user:    "nobody", want: []string{"deny: unknown_user", "nobody, by radius"},
		},
	} {
		tt.attempt.Proof = directory.PasswordProof{Password: "canary-of-the-wrong-password"}
		tt.attempt.Unhurried = true
		daemon := &tool{out: io.Discard, errs: io.Discard, now: s.clock, uid: os.Getuid()}
		err := daemon.withCore(t.Context(), func(c *core.Core) error {
			_, err := c.Directory.Authenticate(t.Context(), tt.attempt)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		out, errs, code := s.run(t, "", "audit", "list", "--user", tt.user, "--verb", "authenticate", "--json")
		var events []struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(out), &events); err != nil || code != exitDone || len(events) != 1 {
			t.Fatalf("%s: %d: %v %s %s", tt.name, code, err, out, errs)
		}
		out, errs, code = s.run(t, "", "why", "--event", events[0].ID)
		if code != exitRefused {
			t.Errorf("%s: exit code %d: %s", tt.name, code, errs)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in %s", tt.name, want, out)
			}
		}
		again, _, _ := s.run(t, "", "why", "--event", events[0].ID, "--json")
		var v pastView
		if err := json.Unmarshal([]byte(again), &v); err != nil || v.Outcome != directory.Deny || v.Event != events[0].ID || len(v.Checks) == 0 {
			t.Errorf("%s: %v, %s", tt.name, err, again)
		}
		if strings.Contains(out+again, "canary") {
			t.Errorf("%s: the password is in the audit: %s", tt.name, out)
		}
	}
	out, _, _ := s.run(t, "", "audit", "list", "--verb", "users.create", "--limit", "1", "--json")
	id := strings.Split(strings.Split(out, `"id": "`)[1], `"`)[0]
	s.wantFailure(t, exitFailed, []string{"is users.create: no decision to explain"}, "why", "--event", id)
}
