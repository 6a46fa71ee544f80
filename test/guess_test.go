package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/test/stage"
)

const aliceDN = "uid=alice," + usersDN

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// webSignIn types a name and a password into the form of a fresh browser and
// returns the status of the answer: 303 is in.
func (w *world) webSignIn(t *testing.T, name, password string) (int, error) {
	t.Helper()
	client := w.http(t)
	var err error
	if client.Jar, err = cookiejar.New(nil); err != nil {
		return 0, err
	}
	form, err := read(client.Get(w.PublicURL + "/sign-in"))
	if err != nil {
		return 0, err
	}
	csrf := csrfField.FindStringSubmatch(form.body)
	if csrf == nil {
		return 0, fmt.Errorf("no form in %.300s", form)
	}
	a, err := read(client.PostForm(w.PublicURL+"/sign-in", url.Values{"csrf": {csrf[1]}, "username": {name}, "password": {password}, "return": {"/"}}))
	return a.status, err
}

// bindFrom binds over LDAPS from a loopback address, as another host would.
func (w *world) bindFrom(ctx context.Context, t *testing.T, ip, dn, password string) error {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 10 * time.Second}
	conn, err := ldap.DialURL("ldaps://"+w.LDAPS, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(w.tls(t)))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	conn.SetTimeout(20 * time.Second)
	return conn.Bind(dn, password)
}

// TestGuessesOverTheDaemons: 64 guesses at once, at two daemons, share one
// count; the operator sees whom they hold up and ends it, and the other doors
// have not noticed.
func TestGuessesOverTheDaemons(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, stage.Daemons()...)
	counted := map[string]counter{}
	for _, daemon := range []string{"ldapd", "idp"} {
		counted[daemon] = w.counter(t, daemon, "gatehouse_limiter_failures_total")
	}
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			err := w.bindFrom(t.Context(), t, "127.0.0.1", aliceDN, fmt.Sprintf("guess %d at LDAP", i))
			if !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
				t.Errorf("bind: %v, want 49", err)
			}
		})
		wg.Go(func() {
			status, err := w.webSignIn(t, "alice", fmt.Sprintf("guess %d at the web", i))
			if err != nil || status != http.StatusForbidden && status != http.StatusTooManyRequests {
				t.Errorf("web: %d, %v; want refused", status, err)
			}
		})
	}
	wg.Wait()
	evaluated := 0.0
	for daemon, c := range counted {
		now, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s evaluated %v", daemon, now-c.start)
		evaluated += now - c.start
	}
	if evaluated == 0 || evaluated > 8 {
		t.Errorf("%v of 64 guesses were evaluated, want at most 8", evaluated)
	}
	wantRADIUS(t, w.pap(t, "alice", w.alicePassword), accept)
	if err := w.bindFrom(t.Context(), t, "127.0.0.2", aliceDN, w.alicePassword); err != nil {
		t.Errorf("from another address: %v", err)
	}
	w.operatorSees(t)
}

// limitedUser is an entry of `user list --limited --json`.
type limitedUser struct {
	Limited []struct {
		Failures int `json:"failures"`
	} `json:"limited"`
}

// operatorSees that Alice is held up from 127.0.0.1, and lets her in again.
func (w *world) operatorSees(t *testing.T) {
	t.Helper()
	guess := 0
	poll(t, 3*time.Minute, func() error { // each failure makes the delay longer
		guess++
		err := w.bindFrom(t.Context(), t, "127.0.0.1", aliceDN, fmt.Sprintf("another guess %d", guess))
		if !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return fmt.Errorf("bind: %w", err)
		}
		limited := decode[[]limitedUser](t, w.cli(t, "", "user", "list", "--limited", "--json").Stdout)
		if len(limited) != 1 || limited[0].Limited[0].Failures < 9 {
			return fmt.Errorf("the list of those who are held up is %+v", limited)
		}
		return nil
	})
	w.cli(t, "", "user", "unlock", "alice")
	if err := w.bindFrom(t.Context(), t, "127.0.0.1", aliceDN, w.alicePassword); err != nil {
		t.Errorf("after the unlock: %v", err)
	}
	if status, err := w.webSignIn(t, "alice", w.alicePassword); err != nil || status != http.StatusSeeOther {
		t.Errorf("on the web after the unlock: %d, %v", status, err)
	}
}

// TestAFloodFromOneAddress: wrong binds without end from one address, of names
// that exist and names that do not; everybody else signs in, and nobody hears
// "unavailable".
func TestAFloodFromOneAddress(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, stage.Daemons()...)
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for i := range 24 {
		flood.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				dn := fmt.Sprintf("uid=nobody-%d-%d,%s", i, n, usersDN)
				if n%2 == 0 {
					dn = "uid=bob," + usersDN
				}
				err := w.bindFrom(ctx, t, "127.0.0.1", dn, fmt.Sprintf("wrong %d %d", i, n))
				var code *ldap.Error
				if errors.As(err, &code) && code.ResultCode == ldap.LDAPResultUnavailable && ctx.Err() == nil {
					t.Errorf("the flood hears %v", err)
				}
			}
		})
	}
	defer func() { stop(); flood.Wait() }()
	refused := w.counter(t, "ldapd", "gatehouse_limiter_refused_total")
	poll(t, time.Minute, func() error { // the flood is on
		now, err := refused.read()
		if err == nil && now-refused.start < 20 {
			err = fmt.Errorf("%v refused", now-refused.start)
		}
		return err
	})
	for range 3 {
		if err := w.bindFrom(t.Context(), t, "127.0.0.2", aliceDN, w.alicePassword); err != nil {
			t.Errorf("Alice at LDAP: %v", err)
		}
		if status, err := w.webSignIn(t, "alice", w.alicePassword); err != nil || status != http.StatusSeeOther {
			t.Errorf("Alice on the web: %d, %v", status, err)
		}
		wantRADIUS(t, w.pap(t, "alice", w.alicePassword), accept)
	}
}
