package test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-ldap/ldap/v3"
)

// Step 5a: HR sends active:false. From the next attempt every door refuses.
func (s *story) deactivated(t *testing.T) {
	held := s.party.current()
	open := s.dial(t)
	if err := open.Bind(janeDN, s.password); err != nil {
		t.Fatal(err)
	}
	disconnected := s.rawBind(t, janeDN, s.password).disconnection()
	s.hr.patch(t, "/Users/"+s.userID, "replace", "active", "false")
	answered := time.Now()

	s.wantDoors(t, shut)
	s.wantTokens(t, held, http.StatusUnauthorized, http.StatusBadRequest)
	if end := <-disconnected; end.err != nil || end.at.Sub(answered) > time.Second {
		t.Errorf("the connection that was bound as her: %v, %v after HR's answer, want a notice within a second", end.err, end.at.Sub(answered))
	}
	poll(t, time.Second, func() error {
		if !open.IsClosing() {
			return errors.New("go-ldap's connection that was bound as her is open")
		}
		return nil
	})
	s.wantSignedOut(t)
	again := s.atSignIn(t, s.oidcApp.url+"/index.shtml")
	again.signIn(t, jane, s.password)
	again.refused(t, s.PublicURL)
	if got := s.search(t, usersDN, "(uid=jane)", "nsAccountLock"); !strings.Contains(got, "nsAccountLock: TRUE") {
		t.Errorf("her entry: %q, want nsAccountLock: TRUE", got)
	}
}

// Step 5b: HR sends active:true. She can sign in, nothing old is revived.
func (s *story) activated(t *testing.T) {
	held := s.party.current()
	s.hr.patch(t, "/Users/"+s.userID, "replace", "active", "true")
	s.wantDoors(t, wide)
	s.wantTokens(t, held, http.StatusUnauthorized, http.StatusBadRequest)
	s.wantSignedOut(t)
	again := s.atSignIn(t, s.party.url+"/start")
	again.signIn(t, jane, s.password)
	again.at(t, s.party.url)
	s.wantTokens(t, s.party.current(), http.StatusOK, http.StatusOK)
}

// doors is what the three doors that take a password at once must answer.
type doors struct {
	bind   int
	radius string
	apache int
}

var (
	wide = doors{ldap.LDAPResultSuccess, accept, http.StatusOK}
	shut = doors{ldap.LDAPResultInvalidCredentials, reject, http.StatusUnauthorized}
)

func (s *story) wantDoors(t *testing.T, want doors) {
	t.Helper()
	if got := s.bindCode(t, janeDN, s.password); int(got) != want.bind {
		t.Errorf("bind: %d, want %d", got, want.bind)
	}
	if code, _ := s.whoami(t, "cn=jane,"+usersDN, s.password); code != want.bind {
		t.Errorf("ldapwhoami: %d, want %d", code, want.bind)
	}
	wantRADIUS(t, s.pap(t, jane, s.password), want.radius)
	if got := s.staffRoom(t, jane, s.password); got != want.apache {
		t.Errorf("mod_authnz_ldap: %d, want %d", got, want.apache)
	}
}

// wantSignedOut looks whether the browser that was signed in has to sign in.
func (s *story) wantSignedOut(t *testing.T) {
	t.Helper()
	s.signed.open(t, s.party.url+"/start")
	s.signed.do(t, chromedp.WaitVisible(nameField))
	s.signed.at(t, s.PublicURL)
}

