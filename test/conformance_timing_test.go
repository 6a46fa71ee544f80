//go:build conformance

package test

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/crypto/bcrypt"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"gatehouse/test/stage"
)

// denial is a reason to be refused, and a person whom it concerns. A guesser who
// measures must not tell it from the others.
type denial struct{ name, user, password string }

// deniedDoor is a way to try a name and a password. It returns what came back,
// without what is different each time for everybody.
type deniedDoor struct {
	name    string
	tries   int // of each denial
	attempt func(t *testing.T, n int, d denial) (answer string, took time.Duration)
}

// TestConformanceDenials: the answers to somebody unknown, a wrong password, a
// locked, disabled or expired account, hashes of other makes and a missing second
// factor are the same and come at times of one distribution: the two-sample
// Kolmogorov–Smirnov test tells none of them from the unknown name.
func TestConformanceDenials(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t, w.deniedSite(t))
	w.start(t, "ldapd", "radiusd", "idp")
	seed := w.authenticator(t, "factor")
	w.authenticator(t, "enrolled")
	w.cli(t, "", "user", "disable", "disabled", "--reason", "test")
	w.cli(t, "", "user", "lockdown", "locked", "--reason", "test")
	// Once in, so that the verified password is remembered.
	if err := w.bindFrom(t.Context(), t, "127.0.0.1", deskDN("factor"), w.alicePassword+";"+oathtool(t, seed)); err != nil {
		t.Fatal(err)
	}
	denials := []denial{
		{"unknown", "nobody", "wrong"},
		{"wrong", "alice", "wrong"},
		{"wrong, enrolled", "enrolled", "wrong"},
		{"locked", "locked", w.alicePassword},
		{"disabled", "disabled", w.alicePassword},
		{"expired", "expired", w.alicePassword},
		{"SSHA", "ssha", "wrong"},
		{"bcrypt", "bcrypt", "wrong"},
	}
	appended := append(slices.Clone(denials),
		denial{"factor missing", "factor", w.alicePassword}, denial{"right password, wrong code", "factor", w.alicePassword + ";000000"},
		denial{"wrong password and code", "factor", "wrong;000000"}, denial{"not enrolled", "alice", w.alicePassword})
	for _, door := range []deniedDoor{
		{"LDAP", 40, w.deniedBind}, {"RADIUS PAP", 25, w.deniedPAP}, {"TTLS/PAP", 12, w.deniedTTLS}, {"web", 40, w.deniedWeb},
	} {
		t.Run(door.name, func(t *testing.T) {
			if door.name == "web" {
				door.compare(t, denials) // it asks for the code on a page of its own
			} else {
				door.compare(t, appended)
			}
		})
	}
}

