package ldapd

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// crowd adds n people called p0000, p0001 …, each with a title of so many octets, and waits until searches see them.
func (w *world) crowd(n, title int) {
	w.t.Helper()
	const atOnce = 100 // what the slowest machine writes within the deadline of a transaction
	var head directory.Head
	for from := 0; from < n; from += atOnce {
		head = w.write(func(tx *directory.Writer) error {
			for i := from; i < min(n, from+atOnce); i++ {
				if _, err := tx.CreateUser(directory.User{Username: fmt.Sprintf("p%04d", i), Profile: directory.Attributes{
					"familyName": {"Person"}, "givenName": {fmt.Sprint("Number ", i)}, "title": {strings.Repeat("x", title)},
				}}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := w.index.Wait(w.t.Context(), head.Seq); err != nil {
		w.t.Fatal(err)
	}
}

func search(base string, scope int, filter string, attrs ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attrs, nil)
}

func dns(r *ldap.SearchResult) []string {
	var out []string
	if r != nil {
		for _, e := range r.Entries {
			out = append(out, e.DN)
		}
	}
	slices.Sort(out)
	return out
}

func TestWhoSeesWhat(t *testing.T) {
	w := newWorld(t, nil)
	const sub = ldap.ScopeWholeSubtree
	groupDN := "cn=staff,ou=groups," + baseDN
	tests := []struct {
		name, as string
		req      *ldap.SearchRequest
		want     []string
		code     int
	}{
		{"a reader finds Alice", readerDN, search(baseDN, sub, "(uid=alice)"), []string{aliceDN}, 0},
		{"a reader finds groups", readerDN, search("ou=groups,"+baseDN, 1, "(cn=staff)"), []string{groupDN}, 0},
		{"a reader finds by memberOf", readerDN, search("ou=users,"+baseDN, sub, "(memberOf="+groupDN+")"), []string{aliceDN}, 0},
		{"the base by another case", readerDN, search("OU=Users,DC=Example,DC=com", 1, "(uid=bob)"), []string{bobDN}, 0},
		{"Alice finds herself", aliceDN, search("ou=users,"+baseDN, 1, "(objectClass=person)"), []string{aliceDN}, 0},
		{"Alice reads herself", aliceDN, search(aliceDN, 0, "(objectClass=*)"), []string{aliceDN}, 0},
		{"Alice does not find Bob", aliceDN, search("ou=users,"+baseDN, sub, "(uid=bob)"), nil, 0},
		{"Alice does not read Bob", aliceDN, search(bobDN, 0, "(objectClass=*)"), nil, ldap.LDAPResultNoSuchObject},
		{"Alice finds no groups", aliceDN, search("ou=groups,"+baseDN, 1, "(objectClass=*)"), nil, 0},
		{"a service account without a grant", plainDN, search("ou=users,"+baseDN, sub, "(uid=alice)"), nil, 0},
		{"nobody bound", "", search(baseDN, sub, "(uid=alice)"), nil, ldap.LDAPResultInsufficientAccessRights},
		{"nobody bound, no such base", "", search("dc=org", sub, "(uid=alice)"), nil, ldap.LDAPResultInsufficientAccessRights},
		{"outside the tree", readerDN, search("dc=example,dc=org", sub, "(objectClass=*)"), nil, ldap.LDAPResultNoSuchObject},
		{"no such entry", readerDN, search("uid=nobody,ou=users,"+baseDN, 0, "(objectClass=*)"), nil, ldap.LDAPResultNoSuchObject},
		{"below the root", readerDN, search("", sub, "(uid=alice)"), nil, ldap.LDAPResultNoSuchObject},
		{"unknown attribute", readerDN, search(baseDN, sub, "(nosuchattribute=x)"), nil, 0},
		{"not an unknown attribute", readerDN, search(baseDN, sub, "(!(nosuchattribute=x))"), nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial()
			if tt.as != "" {
				c = w.bound(tt.as)
			}
			res, err := c.Search(tt.req)
			if code(err) != tt.code || !slices.Equal(dns(res), tt.want) {
				t.Errorf("got %v, %v", dns(res), err)
			}
		})
	}
}

// TestNamesAgree: the name that a bind gives is the name of the entry, byte for byte.
func TestNamesAgree(t *testing.T) {
	w := newWorld(t, nil)
	for dn, name := range map[string]string{aliceDN: "(uid=alice)", readerDN: "(cn=reader)"} {
		c := w.bound(dn)
		id, err := c.WhoAmI(nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Search(search(baseDN, ldap.ScopeWholeSubtree, name))
		if err != nil || len(res.Entries) != 1 || "dn:"+res.Entries[0].DN != id.AuthzID {
			t.Errorf("%s: %s, %v, %v", dn, id.AuthzID, dns(res), err)
		}
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, nil)
	w.crowd(300, 10)
	c := w.bound(readerDN)
	tests := []struct {
		name       string
		size, page int
		filter     string
		entries    int
		code       int
	}{
		{"no limit", 0, 0, "(sn=Person)", 300, 0},
		{"size limit", 10, 0, "(sn=Person)", 10, ldap.LDAPResultSizeLimitExceeded},
		{"size limit above inOrder", 200, 0, "(sn=Person)", 200, ldap.LDAPResultSizeLimitExceeded},
		{"exactly as many", 300, 0, "(sn=Person)", 300, 0},
		{"exactly one", 1, 0, "(uid=p0000)", 1, 0},
		{"size limit, run beside", 10, 0, "(uid=p0*)", 10, ldap.LDAPResultSizeLimitExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := search("ou=users,"+baseDN, 1, tt.filter, "uid")
			r.SizeLimit = tt.size
			res, err := c.Search(r)
			if code(err) != tt.code || len(dns(res)) != tt.entries {
				t.Errorf("%d entries, %v", len(dns(res)), err)
			}
		})
	}
	t.Run("the server's own", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Limits.Entries = 2 })
		res, err := w.bound(readerDN).Search(search(baseDN, 2, "(objectClass=*)"))
		if code(err) != ldap.LDAPResultSizeLimitExceeded || len(res.Entries) != 2 {
			t.Errorf("%v, %v", dns(res), err)
		}
	})
	t.Run("time", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Limits.Search = time.Nanosecond })
		_, err := w.bound(readerDN).Search(search(baseDN, 2, "(objectClass=*)"))
		if code(err) != ldap.LDAPResultTimeLimitExceeded {
			t.Errorf("%v", err)
		}
	})
}