// Step 5c: HR deletes its group. The app that was bound to it is closed to
// everybody, not open to everybody.
func (s *story) groupDeleted(t *testing.T) {
	inView := "uid=jane,ou=users,app=wiki,ou=apps," + strings.TrimPrefix(usersDN, "ou=users,")
	if code := s.bindCode(t, inView, s.password); code != ldap.LDAPResultSuccess {
		t.Errorf("bind in the view of the app before: %d, want 0", code)
	}
	s.hr.want(t, http.StatusNoContent, http.MethodDelete, "/Groups/"+s.groupID, "")

	if code := s.bindCode(t, inView, s.password); code != ldap.LDAPResultInvalidCredentials {
		t.Errorf("bind in the view of the app: %d, want 49", code)
	}
	refused := s.atSignIn(t, s.oidcApp.url+"/index.shtml")
	refused.signIn(t, jane, s.password)
	poll(t, 20*time.Second, func() error {
		status, err := ask[int](refused, `performance.getEntriesByType("navigation")[0].responseStatus`)
		if err == nil && status != http.StatusForbidden {
			return fmt.Errorf("status %d on %s, want 403", status, refused.describe())
		}
		return err
	})
	if text := refused.at(t, s.PublicURL); strings.Contains(text, "the wiki") {
		t.Errorf("the app is open: %q", text)
	}
	r := s.try(t, "", "why", jane, "--app", "wiki", "--json")
	if why := decode[struct{ Outcome, Reason string }](t, r.Stdout); r.Code != 3 || why.Reason != "not_bound" {
		t.Errorf("gatehouse why: %v, want not_bound and exit code 3", r)
	}
	wantRADIUS(t, s.pap(t, jane, s.password), accept)
}

// Step 6: the database stops in the middle. Searches go on, nothing else
// decides, and nothing claims that a password was wrong.
func (s *story) databaseStops(t *testing.T) {
	waiting := s.atSignIn(t, s.oidcApp.url+"/index.shtml")
	held := s.party.current()
	if err := shared.postgres.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("meanwhile", func(t *testing.T) { s.withoutDatabase(t, waiting, held) })
	if err := shared.postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name := range s.Metrics {
		if s.Process(name) != nil {
			if err := s.Ready(t.Context(), name, 15*time.Second); err != nil {
				t.Error(err)
			}
		}
	}
	s.wantDoors(t, wide)
	s.hr.want(t, http.StatusOK, http.MethodGet, "/Users/"+s.userID, "")
	s.wantTokens(t, held, http.StatusOK, http.StatusOK)
	back := s.atSignIn(t, s.party.url+"/start")
	back.signIn(t, jane, s.password)
	back.at(t, s.party.url)
}

func (s *story) withoutDatabase(t *testing.T, waiting window, held tokens) {
	for range 3 {
		if n, err := count(s.reader, usersDN, "(uid=jane)"); n != 1 || err != nil {
			t.Errorf("search: %d entries, %v, want the last complete truth", n, err)
		}
	}
	s.wantDoors(t, doors{ldap.LDAPResultUnavailable, silence, http.StatusInternalServerError})
	for _, password := range []string{s.password, wrong} {
		if r := s.openldap(t, "ldapsearch", readerDN, password, "-b", usersDN, "(uid=jane)"); r.Code != ldap.LDAPResultUnavailable {
			t.Errorf("bind of the reading account: %v, want 52", r)
		}
	}
	for method, body := range map[string]string{http.MethodGet: "", http.MethodPut: janeBody} {
		s.hr.want(t, http.StatusServiceUnavailable, method, "/Users/"+s.userID, body)
	}
	s.wantTokens(t, held, http.StatusServiceUnavailable, http.StatusServiceUnavailable)
	waiting.signIn(t, jane, s.password)
	poll(t, 20*time.Second, func() error {
		status, err := ask[int](waiting, `performance.getEntriesByType("navigation")[0].responseStatus`)
		if err == nil && status != http.StatusServiceUnavailable {
			return fmt.Errorf("sign-in: status %d on %s, want 503", status, waiting.describe())
		}
		return err
	})
	for name, addr := range s.Metrics {
		if s.Process(name) == nil {
			continue
		}
		if a, err := read(s.world.http(t).Get("http://" + addr + "/readyz")); err != nil || a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: readyz %v %v, want 503", name, a, err)
		}
	}
}
