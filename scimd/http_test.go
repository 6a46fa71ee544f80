package scimd

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	dirschema "gatehouse/directory/schema"
)

func TestAuthentication(t *testing.T) {
	f := newFixture(t)
	f.source(t, "hr", "the-new-token-of-hr-the-new-token-of", dirschema.SCIMSource{})
	tests := []struct {
		name, path, authorization string
		want                      int
	}{
		{"current token", users, "Bearer the-new-token-of-hr-the-new-token-of", 200},
		{"previous token", users, "Bearer " + hrToken, 200},
		{"scheme in any case", users, "bearer " + hrToken, 200},
		{"no token", users, "", 401},
		{"empty token", users, "Bearer ", 401},
		{"unknown token", users, "Bearer " + strings.Repeat("x", 40), 401},
		{"token cut short", users, "Bearer " + hrToken[:36], 401},
		{"token with something behind", users, "Bearer " + hrToken + "x", 401},
		{"huge token", users, "Bearer " + strings.Repeat("x", 10_000), 401},
		{"another scheme", users, "Basic " + hrToken, 401},
		{"own path", "/scim/v2/hr/Users", "Bearer " + hrToken, 200},
		{"path of another source", "/scim/v2/crm/Users", "Bearer " + hrToken, 401},
		{"path of no source", "/scim/v2/none/Users", "Bearer " + hrToken, 401},
		{"discovery without a token", "/scim/v2/ServiceProviderConfig", "", 401},
		{"nowhere without a token", "/scim/v2/nowhere", "", 401},
	}
	for _, tt := range tests {
		r := f.send(t, "GET", tt.path, "", "Authorization", tt.authorization)
		if r.status != tt.want {
			t.Errorf("%s: got %d %s", tt.name, r.status, r.raw)
		}
		if tt.want == 401 && (r.header.Get("WWW-Authenticate") == "" || !listsSchema(r.body, messageURN+"Error")) {
			t.Errorf("%s: %v %s", tt.name, r.header, r.raw)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", users, nil)
	r.Header["Authorization"] = []string{"Bearer " + hrToken, "Bearer " + crmToken}
	if got := f.do(t, r); got.status != 401 {
		t.Errorf("two tokens: %d", got.status)
	}
	for _, secret := range []string{hrToken, strings.Repeat("x", 40)} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("a token is in the log")
		}
	}
	f.operate(t, func(w *directory.Writer) error {
		for s, err := range w.SCIMSources(directory.SCIMSourceQuery{Names: []string{"hr"}}) {
			if err != nil {
				return err
			}
			return w.DeleteSCIMSource(s.ID)
		}
		return errors.New("no source")
	})
	f.want(t, 401, "GET", users, "")
}

