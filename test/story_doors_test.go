package test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-ldap/ldap/v3"

	"gatehouse/test/stage"
)

// Step 1: HR creates Jane and puts her into two groups, one of them its own.
func (s *story) created(t *testing.T) {
	s.userID = s.hr.create(t, "/Users", janeBody)
	a := s.hr.want(t, http.StatusConflict, http.MethodPost, "/Users", janeBody)
	if !strings.Contains(a.body, "uniqueness") {
		t.Errorf("the same user again: %v, want uniqueness", a)
	}
	s.hr.patch(t, "/Users/"+s.userID, "replace", "password", fmt.Sprintf("%q", s.password))
	s.groupID = s.hr.create(t, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"engineering"}`)
	s.staffID = s.hr.find(t, "/Groups", `displayName eq "staff"`)
	for _, group := range []string{s.groupID, s.staffID} {
		s.hr.patch(t, "/Groups/"+group, "add", "members", fmt.Sprintf(`[{"value":%q}]`, s.userID))
	}
	if got := s.hr.want(t, http.StatusOK, http.MethodGet, "/Users/"+s.userID, "").body; strings.Contains(got, s.password) {
		t.Error("the password comes back in an answer")
	}
}

var (
	janeDN  = "uid=jane," + usersDN
	staffDN = "cn=staff," + groupsDN
)

// Step 2: every LDAP client finds her and binds as her.
func (s *story) ldap(t *testing.T) {
	t.Run("visible within 100 ms", s.visible)
	for _, filter := range []string{"(uid=jane)", "(mail=" + janeMail + ")", "(memberOf=cn=engineering," + groupsDN + ")"} {
		if got := s.search(t, stage.BaseDN, "(&(objectClass=inetOrgPerson)"+filter+")", "mail"); !strings.Contains(got, "dn: "+janeDN+"\n") || strings.Count(got, "dn: ") != 1 {
			t.Errorf("ldapsearch %s: %q, want her alone", filter, got)
		}
	}
	if got := s.search(t, janeDN, "(objectClass=*)", "memberOf", "entryUUID", "cn"); !strings.Contains(got, "memberOf: "+staffDN+"\n") || !strings.Contains(got, "entryUUID: "+s.userID+"\n") {
		t.Errorf("her entry: %q, want memberOf %s and entryUUID %s", got, staffDN, s.userID)
	}
	binds := []struct {
		name, dn, password string
		want               int
	}{
		{"uid", janeDN, s.password, ldap.LDAPResultSuccess},
		{"cn", "cn=jane," + usersDN, s.password, ldap.LDAPResultSuccess},
		{"wrong password", janeDN, wrong, ldap.LDAPResultInvalidCredentials},
		{"unknown user", "uid=nobody-here," + usersDN, wrong, ldap.LDAPResultInvalidCredentials},
	}
	for _, b := range binds {
		code, id := s.whoami(t, b.dn, b.password)
		if code != b.want {
			t.Errorf("ldapwhoami, %s: code %d, want %d", b.name, code, b.want)
		}
		if code == 0 && !strings.EqualFold(id, "dn:"+janeDN) {
			t.Errorf("ldapwhoami, %s: %q, want dn:%s", b.name, id, janeDN)
		}
	}
	t.Run("strangers see nothing", s.strangers)
	t.Run("python-ldap", s.pythonApp)
	for password, want := range map[string]int{s.password: http.StatusOK, wrong: http.StatusUnauthorized} {
		if got := s.staffRoom(t, jane, password); got != want {
			t.Errorf("mod_authnz_ldap answers %d, want %d", got, want)
		}
	}
}

// visible changes her title a few times and looks how long the search index
// lags behind the answer that HR got.
func (s *story) visible(t *testing.T) {
	var lags []time.Duration
	for i := range 5 {
		title := fmt.Sprintf("Engineer %d", i)
		s.hr.patch(t, "/Users/"+s.userID, "replace", "title", fmt.Sprintf("%q", title))
		answered := time.Now()
		poll(t, 2*time.Second, func() error {
			n, err := count(s.reader, usersDN, "(&(uid=jane)(title="+title+"))")
			if err == nil && n != 1 {
				return fmt.Errorf("%d entries with title %q", n, title)
			}
			return err
		})
		lags = append(lags, time.Since(answered))
	}
	slices.Sort(lags)
	if median := lags[len(lags)/2]; median > 100*time.Millisecond {
		t.Errorf("a change is visible after %v, want at most 100 ms (all: %v)", median, lags)
	}
}

// strangers: anonymous connections and she herself read no other person.
func (s *story) strangers(t *testing.T) {
	anonymous, self := s.dial(t), s.dial(t)
	if err := self.Bind(janeDN, s.password); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]*ldap.Conn{"anonymous": anonymous, "jane": self} {
		if n, err := count(conn, stage.BaseDN, "(uid=alice)"); n != 0 {
			t.Errorf("%s finds alice (%v)", name, err)
		}
	}
	if n, err := count(self, janeDN, "(uid=jane)"); n != 1 || err != nil {
		t.Errorf("jane finds herself %d times (%v), want once", n, err)
	}
}

func (s *story) pythonApp(t *testing.T) {
	url := "ldap://" + s.LDAP
	for password, want := range map[string]int{s.password: 0, wrong: ldap.LDAPResultInvalidCredentials} {
		r := s.python(t, "search_then_bind.py", url, readerDN, s.readerPassword, usersDN, jane, password)
		if r.Code != want {
			t.Errorf("python-ldap: %v, want code %d", r, want)
		}
		if want == 0 && strings.TrimSpace(r.Stdout) != janeDN+" "+janeMail {
			t.Errorf("python-ldap: %q", r.Stdout)
		}
	}
}

// staffRoom is the status that Apache answers.
func (s *story) staffRoom(t *testing.T, name, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.ldapApp.url+"/index.html", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(name, password)
	a, err := read(s.world.http(t).Do(req))
	if err != nil {
		t.Fatal(err)
	}
	return a.status
}

// Step 3: the access point lets her in.
func (s *story) radius(t *testing.T) {
	got := s.pap(t, jane, s.password)
	wantRADIUS(t, got, accept)
	_, attributes, _ := strings.Cut(got, "\n")
	if !strings.HasPrefix(strings.TrimSpace(attributes), "Message-Authenticator = ") {
		t.Errorf("the answer begins with %q, want Message-Authenticator", attributes)
	}
	for _, want := range []string{`User-Name = "jane"`, "Class = 0x", "Tunnel-Type:0 = VLAN", "Tunnel-Medium-Type:0 = IEEE-802", `Tunnel-Private-Group-Id:0 = "101"`} {
		if !strings.Contains(got, want) {
			t.Errorf("Access-Accept without %s:\n%s", want, got)
		}
	}
	no := s.pap(t, jane, wrong)
	wantRADIUS(t, no, reject)
	if strings.Contains(no, "Tunnel-") || strings.Contains(no, "User-Name") {
		t.Errorf("Access-Reject tells: %s", no)
	}
	wantRADIUS(t, s.pap(t, "bob", wrong), reject)
	t.Run("without Message-Authenticator", s.withoutAuthenticator)
}

// Step 4: she signs in once and is in both apps.
func (s *story) web(t *testing.T) {
	s.signed.open(t, s.oidcApp.url+"/index.shtml")
	s.signed.signIn(t, jane, wrong)
	s.signed.refused(t, s.PublicURL)
	s.signed.signIn(t, jane, s.password)
	if text := s.signed.at(t, s.oidcApp.url); !strings.Contains(text, "the wiki") {
		t.Fatalf("after signing in: %q", text)
	}
	for _, id := range []string{"token", "userinfo"} {
		claims := decode[struct{ Sub, Email string }](t, s.signed.text(t, chromedp.ID(id)))
		if claims.Sub != s.userID || claims.Email != janeMail {
			t.Errorf("%s has sub %q, email %q, want %q, %q", id, claims.Sub, claims.Email, s.userID, janeMail)
		}
	}
	s.signed.open(t, s.party.url+"/start")
	if text := s.signed.at(t, s.party.url); !strings.Contains(text, "signed in") {
		t.Fatalf("the second app, without a password: %q", text)
	}
	s.wantTokens(t, s.party.current(), http.StatusOK, http.StatusOK)
	if status := s.signed.open(t, s.PublicURL+"/"); status != http.StatusOK {
		t.Errorf("the portal answers %d", status)
	}
	if text := s.signed.at(t, s.PublicURL); !strings.Contains(text, "Wiki") || !strings.Contains(text, "Notes") {
		t.Errorf("the portal shows %q, want both apps", text)
	}
}

// wantTokens asks userinfo with the access token and redeems the refresh token.
func (s *story) wantTokens(t *testing.T, held tokens, userinfo, refresh int) {
	t.Helper()
	a, err := s.party.userinfo(t.Context(), held.Access)
	if err != nil || a.status != userinfo {
		t.Errorf("userinfo: %v %v, want %d", a, err, userinfo)
	}
	a, err = s.party.refresh(t.Context(), held.Refresh)
	if err != nil || a.status != refresh {
		t.Errorf("refresh: %v %v, want %d", a, err, refresh)
	}
	if refresh == http.StatusBadRequest && !strings.Contains(a.body, "invalid_grant") {
		t.Errorf("refresh: %v, want invalid_grant", a)
	}
}