func TestPaging(t *testing.T) {
	w := newWorld(t, nil)
	w.crowd(250, 10)
	c := w.bound(readerDN)
	page := func(c *ldap.Conn, filter string, size uint32, cookie []byte) (*ldap.SearchResult, []byte, error) {
		r := search("ou=users,"+baseDN, 1, filter, "uid")
		ctl := ldap.NewControlPaging(size)
		ctl.SetCookie(cookie)
		r.Controls = []ldap.Control{ctl}
		res, err := c.Search(r)
		if err != nil {
			return res, nil, err
		}
		got, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok {
			t.Fatal("no control in the answer")
		}
		return res, got.Cookie, nil
	}
	t.Run("everybody once, and changes on the way", func(t *testing.T) {
		var got []string
		var cookie []byte
		for round := 0; ; round++ {
			res, next, err := page(c, "(sn=Person)", 33, cookie)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, dns(res)...)
			if len(next) == 0 {
				break
			}
			if len(res.Entries) != 33 {
				t.Fatalf("page of %d", len(res.Entries))
			}
			cookie = next
			if round == 1 {
				w.write(func(tx *directory.Writer) error {
					_, err := tx.CreateUser(directory.User{Username: "late", Profile: directory.Attributes{"familyName": {"Late"}}})
					return err
				})
			}
		}
		slices.Sort(got)
		if len(got) != 250 || len(slices.Compact(got)) != 250 {
			t.Errorf("%d entries, %d different", len(got), len(slices.Compact(got)))
		}
	})
	_, cookie, err := page(c, "(sn=Person)", 10, nil)
	if err != nil || len(cookie) == 0 {
		t.Fatal(cookie, err)
	}
	t.Run("on another connection of the same account", func(t *testing.T) {
		res, _, err := page(w.bound(readerDN), "(sn=Person)", 10, cookie)
		if err != nil || len(res.Entries) != 10 {
			t.Error(res, err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		res, next, err := page(c, "(sn=Person)", 0, cookie)
		if err != nil || len(res.Entries) != 0 || len(next) != 0 {
			t.Error(res, next, err)
		}
	})
	t.Run("a page larger than what there is", func(t *testing.T) {
		res, next, err := page(c, "(uid=alice)", 10, nil)
		if err != nil || len(res.Entries) != 1 || len(next) != 0 {
			t.Error(res, next, err)
		}
	})
	refused := func(name string, c *ldap.Conn, filter string, cookie []byte) {
		t.Run(name, func(t *testing.T) {
			if _, _, err := page(c, filter, 10, cookie); code(err) != ldap.LDAPResultUnwillingToPerform {
				t.Errorf("got %v", err)
			}
		})
	}
	for i := range cookie {
		forged := bytes.Clone(cookie)
		forged[i] ^= 1
		if _, _, err := page(c, "(sn=Person)", 10, forged); code(err) != ldap.LDAPResultUnwillingToPerform {
			t.Errorf("octet %d changed: %v", i, err)
		}
	}
	refused("another search", c, "(objectClass=*)", cookie)
	refused("another identity", w.bound(aliceDN), "(sn=Person)", cookie)
	refused("shortened", c, "(sn=Person)", cookie[:len(cookie)-1])
	refused("made up", c, "(sn=Person)", []byte("1"))
}

func TestSearchBeforeTheFirstLoad(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		empty, err := projection.New(projection.Config{Directory: c.Directory, Domain: c.Domain, Logger: c.Logger})
		if err != nil {
			t.Fatal(err)
		}
		c.Index = empty
	})
	// A list that is not complete yet must never look like one that is: clients delete accounts on that.
	if _, err := w.bound(readerDN).Search(search(baseDN, 2, "(uid=alice)")); code(err) != ldap.LDAPResultUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestSearchOutlivesTheDatabase(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(readerDN)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := c.Search(search(baseDN, 2, "(uid=alice)"))
	if err != nil || !slices.Equal(dns(res), []string{aliceDN}) {
		t.Errorf("%v, %v", dns(res), err)
	}
	if err := w.dial().Bind(aliceDN, password); code(err) != ldap.LDAPResultUnavailable {
		t.Errorf("bind: %v", err)
	}
}

