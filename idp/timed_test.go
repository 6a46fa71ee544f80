package idp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
)

// TestAMembershipEndsByItself at the second it ends, at every door of the web:
// nothing is changed and no job runs, only the clock.
func TestAMembershipEndsByItself(t *testing.T) {
	s := newSite(t, nil)
	ends := s.clock.Now().Add(4 * time.Minute)
	s.write(func(w *directory.Writer) error {
		return w.ReplaceMembers(s.staff.ID, directory.Membership{User: s.alice.ID, Ends: ends})
	})
	b := s.signedIn("alice")
	tokens := s.tokensOf(b)
	s.later(4*time.Minute - time.Second)
	refreshed := s.refresh(tokens["refresh_token"])
	if refreshed.status != http.StatusOK {
		t.Fatalf("a second before the end: refresh %d %s", refreshed.status, refreshed.body)
	}
	tokens = refreshed.json(t)
	if p := s.userinfo(tokens["access_token"]); p.status != http.StatusOK {
		t.Errorf("a second before the end: userinfo %d", p.status)
	}
	if p := b.do(http.MethodGet, "/", nil, nil); !strings.Contains(p.body, "Wiki") {
		t.Errorf("a second before the end the portal shows %s", p.body)
	}
	s.later(time.Second)
	if p := s.refresh(tokens["refresh_token"]); p.status == http.StatusOK {
		t.Errorf("at the end: refresh %d %s", p.status, p.body)
	}
	if p := s.userinfo(tokens["access_token"]); p.status == http.StatusOK {
		t.Errorf("at the end: userinfo %d %s", p.status, p.body)
	}
	if p := b.do(http.MethodGet, "/", nil, nil); p.status != http.StatusOK || strings.Contains(p.body, "Wiki") {
		t.Errorf("at the end the portal shows %d %s", p.status, p.body)
	}
}
