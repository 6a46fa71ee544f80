package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestRemoveByTheListedID: what a listing calls a credential removes it, of that
// kind and person only; an app password carries the same id.
func TestRemoveByTheListedID(t *testing.T) {
	s := newShell(t)
	s.must(t, "init", "--admin", "alice")
	s.must(t, "totp", "create", "alice")
	password := strings.TrimSpace(s.must(t, "app-password", "create", "alice", "--protocol", "ldap", "--label", "phone"))
	ids := func(kind string) []string {
		var list []heldView
		if err := json.Unmarshal([]byte(s.must(t, kind, "list", "alice", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, v := range list {
			out = append(out, v.ID)
		}
		return out
	}
	authenticator, own := ids("totp")[0], ids("app-password")[0]
	if !strings.HasPrefix(password, "gh_"+own+"_") {
		t.Errorf("the app password does not carry its id %s", own)
	}
	s.wantFailure(t, exitFailed, []string{authenticator}, "app-password", "revoke", "alice", authenticator)
	s.must(t, "totp", "delete", "alice", authenticator)
	s.must(t, "app-password", "revoke", "alice", own)
	if left := append(ids("totp"), ids("app-password")...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
