package test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gatehouse/test/stage"
)

// lastLine is where a command prints the secret that it made.
func lastLine(r stage.Result) string {
	lines := strings.Split(strings.TrimRight(r.Stdout, "\n"), "\n")
	return lines[len(lines)-1]
}

// authenticator gives somebody one and returns its seed in base 32.
func (w *world) authenticator(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(lastLine(w.cli(t, "", "totp", "create", name)))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		t.Fatalf("no otpauth address: %v, %v", u, err)
	}
	return u.Query().Get("secret")
}

// oathtool is the code of a seed now. The seed goes by standard input: command
// lines are read by everybody.
func oathtool(t *testing.T, seed string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := stage.Run(ctx, seed+"\n", nil, "oathtool", "--totp", "--base32", "-")
	if err != nil || r.Code != 0 {
		t.Fatalf("oathtool: %v, %v", r, err)
	}
	return strings.TrimSpace(r.Stdout)
}

// TestSecondFactor asks for a code at every door, of four processes on one store,
// with clients that know nothing of it.
func TestSecondFactor(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, stage.Daemons()...)
	site := func(challenge bool) string {
		return expand(`apps:
  - {slug: mail, name: Mail, require: [totp], ldap: {app_passwords: counts-as-factor}}
  - {slug: files, name: Files, ldap: {}}
  - {slug: wifi, name: Wi-Fi, require: [totp], bindings: [{group: staff}], radius: {}}
radius_clients:
  - {name: ap-hall, networks: ["127.0.0.1/32"], secret: "$radius", app: wifi, challenge: $challenge}
`, "radius", w.radiusSecret, "challenge", fmt.Sprint(challenge))
	}
	w.apply(t, site(false))
	view := func(app string) string { return "uid=alice,ou=users,app=" + app + ",ou=apps," + stage.BaseDN }
	bind := func(t *testing.T, dn, password string, want int) {
		t.Helper()
		if code, id := w.whoami(t, dn, password); code != want || (want == 0) != strings.HasPrefix(id, "dn:uid=alice,") {
			t.Errorf("bind as %s: %d %q, want %d", dn, code, id, want)
		}
	}
	t.Run("ldap, the code behind the password", func(t *testing.T) {
		code := oathtool(t, w.authenticator(t, "alice"))
		bind(t, view("mail"), w.alicePassword, 49)
		bind(t, view("mail"), w.alicePassword+";"+code, 0)
		bind(t, view("mail"), w.alicePassword+";"+code, 49) // once
		bind(t, view("files"), w.alicePassword, 0)
		bind(t, view("files"), w.alicePassword+";"+code, 49) // nothing is taken off
	})
	t.Run("an app password", func(t *testing.T) {
		own := lastLine(w.cli(t, "", "app-password", "create", "alice", "--app", "mail", "--label", "phone"))
		bind(t, view("mail"), own, 0)
		bind(t, view("files"), own, 49)
		bind(t, "uid=alice,"+usersDN, own, 49)
		wantRADIUS(t, w.pap(t, "alice", own), reject)
		everywhere := lastLine(w.cli(t, "", "app-password", "create", "alice", "--protocol", "ldap", "--label", "mailer"))
		bind(t, "uid=alice,"+usersDN, everywhere, 0)
		if r := w.openldap(t, "ldappasswd", "uid=alice,"+usersDN, everywhere, "-s", "a new password of hers"); r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "Insufficient access (50)") {
			t.Errorf("an app password changes the password: %v", r)
		}
		bind(t, "uid=alice,"+usersDN, w.alicePassword, 0)
	})
	t.Run("radius, the code behind the password", func(t *testing.T) {
		code := oathtool(t, w.authenticator(t, "alice"))
		wantRADIUS(t, w.pap(t, "alice", w.alicePassword), reject)
		wantRADIUS(t, w.pap(t, "alice", w.alicePassword+code), accept)
		bind(t, view("mail"), w.alicePassword+";"+code, 49) // it was used at another door
	})
	t.Run("radius, asked for", func(t *testing.T) {
		w.apply(t, site(true))
		w.challenged(t, oathtool(t, w.authenticator(t, "alice")))
	})
	t.Run("the web", func(t *testing.T) {
		seed := w.authenticator(t, "alice")
		if r := w.try(t, "", "settings", "set", "require_mfa", "true"); r.Code != 3 || !strings.Contains(r.Stderr, "bob") {
			t.Errorf("it is saved although bob is shut out: %v", r)
		}
		w.cli(t, "", "settings", "set", "require_mfa", "true", "--force")
		bind(t, "uid=alice,"+usersDN, w.alicePassword, 49)
		w.signInWithCode(t, seed)
	})
}

// challenged answers an Access-Challenge with radclient, which shows the State
// that it got and sends the one that it is given.
func (w *world) challenged(t *testing.T, code string) {
	t.Helper()
	state := func(password string) string {
		t.Helper()
		var asked string
		poll(t, 20*time.Second, func() error { // the server may not have heard of the change yet
			if asked = w.pap(t, "alice", password); !strings.HasPrefix(asked, "Access-Challenge ") {
				return fmt.Errorf("radius answered %q", asked)
			}
			return nil
		})
		m := regexp.MustCompile(`State = (0x[0-9a-f]{32})\b`).FindStringSubmatch(asked)
		if m == nil || !strings.Contains(asked, "Reply-Message") {
			t.Fatalf("no State of 128 bits, or no text: %s", asked)
		}
		return m[1]
	}
	answer := func(station, state string) string {
		t.Helper()
		return w.radclient(t, `User-Name = "alice"`, fmt.Sprintf("User-Password = %q", code), "State = "+state,
			"NAS-IP-Address = 127.0.0.1", fmt.Sprintf("Calling-Station-Id = %q", station), "Message-Authenticator = 0x00")
	}
	const station = "02-00-00-00-00-01"
	wantRADIUS(t, answer(station, state("not her password")), reject)
	wantRADIUS(t, answer("02-00-00-00-00-02", state(w.alicePassword)), reject)
	right := state(w.alicePassword)
	wantRADIUS(t, answer(station, right), accept)
	wantRADIUS(t, answer(station, right), reject)
}

// signInWithCode goes through the pages with a browser: a wrong code, then one of
// the seed.
func (w *world) signInWithCode(t *testing.T, seed string) {
	t.Helper()
	const code = chromedp.CSS(`input[autocomplete="one-time-code"]`)
	tab := w.openBrowser(t).window(t)
	tab.open(t, w.PublicURL+"/")
	tab.signIn(t, "alice", w.alicePassword)
	tab.do(t, chromedp.WaitVisible(code))
	if text := tab.at(t, w.PublicURL+"/sign-in/factor"); !strings.Contains(text, "alice") {
		t.Errorf("the page does not say whose code: %s", text)
	}
	tab.do(t, chromedp.SendKeys(code, "no code"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`[role="alert"]`)),
		chromedp.SendKeys(code, oathtool(t, seed)+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`#apps`)))
	tab.at(t, w.PublicURL+"/")
}
