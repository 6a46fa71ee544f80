package test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/test/stage"
)

// TestHostileInput throws broken input at every door and then looks whether
// the same processes still serve an honest client.
func TestHostileInput(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, stage.Daemons()...)
	pids := map[string]int{}
	for _, name := range stage.Daemons() {
		pids[name] = w.Process(name).Pid()
	}
	honest := w.reader(t)
	t.Run("LDAP", w.hostileLDAP)
	t.Run("RADIUS", w.hostileRADIUS)
	t.Run("SCIM", w.hostileSCIM)
	t.Run("web", w.hostileWeb)
	for name, pid := range pids {
		p := w.Process(name)
		if !p.Running() || p.Pid() != pid {
			t.Errorf("%s has ended", name)
			continue
		}
		if strings.Contains(p.Log(), "goroutine ") {
			t.Errorf("%s has panicked", name)
		}
		if rss, err := p.RSS(); err != nil || rss > 200<<20 {
			t.Errorf("%s holds %d MiB (%v)", name, rss>>20, err)
		}
	}
	if n, err := count(honest, usersDN, "(uid=alice)"); n != 1 || err != nil {
		t.Errorf("the honest client finds alice %d times (%v)", n, err)
	}
	if code := w.bindCode(t, "uid=alice,"+usersDN, w.alicePassword); code != 0 {
		t.Errorf("alice binds with %d", code)
	}
	wantRADIUS(t, w.pap(t, "alice", w.alicePassword), accept)
}

// hostileLDAP: none of these may hold a connection open for long or be
// answered with an entry.
func (w *world) hostileLDAP(t *testing.T) {
	nested := bytes.Repeat([]byte{0x30, 0x84, 0x00, 0x01, 0x00, 0x00}, 20000)
	inputs := map[string][]byte{
		"another protocol":  []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"huge length":       {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01},
		"length of length":  {0x30, 0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"indefinite length": {0x30, 0x80, 0x02, 0x01, 0x01, 0x42, 0x00, 0x00, 0x00},
		"nested":            append([]byte{0x30, 0x83, 0x01, 0xd4, 0xc0}, nested...),
		"random":            bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef}, 4096),
		"zeroes":            make([]byte, 65536),
	}
	const ended = "gatehouse_ldapd_connections_ended_total"
	broken, handshakes := w.counter(t, "ldapd", ended, "malformed", "too_large"), w.counter(t, "ldapd", ended, "handshake")
	for name, input := range inputs {
		for _, addr := range []string{w.LDAP, w.LDAPS} {
			wantHangUp(t, name, addr, input)
		}
	}
	broken.wantGrowth(t, len(inputs))
	handshakes.wantGrowth(t, len(inputs))
	w.deepFilter(t)
}

// deepFilter: a filter of 200 levels is refused; the connection lives on.
func (w *world) deepFilter(t *testing.T) {
	conn := w.dial(t)
	filter := strings.Repeat("(!", 200) + "(uid=alice)" + strings.Repeat(")", 200)
	search := &ldap.SearchRequest{BaseDN: usersDN, Scope: ldap.ScopeWholeSubtree, Filter: filter}
	found, err := conn.Search(search)
	if err == nil || found != nil && len(found.Entries) > 0 {
		t.Errorf("a deep filter finds %v, want a refusal", found)
	}
	if code := resultCode(t, err); code >= ldap.ErrorNetwork {
		t.Errorf("a deep filter: %v, want a result code", err)
	}
	if err := conn.Bind("uid=alice,"+usersDN, w.alicePassword); err != nil {
		t.Errorf("a bind after the deep filter: %v", err)
	}
}

// wantHangUp sends input and wants the server to close the connection.
func wantHangUp(t *testing.T, name, addr string, input []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may hang up before it has read everything.
	_, _ = conn.Write(input)
	answer, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s at %s: the connection stays open", name, addr)
	}
	if len(answer) > 1024 {
		t.Errorf("%s at %s: %d bytes of answer", name, addr, len(answer))
	}
}

// hostileRADIUS: all of these are dropped in silence (RFC 2865 §3).
func (w *world) hostileRADIUS(t *testing.T) {
	header := func(code byte, length int) []byte {
		b := make([]byte, 20)
		b[0], b[1] = code, 9
		binary.BigEndian.PutUint16(b[2:], uint16(length))
		return b
	}
	cases := map[string][]byte{
		"one byte":           {1},
		"short":              header(1, 20)[:19],
		"longer than sent":   header(1, 400),
		"length below 20":    header(1, 19),
		"unknown code":       header(99, 20),
		"an answer":          header(2, 20),
		"empty attribute":    append(header(1, 22), 1, 0),
		"attribute past end": append(header(1, 24), 1, 40, 'a', 'b'),
		"too big":            append(header(1, 5000), bytes.Repeat([]byte{26, 255}, 2490)...),
		"random":             bytes.Repeat([]byte{0xde, 0xad}, 700),
	}
	discarded := w.counter(t, "radiusd", "gatehouse_radiusd_discarded_total")
	done := make(chan struct{}, 2*len(cases))
	for name, packet := range cases {
		for _, addr := range []string{w.Auth, w.Acct} {
			go func() {
				if answered(t, addr, packet) {
					t.Errorf("%s at %s: answered", name, addr)
				}
				done <- struct{}{}
			}()
		}
	}
	for range 2 * len(cases) {
		<-done
	}
	discarded.wantGrowth(t, 2*len(cases))
}