// request builds one search PDU.
func request(id int32, base string, filter string) []byte {
	var f wire.Filter
	parsed, err := wire.ParseFilter(filter)
	if err != nil {
		panic(err)
	}
	f = *parsed
	p, err := ldap.CompileFilter(f.String())
	if err != nil {
		panic(err)
	}
	body := wire.AppendOctets(nil, base)
	body = append(body, "\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"...)
	body = append(append(body, p.Bytes()...), 0x30, 0)
	msg := append([]byte{2, 4, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}, 0)[:6]
	if id < 128 {
		msg = []byte{2, 1, byte(id)}
	}
	msg = append(wire.AppendHeader(msg, 0x63, len(body)), body...)
	return append(wire.AppendHeader(nil, 0x30, len(msg)), msg...)
}

// narrowListener gives connections that take little before they block.
type narrowListener struct{ net.Listener }

func (l narrowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(16 << 10)
	}
	return c, err
}

func narrowPipe(c *Config) { c.Listeners[0].Listener = narrowListener{c.Listeners[0].Listener} }

// TestSlowReader: a client that asks for a lot and reads nothing is cut off, and holds nobody else up. With a few
// requests it is a worker that cannot write, with many the connection's own goroutine.
func TestSlowReader(t *testing.T) {
	for name, requests := range map[string]int32{"few requests": 3, "many requests": 40} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { narrowPipe(c); c.Limits.Write = 400 * time.Millisecond })
			w.crowd(800, 4000)
			c := w.bindRaw(readerDN)
			for id := range requests {
				if _, err := c.Write(request(id+2, baseDN, "(objectClass=person)")); err != nil {
					break
				}
			}
			other := w.bound(readerDN)
			for range 50 {
				start := time.Now()
				if res, err := other.Search(search(baseDN, 2, "(uid=alice)")); err != nil || len(res.Entries) != 1 {
					t.Fatal(res, err)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Fatalf("another client waited %s", took)
				}
			}
			soon(t, "the slow reader is cut off", func() bool { return w.counted("gatehouse_ldapd_connections_ended_total[slow_reader]") == 1 })
		})
	}
}

