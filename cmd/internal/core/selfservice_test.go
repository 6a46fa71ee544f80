package core_test

import (
	"strings"
	"testing"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

// A daemon does not start when people would write what a policy reads; commands
// do, to change the policy.
func TestSelfServiceOfWhatAPolicyReads(t *testing.T) {
	o := installation(t)
	c, err := core.Create(t.Context(), o, func(w *directory.Writer) error {
		_, err := w.SavePolicy(directory.Policy{Name: "keys", Rule: `"ssh-ed25519 AAAA" in user.values("sshPublicKey")`})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	reopen(t, o, "ldapd")
	o.Config.SelfService.Writable = []string{"sshPublicKey"}
	reopen(t, o, core.CLI)
	for _, daemon := range []string{"ldapd", "idp", core.Combined} {
		o.Daemon = daemon
		c, err := core.Open(t.Context(), o)
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "policy keys reads it") {
			t.Errorf("%s: %v", daemon, err)
		}
	}
}
