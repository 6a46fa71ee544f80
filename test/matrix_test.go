package test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"gatehouse/test/stage"
)

// cell is one row of the matrix: an app with its own user, who tries it at
// every door with the same proof. The verdict must be the same at each, and so
// must the reason in the audit.
type cell struct {
	name     string
	bindings string // YAML list
	app      string // more YAML of the app
	groups   []string
	expires  string
	prepare  func(m *matrix, t *testing.T, c *cell)        // after apply, with the daemons running
	proof    func(m *matrix, t *testing.T, c *cell) string // nil: the password
	station  string                                        // Calling-Station-Id; empty: the address that the others come from
	relayed  bool                                          // LDAP through a connection that was bound as a service account
	doors    string                                        // empty: all three
	reason   string                                        // of the refusal; empty: let in

	slug   string
	nas    string // the address that the NAS of the app asks from
	secret string // a credential that prepare made
}

const matrixDoors = "ldap radius oidc"

func matrixCells() []*cell {
	staff := []string{"staff"}
	return []*cell{
		{name: "allowed", bindings: "{group: staff}", groups: staff},
		{name: "not bound", bindings: "{group: staff}", reason: "not_bound"},
		{name: "negated", bindings: "{group: staff}, {group: barred, negate: true}", groups: []string{"staff", "barred"}, reason: "excluded"},
		{name: "right network", bindings: "{policy: here}"},
		{name: "wrong network", bindings: "{group: staff}, {policy: elsewhere}", groups: staff, reason: "policy"},
		{name: "wrong network, negated", bindings: "{policy: elsewhere, negate: true}"},
		{name: "wrong hour", bindings: "{policy: later}", reason: "policy"},
		{name: "right hour", bindings: "{policy: now}"},
		{name: "factor missing", app: "require: [totp]", prepare: (*matrix).enrolled, reason: "factor_required"},
		{name: "factor of a policy missing", bindings: "{policy: two-factors}", prepare: (*matrix).enrolled, reason: "factor_required"},
		{name: "factor given", app: "require: [totp]", proof: (*matrix).withCode},
		{name: "factor of a policy given", bindings: "{policy: two-factors}", proof: (*matrix).withCode},
		{name: "locked down", prepare: (*matrix).lockDown, reason: "locked_down"},
		{name: "disabled", prepare: (*matrix).disable, reason: "disabled"},
		{name: "expired", expires: "2020-01-01T00:00:00Z", reason: "expired"},
		{name: "timed membership ended", bindings: "{group: staff}", prepare: (*matrix).enrolUntilYesterday, reason: "not_bound"},
		{name: "timed membership in force", bindings: "{group: staff}", prepare: (*matrix).enrolUntilTomorrow},
		{name: "app password of another app", prepare: (*matrix).otherAppPassword, proof: (*matrix).made, reason: "credential_scope"},
		{name: "bound group deleted by SCIM", prepare: (*matrix).deleteBoundGroup, reason: "not_bound"},
		{name: "policy on an absent address", bindings: "{policy: here}", station: "02-00-00-00-00-01", relayed: true, doors: "ldap radius", reason: "policy"},
		{name: "policy on an absent address, negated", bindings: "{policy: elsewhere, negate: true}", station: "02-00-00-00-00-01", relayed: true, doors: "ldap radius", reason: "policy"},
		{name: "through a front-end", bindings: "{policy: here}", app: `ldap: {front_ends: ["127.0.0.0/8"]}`, doors: "ldap", reason: "policy"},
	}
}

// matrix is the installation that the cells share.
type matrix struct {
	*world
	password string
	cells    []*cell
	hr       hr
}

// TestMatrix asks the same question at every door and wants the same answer.
func TestMatrix(t *testing.T) {
	m := &matrix{world: newWorld(t, ""), password: rand.Text(), cells: matrixCells()}
	for i, c := range m.cells {
		c.slug, c.nas = fmt.Sprintf("cell-%d", i), fmt.Sprintf("127.0.1.%d", i+1)
	}
	m.apply(t, m.site())
	m.start(t, stage.AllInOne)
	m.hr = m.world.hr(t)
	for _, c := range m.cells {
		t.Run(c.name, func(t *testing.T) { m.run(t, c) })
	}
}

func (c *cell) user() string { return "u-" + c.slug }