// hostileSCIM: refused with the status of RFC 7644 §3.12 and its error body.
func (w *world) hostileSCIM(t *testing.T) {
	good := w.hr(t)
	bad := good
	bad.token = strings.Repeat("x", len(good.token))
	deep := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"deep","name":` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200) + "}"
	atTheDoor := w.counter(t, "idp", "gatehouse_idp_requests_total", "refused")
	refused := w.counter(t, "scimd", "gatehouse_scimd_requests_total", "unauthenticated", "invalid", "not_found")
	cases := []struct {
		name, method, path, body string
		by                       hr
		want                     int
	}{
		{"no such token", http.MethodGet, "/Users", "", bad, http.StatusUnauthorized},
		{"not JSON", http.MethodPost, "/Users", `{"schemas":[`, good, http.StatusBadRequest},
		{"duplicate key", http.MethodPost, "/Users", strings.Replace(janeBody, `"userName"`, `"userName":"other","userName"`, 1), good, http.StatusBadRequest},
		{"deep", http.MethodPost, "/Users", deep, good, http.StatusBadRequest},
		{"2 MB", http.MethodPost, "/Users", `{"userName":"` + strings.Repeat("a", 2<<20) + `"}`, good, http.StatusRequestEntityTooLarge},
		{"no userName", http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]}`, good, http.StatusBadRequest},
		{"deep filter", http.MethodGet, "/Users?filter=" + strings.Repeat("(", 3000), "", good, http.StatusBadRequest},
		{"bad filter", http.MethodGet, "/Users?filter=userName+eq", "", good, http.StatusBadRequest},
		{"unknown id", http.MethodGet, "/Users/nosuch", "", good, http.StatusNotFound},
	}
	for _, c := range cases {
		a := c.by.send(t, c.method, c.path, c.body)
		if a.status != c.want || !strings.Contains(a.body, "urn:ietf:params:scim:api:messages:2.0:Error") {
			t.Errorf("%s: %.300s, want %d and a SCIM error", c.name, a, c.want)
		}
	}
	// The idp forwards no body that is too long.
	atTheDoor.wantGrowth(t, 1)
	refused.wantGrowth(t, len(cases)-1)
}

// hostileWeb: refused, with nothing of the inside shown.
func (w *world) hostileWeb(t *testing.T) {
	client := w.http(t)
	answered := w.counter(t, "idp", "gatehouse_idp_requests_total")
	cases := []struct {
		name, method, path, body string
		want                     []int
	}{
		{"encoded slash", http.MethodGet, "/scim/v2/..%2fUsers", "", []int{http.StatusBadRequest}},
		{"encoded backslash", http.MethodGet, "/scim/v2/a%5c..%5cUsers", "", []int{http.StatusBadRequest}},
		{"traversal", http.MethodGet, "/scim/v2/../../etc/passwd", "", []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}},
		{"big form", http.MethodPost, "/application/o/notes/token", strings.Repeat("a=b&", 1<<20), []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusNotFound}},
		{"unknown page", http.MethodGet, "/no/such/page", "", []int{http.StatusNotFound}},
		{"trace", "TRACE", "/", "", []int{http.StatusMethodNotAllowed, http.StatusNotFound, http.StatusNotImplemented}},
	}
	for _, c := range cases {
		req, err := http.NewRequestWithContext(t.Context(), c.method, w.PublicURL, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = c.path
		if c.body != "" {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		a, err := read(client.Do(req))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		found := false
		for _, status := range c.want {
			found = found || a.status == status
		}
		if !found || strings.Contains(a.body, "goroutine ") || strings.Contains(a.body, ".go:") {
			t.Errorf("%s: %.300s, want one of %v", c.name, a, c.want)
		}
	}
	answered.wantGrowth(t, len(cases))
	for _, garbage := range []string{"\x16\x03\x01\xff\xff", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 4096)} {
		conn, err := net.Dial("tcp", strings.Replace(strings.TrimPrefix(w.PublicURL, "https://"), "localhost", "127.0.0.1", 1))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(garbage))
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
