package scimd

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	dirschema "gatehouse/directory/schema"
)

const (
	hrToken  = "hr-token-hr-token-hr-token-hr-token-0"
	crmToken = "crm-token-crm-token-crm-token-crm-tok"
)

// fixture is a server on a real directory with two sources: hr, lenient and
// trusted for addresses, and crm, which is neither.
type fixture struct {
	*Server
	dir *directory.Directory
	log *syncBuffer
}

// syncBuffer collects log lines of several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureOn(t, directorytest.OpenSQLite(t))
}

func newFixtureOn(t testing.TB, store directory.Store) *fixture {
	t.Helper()
	return newFixtureWith(t, store, nil)
}

// newFixtureWith is newFixtureOn with changes to the configuration of the core.
func newFixtureWith(t testing.TB, store directory.Store, edit func(*directory.Config)) *fixture {
	t.Helper()
	dir := directorytest.Core(t, store, edit)
	logged := &syncBuffer{}
	s, err := New(Config{
		Directory: dir,
		Logger:    slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registry:  prometheus.NewRegistry(),
		PublicURL: "https://id.example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: s, dir: dir, log: logged}
	f.source(t, "hr", hrToken, dirschema.SCIMSource{Emails: dirschema.EmailsTrusted, Writable: []string{"password", "sshPublicKey"}})
	f.source(t, "crm", crmToken, dirschema.SCIMSource{Profile: "rfc"})
	return f
}

// source creates or changes a SCIM source.
func (f *fixture) source(t testing.TB, name, token string, c dirschema.SCIMSource) {
	t.Helper()
	f.operate(t, func(w *directory.Writer) error {
		_, err := w.SaveSCIMSource(directory.NewSCIMSource{Name: name, Token: directory.Secret(token), Config: c})
		return err
	})
}

// operate writes to the directory as the operator.
func (f *fixture) operate(t testing.TB, fn func(*directory.Writer) error) {
	t.Helper()
	if _, err := f.dir.Write(t.Context(), directorytest.Operator(), fn); err != nil {
		t.Fatal(err)
	}
}

// response is an answer, with its body decoded.
type response struct {
	status int
	header http.Header
	raw    string
	body   *object // nil: empty
}

func (r response) id() string { return r.body.str("id") }

// send sends a request as hr unless the headers say otherwise. headers are
// names and values in turn.
func (f *fixture) send(t testing.TB, method, path, body string, headers ...string) response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+hrToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return f.do(t, r)
}

func (f *fixture) do(t testing.TB, r *http.Request) response {
	t.Helper()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	out := response{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if out.raw == "" {
		return out
	}
	if !json.Valid([]byte(out.raw)) {
		t.Fatalf("%s %s: not JSON: %s", r.Method, r.URL, out.raw)
	}
	o, err := decodeObject([]byte(out.raw))
	if err != nil {
		t.Fatalf("%s %s: %v: %s", r.Method, r.URL, err, out.raw)
	}
	out.body = o
	return out
}

// want sends a request and fails unless the status is as expected.
func (f *fixture) want(t testing.TB, status int, method, path, body string, headers ...string) response {
	t.Helper()
	r := f.send(t, method, path, body, headers...)
	if r.status != status {
		t.Fatalf("%s %s: got %d %s, want %d", method, path, r.status, r.raw, status)
	}
	if status >= 400 && (r.body == nil || r.body.str("status") != itoa(status) || !listsSchema(r.body, messageURN+"Error")) {
		t.Fatalf("%s %s: not a SCIM error: %s", method, path, r.raw)
	}
	return r
}

func itoa(n int) string { return string(appendJSON(nil, number(n))) }

// as is the header of another source's token.
func as(token string) []string { return []string{"Authorization", "Bearer " + token} }

const (
	users  = "/scim/v2/Users"
	groups = "/scim/v2/Groups"
)

// user creates a user and returns its id.
func (f *fixture) user(t testing.TB, name string) string {
	t.Helper()
	return f.want(t, 201, "POST", users, `{"schemas":["`+urnUser+`"],"userName":"`+name+`"}`).id()
}

// group creates a group and returns its id.
func (f *fixture) group(t testing.TB, name string) string {
	t.Helper()
	return f.want(t, 201, "POST", groups, `{"schemas":["`+urnGroup+`"],"displayName":"`+name+`"}`).id()
}

func patchBody(ops string) string { return patchHead + ops + "}" }

// members returns the ids in a group.
func (f *fixture) members(t testing.TB, id string) []string {
	t.Helper()
	var out []string
	for _, m := range elementsOf(f.want(t, 200, "GET", groups+"/"+id, "").body, "members") {
		out = append(out, m.str("value"))
	}
	return out
}