// TestOtherTokens: what opens another door opens nothing here.
func TestOtherTokens(t *testing.T) {
	f := newFixture(t)
	access := "gh_at_" + strings.Repeat("a", 40)
	hash := sha256.Sum256([]byte(access))
	err := f.dir.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error {
		return a.Tokens.Insert(directory.Token{Hash: hash[:], Kind: "access", Created: f.dir.Now(), Expires: f.dir.Now().Add(time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{users, groups, users + "/x", "/scim/v2/Schemas", "/scim/v2/Bulk", "/scim/v2/Me"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			f.want(t, 401, method, path, "{}", as(access)...)
		}
	}
}

func TestNetworks(t *testing.T) {
	f := newFixture(t)
	f.source(t, "hr", "", dirschema.SCIMSource{Networks: []string{"10.0.0.0/8", "2001:db8::/32"}})
	for remote, want := range map[string]int{
		"10.1.2.3:999": 200, "[2001:db8::1]:999": 200, "[::ffff:10.1.2.3]:999": 200,
		"192.0.2.1:999": 403, "[::1]:999": 403, "@": 403, "": 403,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", users, nil)
		r.RemoteAddr = remote
		r.Header.Set("Authorization", "Bearer "+hrToken)
		// Nobody but idp on its socket says where a client comes from.
		r.Header.Set(ClientAddressHeader, "10.1.2.3")
		r.Header.Set("X-Forwarded-For", "10.1.2.3")
		if got := f.do(t, r); got.status != want {
			t.Errorf("from %q: got %d %s", remote, got.status, got.raw)
		}
	}
}

func TestRequests(t *testing.T) {
	f := newFixture(t)
	id := f.user(t, "jane")
	const json = "application/json"
	tests := []struct {
		name, method, path, body, contentType string
		want                                  int
		scimType                              string
	}{
		{"endpoint in any case", "GET", "/SCIM/v2/uSERS/" + id, "", "", 200, ""},
		{"slash behind", "GET", users + "/" + id + "/", "", "", 200, ""},
		{"ampersand behind", "GET", users + "/" + id + "&", "", "", 200, ""},
		{"head", "HEAD", users + "/" + id, "", "", 200, ""},
		{"charset", "POST", groups, `{"displayName":"a"}`, json + "; charset=UTF-8", 201, ""},
		{"no type", "POST", groups, `{"displayName":"b"}`, "", 201, ""},
		{"another charset", "POST", groups, `{"displayName":"c"}`, json + "; charset=latin1", 415, ""},
		{"another type", "POST", groups, `{"displayName":"c"}`, "text/plain", 415, ""},
		{"form", "POST", groups, `displayName=c`, "application/x-www-form-urlencoded", 415, ""},
		{"nowhere", "GET", "/scim/v2/Printers", "", "", 404, ""},
		{"root", "GET", "/scim/v2", "", "", 404, ""},
		{"another prefix", "GET", "/scim/v1/Users", "", "", 404, ""},
		{"prefix only begins so", "GET", "/scim/v2x/Users", "", "", 404, ""},
		{"too deep", "GET", users + "/" + id + "/name", "", "", 404, ""},
		{"no such id", "GET", users + "/nobody", "", "", 404, ""},
		{"group id at users", "GET", users + "/" + strings.Repeat("0", 3000), "", "", 404, ""},
		{"PUT of the collection", "PUT", users, "{}", json, 405, ""},
		{"DELETE of the collection", "DELETE", groups, "", "", 405, ""},
		{"POST to a resource", "POST", users + "/" + id, "{}", json, 405, ""},
		{"POST to discovery", "POST", "/scim/v2/Schemas", "{}", json, 405, ""},
		{"unknown method", "BREW", users, "", "", 405, ""},
		{"bulk", "POST", "/scim/v2/Bulk", "{}", json, 501, ""},
		{"me", "GET", "/scim/v2/Me", "", "", 501, ""},
		{"search", "POST", users + "/.search", "{}", json, 501, ""},
		{"empty body", "POST", users, "", json, 400, errInvalidSyntax},
		{"half a body", "POST", users, `{"userName":`, json, 400, errInvalidSyntax},
		{"a list", "POST", users, `[]`, json, 400, errInvalidSyntax},
		{"doubled member", "POST", users, `{"userName":"a","USERNAME":"b"}`, json, 400, errInvalidSyntax},
		{"too deep a body", "POST", users, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, json, 400, errInvalidSyntax},
		{"no userName", "POST", users, `{}`, json, 400, errInvalidValue},
		{"userName null", "POST", users, `{"userName":null}`, json, 400, errMutability},
		{"bad userName", "POST", users, `{"userName":"a b"}`, json, 400, errInvalidValue},
		{"bad address", "POST", users, `{"userName":"x","emails":[{"value":"nothing"}]}`, json, 400, errInvalidValue},
		{"body of a megabyte and a byte", "POST", users, `{"userName":"` + strings.Repeat("x", maxBody) + `"}`, json, 413, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Authorization", "Bearer "+hrToken)
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			got := f.do(t, r)
			if got.status != tt.want {
				t.Fatalf("got %d %.300s, want %d", got.status, got.raw, tt.want)
			}
			if tt.want >= 400 && (got.body.str("status") != itoa(tt.want) || got.body.str("scimType") != tt.scimType || got.body.str("detail") == "") {
				t.Errorf("got %s", got.raw)
			}
			if tt.want == 405 && got.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
}

func TestContentNegotiation(t *testing.T) {
	f := newFixture(t)
	for accept, want := range map[string]string{
		"": "application/scim+json", "*/*": "application/scim+json", "application/scim+json": "application/scim+json",
		"application/json": "application/json", "application/json, application/scim+json": "application/scim+json",
	} {
		got := f.want(t, 200, "GET", users, "", "Accept", accept).header.Get("Content-Type")
		if got != want+"; charset=utf-8" {
			t.Errorf("Accept %q: %s", accept, got)
		}
	}
}

func TestNamedSource(t *testing.T) {
	f := newFixture(t)
	r := f.want(t, 201, "POST", "/scim/v2/hr/Users", acceptance)
	if want := "https://id.example.com/scim/v2/hr/Users/" + r.id(); r.header.Get("Location") != want {
		t.Errorf("Location %s, want %s", r.header.Get("Location"), want)
	}
	f.want(t, 200, "GET", "/scim/v2/hr/Users/"+r.id(), "")
}

func TestDiscovery(t *testing.T) {
	f := newFixture(t)
	config := f.want(t, 200, "GET", "/scim/v2/serviceproviderconfig", "")
	for name, want := range map[string]bool{"patch": true, "bulk": false, "filter": true, "changePassword": true, "sort": true, "etag": true} {
		if got := config.body.get(name).(*object).get("supported"); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if crm := f.want(t, 200, "GET", "/scim/v2/ServiceProviderConfig", "", as(crmToken)...); crm.body.get("changePassword").(*object).get("supported") != false {
		t.Errorf("crm: %s", crm.raw)
	}
	types := f.want(t, 200, "GET", "/scim/v2/ResourceTypes", "")
	var got []string
	for _, o := range elementsOf(types.body, "Resources") {
		got = append(got, o.str("id")+o.str("endpoint"))
	}
	if d := cmp.Diff([]string{"User/Users", "Group/Groups"}, got); d != "" {
		t.Error(d)
	}
	schemas := f.want(t, 200, "GET", "/scim/v2/Schemas", "")
	got = nil
	for _, o := range elementsOf(schemas.body, "Resources") {
		got = append(got, o.str("id"))
		one := f.want(t, 200, "GET", "/scim/v2/Schemas/"+o.str("id"), "")
		if !equalValues(one.body, o) {
			t.Errorf("%s differs from the list", o.str("id"))
		}
	}
	if d := cmp.Diff([]string{urnUser, urnEnterprise, urnPosix, urnSSH, urnGroup}, got); d != "" {
		t.Error(d)
	}
	f.want(t, 200, "GET", "/scim/v2/ResourceTypes/User", "")
	f.want(t, 404, "GET", "/scim/v2/ResourceTypes/Printer", "")
	f.want(t, 404, "GET", "/scim/v2/Schemas/urn:x", "")
	f.want(t, 403, "GET", "/scim/v2/Schemas?filter=id+pr", "")
}

// TestDiscoveryIsTrue writes every attribute that /Schemas says can be
// written, one by one, and reads it back.
func TestDiscoveryIsTrue(t *testing.T) {
	f := newFixture(t)
	id := f.user(t, "jane")
	values := map[string]any{"timezone": "Europe/Zurich", "locale": "de-CH", "userName": "jane2", "profileUrl": "https://example.com/"}
	for _, s := range userType().schemas() {
		for i := range s.attrs {
			a := &s.attrs[i]
			if a.mutability == mutReadOnly || a.mutability == mutWriteOnly {
				continue
			}
			var v any = orDefault(text(values[a.name]), "Value")
			switch {
			case a.name == "active":
				v = true
			case a.name == "emails":
				v = []any{newObject("value", "v@example.com", "type", "work", "primary", true)}
			case a.name == "phoneNumbers":
				v = []any{newObject("value", "+41", "type", "work", "primary", true)}
			case a.name == "addresses":
				v = []any{newObject("formatted", "V", "streetAddress", "V", "locality", "V", "region", "V", "postalCode", "V", "country", "CH", "type", "work", "primary", true)}
			case a.multi && !a.simple():
				v = []any{newObject("value", "Value", "primary", true)}
			case a.multi:
				v = []any{"Value"}
			case !a.simple():
				c := &object{}
				for j := range a.sub {
					if a.sub[j].mutability != mutReadOnly {
						c.set(a.sub[j].name, "Value")
					}
				}
				v = c
			}
			op := newObject("op", "replace", "path", s.urn+":"+a.name, "value", v)
			body := newObject("schemas", []any{messageURN + "PatchOp"}, "Operations", []any{op})
			r := f.want(t, 200, "PATCH", users+"/"+id, string(appendJSON(nil, body)))
			got := r.body.get(a.name)
			if s.urn != urnUser {
				got = extensionOf(r.body, s.urn).get(a.name)
			}
			if c, ok := got.(*object); ok {
				c.set("$ref", nil)
			}
			if !equalValues(got, v) {
				t.Errorf("%s:%s: wrote %s, read %s", s.urn, a.name, appendJSON(nil, v), appendJSON(nil, got))
			}
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func TestUnavailable(t *testing.T) {
	store := directorytest.OpenSQLite(t)
	f := newFixtureOn(t, store)
	id := f.user(t, "jane")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ method, path, body string }{
		{"GET", users + "/" + id, ""}, {"GET", users, ""}, {"POST", users, acceptance}, {"DELETE", users + "/" + id, ""}, {"GET", "/scim/v2/Schemas", ""},
	} {
		r := f.want(t, 503, step.method, step.path, step.body)
		if r.header.Get("Retry-After") == "" || strings.Contains(r.raw, "closed") {
			t.Errorf("%s: %v %s", step.path, r.header, r.raw)
		}
	}
}

func TestTooManyRequests(t *testing.T) {
	f := newFixture(t)
	for range maxConcurrent {
		f.slots <- struct{}{}
	}
	if r := f.want(t, 429, "GET", users, ""); r.header.Get("Retry-After") == "" {
		t.Errorf("got %v", r.header)
	}
	<-f.slots
	f.want(t, 200, "GET", users, "")
}

func TestPanicFailsAlone(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", users, panicking{})
	r.Header.Set("Authorization", "Bearer "+hrToken)
	if got := f.do(t, r); got.status != 500 || strings.Contains(got.raw, "secret detail") {
		t.Errorf("got %d %s", got.status, got.raw)
	}
	if !strings.Contains(f.log.String(), "level=ERROR") {
		t.Error("not logged")
	}
	if len(f.slots) != 0 {
		t.Error("the slot was not given back")
	}
}

// panicking is a body that cannot be read.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("secret detail") }

func TestResultOf(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		kind   string
	}{
		{&directory.Error{Kind: directory.Invalid}, 400, errInvalidValue},
		{&directory.Error{Kind: directory.NotFound}, 404, ""},
		{&directory.Error{Kind: directory.Exists}, 409, errUniqueness},
		{&directory.Error{Kind: directory.Stale}, 412, ""},
		{&directory.Error{Kind: directory.Denied}, 403, ""},
		{&directory.Error{Kind: directory.Throttled}, 429, ""},
		{&directory.Error{Kind: directory.Unavailable}, 503, ""},
		{&directory.Error{Kind: directory.Internal, Msg: "secret detail"}, 500, ""},
		{context.DeadlineExceeded, 503, ""},
		{errors.New("secret detail"), 500, ""},
	} {
		r := resultOf(tt.err)
		if r.status != tt.status || r.scimType != tt.kind || strings.Contains(r.detail, "secret detail") {
			t.Errorf("%v: got %+v", tt.err, r)
		}
	}
}

// TestRun serves real connections, one of them on a unix socket where idp says
// who the client is, and drains.
func TestRun(t *testing.T) {
	f := newFixture(t)
	f.source(t, "hr", "", dirschema.SCIMSource{Networks: []string{"203.0.113.0/24"}})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "scim.sock")
	unix, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	f.listeners = []net.Listener{tcp, unix}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()

	dial := func(network, address string) *http.Client {
		return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}}
	}
	for _, tt := range []struct {
		name   string
		client *http.Client
		says   string
		want   int
	}{
		{"unix, from the network", dial("unix", socket), "203.0.113.9", 200},
		{"unix, from elsewhere", dial("unix", socket), "192.0.2.1", 403},
		{"unix, from nowhere", dial("unix", socket), "", 403},
		{"tcp, claiming the network", dial("tcp", tcp.Addr().String()), "203.0.113.9", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://scim"+users, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+hrToken)
		r.Header.Set(ClientAddressHeader, tt.says)
		res, err := tt.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if err := res.Body.Close(); err != nil || res.StatusCode != tt.want {
			t.Errorf("%s: got %d %s", tt.name, res.StatusCode, body)
		}
		tt.client.CloseIdleConnections()
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}