// deniedSite adds the people who will be refused, at an app that wants a factor
// where one can be appended.
func (w *world) deniedSite(t *testing.T) string {
	t.Helper()
	salt := []byte(rand.Text())
	digest := sha1.Sum(append([]byte(w.alicePassword), salt...))
	ssha := "{SSHA}" + base64.StdEncoding.EncodeToString(append(digest[:], salt...))
	slow, err := bcrypt.GenerateFromPassword([]byte(w.alicePassword), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	var users strings.Builder
	for _, name := range []string{"locked", "disabled", "factor", "enrolled"} {
		fmt.Fprintf(&users, "  - {username: %s, password: %q}\n", name, w.alicePassword)
	}
	fmt.Fprintf(&users, "  - {username: expired, password: %q, expires: 2020-01-01T00:00:00Z}\n", w.alicePassword)
	fmt.Fprintf(&users, "  - {username: ssha, password_hash: %q}\n  - {username: bcrypt, password_hash: \"{CRYPT}%s\"}\n", ssha, slow)
	return expand(`users:
$usersapps:
  - {slug: desk, name: Desk, require: [totp], ldap: {}, radius: {}}
radius_clients:
  - {name: ap-hall, networks: ["127.0.0.1/32"], secret: "$radius", app: desk}
`, "users", users.String(), "radius", w.radiusSecret)
}

func deskDN(user string) string { return "uid=" + user + ",ou=users,app=desk,ou=apps," + stage.BaseDN }

// compare tries all denials in turn, in another order each time, and compares
// each with the first.
func (d deniedDoor) compare(t *testing.T, denials []denial) {
	took := make([][]time.Duration, len(denials))
	first := ""
	for n := range d.tries {
		for _, i := range mrand.Perm(len(denials)) {
			answer, dur := d.attempt(t, n*len(denials)+i, denials[i])
			took[i] = append(took[i], dur)
			if first == "" {
				first = answer
			}
			if answer != first {
				t.Fatalf("%s is answered %q, others are %q", denials[i].name, answer, first)
			}
		}
	}
	// The two samples differ at a level of 0.0001 above this (Smirnov).
	limit := math.Sqrt(-math.Log(0.0001/2)/2) * math.Sqrt(2/float64(d.tries))
	for i := range denials {
		slices.Sort(took[i])
		distance := smirnov(took[0], took[i])
		t.Logf("%-26s median %v, D %.2f", denials[i].name, took[i][d.tries/2].Round(time.Microsecond), distance)
		if distance > limit {
			t.Errorf("%s can be told from an unknown name: D %.2f, at most %.2f is chance: %v and %v", denials[i].name, distance, limit, took[0], took[i])
		}
	}
}

// smirnov is the largest distance between the empirical distributions of two
// sorted samples.
func smirnov(a, b []time.Duration) float64 {
	largest := 0.0
	for _, at := range slices.Concat(a, b) {
		below := func(s []time.Duration) float64 {
			n, _ := slices.BinarySearch(s, at+1)
			return float64(n) / float64(len(s))
		}
		largest = max(largest, math.Abs(below(a)-below(b)))
	}
	return largest
}

// guesser is an address that no other attempt comes from, so that the limiter
// holds up none of them.
func guesser(n int) string { return fmt.Sprintf("127.%d.%d.%d", 1+n>>16, n>>8&255, n&255) }

func (w *world) deniedBind(t *testing.T, n int, d denial) (string, time.Duration) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(guesser(n))}}
	conn, err := ldap.DialURL("ldaps://"+w.LDAPS, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(w.tls(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begun := time.Now()
	err = conn.Bind(deskDN(d.user), d.guess(n))
	took := time.Since(begun)
	var refused *ldap.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%s: %v", d.name, err)
	}
	return fmt.Sprintf("%d %q %q", refused.ResultCode, refused.MatchedDN, refused.Err), took
}

// guess is the password, or a wrong one that was not tried before.
func (d denial) guess(n int) string {
	if strings.HasPrefix(d.password, "wrong") {
		return fmt.Sprintf("%d %s", n, d.password)
	}
	return d.password
}

func (w *world) deniedPAP(t *testing.T, n int, d denial) (string, time.Duration) {
	packet := radius.New(radius.CodeAccessRequest, []byte(w.radiusSecret))
	for _, err := range []error{
		rfc2865.UserName_SetString(packet, d.user), rfc2865.UserPassword_SetString(packet, d.guess(n)),
		rfc2865.CallingStationID_SetString(packet, fmt.Sprintf("02-00-00-01-%02X-%02X", n>>8, n&255)), signRequest(packet),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	answer, err := radius.Exchange(t.Context(), packet, w.Auth)
	took := time.Since(begun)
	if err != nil {
		t.Fatalf("%s: %v", d.name, err)
	}
	text := answer.Code.String()
	for _, a := range answer.Attributes {
		text += fmt.Sprintf(" %d(%d)", a.Type, len(a.Attribute))
	}
	return text, took
}

func (w *world) deniedTTLS(t *testing.T, n int, d denial) (string, time.Duration) {
	begun := time.Now()
	in, text := w.eapol(t, "eap=TTLS", `phase2="auth=PAP"`, fmt.Sprintf("identity=%q", d.user), fmt.Sprintf("password=%q", d.guess(n)))
	took := time.Since(begun)
	if in {
		t.Fatalf("%s: let in: %s", d.name, text)
	}
	_, end, _ := strings.Cut(text, "(Access-Reject)")
	return fmt.Sprint(len(end) > 0), took
}

func (w *world) deniedWeb(t *testing.T, n int, d denial) (string, time.Duration) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(guesser(n))}}
	transport := &http.Transport{TLSClientConfig: w.tls(t), DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport, Jar: jar, Timeout: 20 * time.Second}
	form, err := read(client.Get(w.PublicURL + "/sign-in"))
	if err != nil {
		t.Fatal(err)
	}
	csrf := csrfField.FindStringSubmatch(form.body)
	if csrf == nil {
		t.Fatalf("no form in %.300s", form)
	}
	fields := url.Values{"csrf": {csrf[1]}, "username": {d.user}, "password": {d.guess(n)}, "return": {"/"}}
	begun := time.Now()
	a, err := read(client.PostForm(w.PublicURL+"/sign-in", fields))
	took := time.Since(begun)
	if err != nil {
		t.Fatal(err)
	}
	a.body = csrfField.ReplaceAllString(strings.ReplaceAll(a.body, fmt.Sprintf("value=%q", d.user), `value="-"`), "")
	return a.String(), took
}
