package test

import (
	"crypto/rand"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/go-ldap/ldap/v3"

	"gatehouse/test/stage"
)

// jane is the person of the story. Her body is an HR system's, byte for byte.
const (
	jane     = "jane"
	janeMail = "jane@example.com"
	janeBody = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","name":{"givenName":"Jane","familyName":"Doe"},"emails":[{"value":"jane@example.com","primary":true}],"active":true}`
)

// wrong is the one wrong password of the story: a repeated one is not counted
// as another guess, so the limiter does not mix in.
const wrong = "not her password"

// story is one run: what the steps hand on to each other.
type story struct {
	*world
	hr       hr
	reader   *ldap.Conn // stays open to the end
	database string

	userID, groupID, staffID string
	password                 string

	ldapApp *apache // mod_authnz_ldap
	oidcApp *apache // mod_auth_openidc, the app "wiki"
	party   *party  // the app "notes", keeps a refresh token
	chrome  browser
	signed  window // where Jane is signed in
}

// TestStory follows one person through the four doors.
func TestStory(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		s := &story{world: newWorld(t, database), database: database, password: rand.Text()}
		s.start(t, stage.Daemons()...)
		s.tell(t)
	})
}

// TestStoryInOneProcess is the same with `gatehouse serve`.
func TestStoryInOneProcess(t *testing.T) {
	s := &story{world: newWorld(t, ""), password: rand.Text()}
	s.start(t, stage.AllInOne)
	s.tell(t)
}

func (s *story) tell(t *testing.T) {
	s.hr, s.reader = s.world.hr(t), s.world.reader(t)
	s.chrome = s.openBrowser(t)
	if !t.Run("HR creates her", s.created) {
		return
	}
	s.openApps(t)
	t.Run("LDAP", s.ldap)
	t.Run("RADIUS", s.radius)
	s.signed = s.chrome.window(t)
	if !t.Run("web", s.web) {
		return
	}
	t.Run("HR deactivates her", s.deactivated)
	t.Run("HR activates her again", s.activated)
	t.Run("HR deletes the group", s.groupDeleted)
	t.Run("secrets stay secret", s.canary)
	if s.database != "" {
		t.Run("the database stops", s.databaseStops)
	}
}

// openApps starts the relying parties and gives them to those who are in the
// group that HR made.
func (s *story) openApps(t *testing.T) {
	wiki, wikiPort := newApache(t)
	staff, staffPort := newApache(t)
	s.oidcApp, s.ldapApp, s.party = wiki, staff, s.newParty(t, "notes")
	secret := rand.Text() + rand.Text()
	s.apply(t, expand(`apps:
  - slug: wiki
    name: Wiki
    bindings: [{group: engineering}]
    ldap: {}
    oidc: {client_id: wiki, client_secret: "$secret", redirect_uris: ["$wiki/callback"]}
  - slug: notes
    name: Notes
    bindings: [{group: staff}]
    oidc: {client_id: notes, client_secret: "$party", redirect_uris: ["$notes/callback"]}
`, "secret", secret, "wiki", wiki.url, "notes", s.party.url, "party", s.party.secret))
	issuer := s.PublicURL + "/application/o/"
	s.party.discover(t, issuer+"notes/")
	staff.page(t, "index.html", "the staff room\n")
	staff.start(t, s.world, staffPort, ldapConfig(s.world))
	wiki.page(t, "index.shtml", `<h1>the wiki</h1><pre id="token"><!--#echo var="OIDC_id_token_payload" encoding="entity" --></pre><pre id="userinfo"><!--#echo var="OIDC_userinfo_json" encoding="entity" --></pre>`)
	wiki.start(t, s.world, wikiPort, oidcConfig(issuer+"wiki/", wiki.url+"/callback", secret))
}

// atSignIn opens an address in a window without cookies and waits for the
// sign-in page.
func (s *story) atSignIn(t *testing.T, url string) window {
	t.Helper()
	w := s.chrome.window(t)
	w.open(t, url)
	w.do(t, chromedp.WaitVisible(nameField))
	return w
}