// TestBusyAndAbandon: two dumps fill the pipe and stand still. Then the first is abandoned, and one more search is one
// too many, for the abandoned one still holds its worker.
func TestBusyAndAbandon(t *testing.T) {
	w := newWorld(t, func(c *Config) { narrowPipe(c); c.Limits.InFlight = 2 })
	w.crowd(800, 8000)
	c := w.bindRaw(readerDN)
	dump := func(id int32) []byte { return request(id, baseDN, "(objectClass=person)") }
	if _, err := c.Write(append(dump(2), dump(3)...)); err != nil {
		t.Fatal(err)
	}
	still := 0
	soon(t, "two stand still", func() bool {
		if still++; !standstill() {
			still = 0
		}
		return still == 20
	})
	// In one write: answering the second holds the connection up until the client reads.
	if _, err := c.Write(append([]byte("\x30\x06\x02\x01\x05\x50\x01\x02"), dump(4)...)); err != nil {
		t.Fatal(err)
	}
	soon(t, "the abandon was read", func() bool { return w.counted("gatehouse_ldapd_operations_total[none abandon]") == 1 })
	results := map[byte]byte{} // result code by message id
	for r := wire.NewReader(c); len(results) < 2; {
		pdu, err := r.Next(1 << 20)
		if err != nil {
			t.Fatal(err, results)
		}
		if len(pdu) < 100 && pdu[5] == byte(wire.OpSearchDone) { // 30 LL 02 01 ID 65 LL 0a 01 CODE
			results[pdu[4]] = pdu[9]
		}
	}
	if diff := cmp.Diff(map[byte]byte{3: byte(wire.Success), 4: byte(wire.Busy)}, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// standstill reports whether one worker waits for its client to read, and another for that worker.
func standstill() bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	writes, waits := 0, 0
	for g := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		state, _, _ := bytes.Cut(g, []byte("\n"))
		switch {
		case bytes.Contains(state, []byte("IO wait")) && bytes.Contains(g, []byte("(*output).write(")):
			writes++
		case bytes.Contains(state, []byte("sync.Mutex.Lock")) && bytes.Contains(g, []byte("(*output).begin(")):
			waits++
		}
	}
	return writes == 1 && waits == 1
}

// TestMessageIDIsFreeOnceAnswered: a client may use an id again as soon as it has read the last answer (RFC 4511
// §4.1.1.1), also after a search that ran beside the connection.
func TestMessageIDIsFreeOnceAnswered(t *testing.T) {
	w := newWorld(t, nil)
	w.crowd(200, 10)
	c := w.bindRaw(readerDN)
	for r, n := wire.NewReader(c), 0; n < 300; n++ {
		if _, err := c.Write(request(7, baseDN, "(objectClass=person)")); err != nil {
			t.Fatal(err)
		}
		for done := false; !done; {
			pdu, err := r.Next(1 << 20)
			if err != nil {
				t.Fatal(err)
			}
			if done = bytes.Contains(pdu[:8], []byte{2, 1, 7, byte(wire.OpSearchDone)}); done && !bytes.Contains(pdu, []byte{10, 1, 0}) {
				t.Fatalf("search %d: %q", n, pdu)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	w := newWorld(t, nil)
	groupDN := "cn=staff,ou=groups," + baseDN
	tests := []struct {
		name, as, dn, attr, value string
		want                      int
	}{
		{"member", readerDN, groupDN, "member", aliceDN, ldap.LDAPResultCompareTrue},
		{"member by another spelling", readerDN, groupDN, "member", "UID=Alice, OU=users," + baseDN, ldap.LDAPResultCompareTrue},
		{"not a member", readerDN, groupDN, "member", bobDN, ldap.LDAPResultCompareFalse},
		{"own attribute", aliceDN, aliceDN, "title", "engineer", ldap.LDAPResultCompareTrue},
		{"no such attribute", aliceDN, aliceDN, "mobile", "1", ldap.LDAPResultNoSuchAttribute},
		{"unknown attribute", aliceDN, aliceDN, "nosuch", "1", ldap.LDAPResultUndefinedAttributeType},
		{"password", aliceDN, aliceDN, "userPassword", password, ldap.LDAPResultUndefinedAttributeType},
		{"somebody else", aliceDN, bobDN, "uid", "bob", ldap.LDAPResultNoSuchObject},
		{"nobody bound", "", aliceDN, "uid", "alice", ldap.LDAPResultInsufficientAccessRights},
		{"not a name", readerDN, "x", "uid", "alice", ldap.LDAPResultInvalidDNSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial()
			if tt.as != "" {
				c = w.bound(tt.as)
			}
			got, err := c.Compare(tt.dn, tt.attr, tt.value)
			result := code(err)
			if err == nil {
				result = map[bool]int{true: ldap.LDAPResultCompareTrue, false: ldap.LDAPResultCompareFalse}[got]
			}
			if result != tt.want {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}
}

// TestCompareOnOneselfIsFresh: what was written before the compare began is seen by it.
func TestCompareOnOneselfIsFresh(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(aliceDN)
	for i := range 20 {
		title := fmt.Sprint("Title ", i)
		w.write(func(tx *directory.Writer) error {
			_, err := tx.UpdateUser(w.alice.ID, func(u *directory.User) error {
				u.Profile.Set("title", title)
				return nil
			})
			return err
		})
		if ok, err := c.Compare(aliceDN, "title", title); err != nil || !ok {
			t.Fatalf("%s: %t, %v", title, ok, err)
		}
	}
}