func (m *matrix) site() string {
	now := time.Now().UTC()
	clock := func(d time.Duration) string { return now.Add(d).Format("15:04") }
	var users, apps, clients strings.Builder
	members := map[string][]string{"staff": {"alice"}, "barred": {}}
	for _, c := range m.cells {
		expires := ""
		if c.expires != "" {
			expires = ", expires: " + c.expires
		}
		fmt.Fprintf(&users, "  - {username: %s, family_name: Person, password: %q%s}\n", c.user(), m.password, expires)
		for _, g := range c.groups {
			members[g] = append(members[g], c.user())
		}
		fmt.Fprintf(&apps, "  - slug: %s\n    name: %s\n    bindings: [%s]\n    radius: {}\n", c.slug, c.slug, c.bindings)
		fmt.Fprintf(&apps, "    oidc: {client_id: %s, client_secret: %q, redirect_uris: [%q]}\n", c.slug, m.hrToken, matrixCallback)
		if !strings.Contains(c.app, "ldap:") {
			apps.WriteString("    ldap: {}\n")
		}
		if c.app != "" {
			fmt.Fprintf(&apps, "    %s\n", c.app)
		}
		fmt.Fprintf(&clients, "  - {name: %s, networks: [\"%s/32\"], secret: %q, app: %s}\n", c.slug, c.nas, m.radiusSecret, c.slug)
	}
	return expand(`users:
$usersgroups:
  - {name: staff, members: [$staff]}
  - {name: barred, members: [$barred]}
policies:
  - {name: here, rule: 'request.ip.in("127.0.0.0/8")', message: "Only from here."}
  - {name: elsewhere, rule: 'request.ip.in("10.0.0.0/8")', message: "Only from there."}
  - {name: later, rule: 'request.time.between("$from", "$to", "UTC")', message: "Not at this hour."}
  - {name: now, rule: 'request.time.between("$begin", "$end", "UTC")', message: "Not at this hour."}
  - {name: two-factors, rule: '"totp" in session.factors', message: "Only with a second factor."}
apps:
  - {slug: other, name: Other, ldap: {}, radius: {}}
$appsradius_clients:
$clients`, "users", users.String(), "staff", strings.Join(members["staff"], ", "), "barred", strings.Join(members["barred"], ", "),
		"from", clock(3*time.Hour), "to", clock(4*time.Hour), "begin", clock(-3*time.Hour), "end", clock(3*time.Hour),
		"apps", apps.String(), "clients", clients.String())
}

// run tries the doors of one cell and compares verdicts and audited reasons.
func (m *matrix) run(t *testing.T, c *cell) {
	if c.prepare != nil {
		c.prepare(m, t, c)
	}
	doors := c.doors
	if doors == "" {
		doors = matrixDoors
	}
	tries := map[string]func(*testing.T, *cell, string) bool{"ldap": m.tryLDAP, "radius": m.tryRADIUS, "oidc": m.tryWeb}
	for _, door := range strings.Fields(doors) {
		proof := m.password
		if c.proof != nil {
			proof = c.proof(m, t, c)
		}
		if in := tries[door](t, c, proof); in != (c.reason == "") {
			t.Errorf("%s: let in %v, want %v", door, in, c.reason == "")
		}
	}
	if c.reason == "" {
		return
	}
	for door, reason := range m.audited(t, c, strings.Fields(doors)) {
		if reason != c.reason {
			t.Errorf("%s: the audit says %q, want %q", door, reason, c.reason)
		}
	}
}

func (m *matrix) tryLDAP(t *testing.T, c *cell, proof string) bool {
	t.Helper()
	conn := m.dial(t)
	if c.relayed {
		if err := conn.Bind(readerDN, m.readerPassword); err != nil {
			t.Fatal(err)
		}
	}
	code := resultCode(t, conn.Bind("uid="+c.user()+",ou=users,app="+c.slug+",ou=apps,"+stage.BaseDN, proof))
	if code != ldap.LDAPResultSuccess && code != ldap.LDAPResultInvalidCredentials {
		t.Errorf("ldap: result %d", code)
	}
	return code == ldap.LDAPResultSuccess
}

// tryRADIUS asks as the app's own NAS, which is known by its address.
func (m *matrix) tryRADIUS(t *testing.T, c *cell, proof string) bool {
	t.Helper()
	packet := radius.New(radius.CodeAccessRequest, []byte(m.radiusSecret))
	station := c.station
	if station == "" {
		station = "127.0.0.1"
	}
	for _, err := range []error{
		rfc2865.UserName_SetString(packet, c.user()), rfc2865.UserPassword_SetString(packet, proof),
		rfc2865.CallingStationID_SetString(packet, station), signRequest(packet),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	client := radius.Client{Dialer: net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(c.nas)}}, Retry: 5 * time.Second}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answer, err := client.Exchange(ctx, packet, m.Auth)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Code == radius.CodeAccessAccept
}

const matrixCallback = "http://localhost:9/callback"

// tryWeb opens the app in a new browser and signs in on the way.
func (m *matrix) tryWeb(t *testing.T, c *cell, proof string) bool {
	t.Helper()
	b := m.newFormBrowser(t)
	query := url.Values{
		"client_id": {c.slug}, "redirect_uri": {matrixCallback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}
	password, code, _ := strings.Cut(proof, ";")
	page := b.open(t, m.PublicURL+"/application/o/authorize/?"+query.Encode())
	page = b.submit(t, page, url.Values{"username": {c.user()}, "password": {password}})
	if code != "" {
		page = b.submit(t, page, url.Values{"code": {code}})
	}
	to := page.header.Get("Location")
	return page.status == http.StatusSeeOther && strings.HasPrefix(to, matrixCallback) && strings.Contains(to, "code=")
}

// audited returns the reason of the newest event of the cell's user at each door.
func (m *matrix) audited(t *testing.T, c *cell, doors []string) map[string]string {
	t.Helper()
	type event struct{ Name, Via, Reason string }
	reasons := map[string]string{}
	poll(t, 20*time.Second, func() error {
		clear(reasons)
		for _, e := range decode[[]event](t, m.cli(t, "", "audit", "list", "--json", "--limit", "20").Stdout) {
			door := e.Via
			if door == "web" { // where one signs in on the way to the app
				door = "oidc"
			}
			if _, newer := reasons[door]; !newer && e.Name == c.user() && slices.Contains(doors, door) {
				reasons[door] = e.Reason
			}
		}
		if len(reasons) < len(doors) {
			return fmt.Errorf("the audit has %v of %s, want all of %v", reasons, c.user(), doors)
		}
		return nil
	})
	return reasons
}
