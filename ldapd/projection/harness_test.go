package projection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

const baseDN = "dc=example,dc=com"

// everybody sees every entry and the attributes of a service account that reads the directory.
func everybody() Viewer { return Viewer{Audience: schema.FullTree} }

// world is a directory on real SQLite with an index that follows it.
type world struct {
	t     testing.TB
	store directory.Store
	dir   *directory.Directory
	clock *directorytest.Clock
	x     *Index
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: directorytest.OpenSQLite(t), clock: directorytest.NewClock()}
	w.dir = directorytest.Core(t, w.store, func(c *directory.Config) { c.Now = w.clock.Now })
	return w
}

// start runs an index until the test ends and waits for its first load.
func (w *world) start() *world {
	w.t.Helper()
	var err error
	if w.x, err = New(Config{Directory: w.dir, Domain: directorytest.Domain, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		w.t.Fatal(err)
	}
	run(w.t, w.x)
	w.soon("the first load", w.x.Ready)
	return w
}

// run runs an index until the test ends.
func run(t testing.TB, x *Index) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// soon polls until ok holds.
func (w *world) soon(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	w.t.Fatalf("did not happen: %s", what)
}

// write changes the directory and waits until searches see it.
func (w *world) write(fn func(*directory.Writer) error) {
	w.t.Helper()
	head, err := w.dir.Write(w.t.Context(), directorytest.Operator(), fn)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.x != nil {
		w.wait(head.Seq)
	}
}

func (w *world) wait(seq directory.Seq) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	if err := w.x.Wait(ctx, seq); err != nil {
		w.t.Fatalf("wait for %d: %v", seq, err)
	}
}

func (w *world) user(u directory.User) directory.User {
	w.t.Helper()
	w.write(func(tx *directory.Writer) (err error) { u, err = tx.CreateUser(u); return err })
	return u
}

func (w *world) group(name string, members ...directory.UserID) directory.Group {
	w.t.Helper()
	var g directory.Group
	w.write(func(tx *directory.Writer) (err error) {
		if g, err = tx.CreateGroup(directory.Group{Name: name}); err != nil {
			return err
		}
		var rows []directory.Membership
		for _, m := range members {
			rows = append(rows, directory.Membership{User: m})
		}
		return tx.AddMembers(g.ID, rows...)
	})
	return g
}

// answer is a decoded entry: its DN and values by attribute.
type answer struct {
	dn    string
	attrs map[string][]string
}

// ask is one search with everything that may vary.
type ask struct {
	base   string // empty: the base
	scope  wire.Scope
	filter string
	viewer Viewer // zero: everybody
	attrs  []string
	types  bool
	batch  int // entries a batch; 0: all that fit
	after  uint64
}

func nameOf(t testing.TB, dn string) *wire.Name {
	t.Helper()
	var n wire.Name
	if err := n.Set([]byte(dn)); err != nil {
		t.Fatalf("name %q: %v", dn, err)
	}
	return &n
}

func parsed(t testing.TB, filter string) *wire.Filter {
	t.Helper()
	f, err := wire.ParseFilter(filter)
	if err != nil {
		t.Fatalf("filter %q: %v", filter, err)
	}
	return f
}

// search returns what a search finds, decoded by an independent decoder, in order.
func search(t testing.TB, x *Index, a ask) []answer {
	t.Helper()
	out, err := trySearch(t, x, a)
	if err != nil {
		t.Fatalf("search %+v: %v", a, err)
	}
	return out
}

func trySearch(t testing.TB, x *Index, a ask) ([]answer, error) {
	t.Helper()
	if a.base == "" {
		a.base = baseDN
	}
	if a.viewer == (Viewer{}) {
		a.viewer = everybody()
	}
	if a.batch == 0 {
		a.batch = batchMost
	}
	var list [][]byte
	for _, s := range a.attrs {
		list = append(list, []byte(s))
	}
	var c Cursor
	defer c.Close()
	if err := c.Open(x, Query{Base: nameOf(t, a.base), Scope: a.scope, Filter: parsed(t, a.filter), Viewer: a.viewer, After: a.after}); err != nil {
		return nil, err
	}
	want := c.Select(list, a.types)
	var out []answer
	last := a.after
	for {
		n, err := c.Next(t.Context(), a.batch)
		if err != nil || n == 0 {
			return out, err
		}
		for i := range n {
			if c.Position(i) <= last {
				t.Fatalf("position %d after %d", c.Position(i), last)
			}
			last = c.Position(i)
			out = append(out, decode(t, c.Append(nil, i, 7, &want)))
		}
	}
}

// decode reads a SearchResultEntry message.
func decode(t testing.TB, pdu []byte) answer {
	t.Helper()
	p, err := ber.DecodePacketErr(pdu)
	if err != nil || len(p.Children) != 2 || len(p.Children[1].Children) != 2 {
		t.Fatalf("not a search result entry: %v", err)
	}
	out := answer{dn: p.Children[1].Children[0].Value.(string), attrs: map[string][]string{}}
	for _, a := range p.Children[1].Children[1].Children {
		name := a.Children[0].Value.(string)
		if _, twice := out.attrs[name]; twice {
			t.Errorf("%s: attribute %s comes twice", out.dn, name)
		}
		out.attrs[name] = []string{}
		for _, v := range a.Children[1].Children {
			if slices.Contains(out.attrs[name], string(v.ByteValue)) {
				t.Errorf("%s: %s has the value %q twice", out.dn, name, v.ByteValue)
			}
			out.attrs[name] = append(out.attrs[name], string(v.ByteValue))
		}
	}
	return out
}

// names returns the values of the RDNs of answers, in order.
func names(list []answer) []string {
	out := []string{}
	for _, a := range list {
		rdn, _, _ := strings.Cut(a.dn, ",")
		out = append(out, rdn[strings.IndexByte(rdn, '=')+1:])
	}
	return out
}

// find is names of a subtree search from the base, sorted and joined, without containers and primary groups.
func (w *world) find(filter string) string {
	w.t.Helper()
	list := slices.DeleteFunc(search(w.t, w.x, ask{scope: wire.ScopeSubtree, filter: filter}), container)
	return strings.Join(sorted(names(slices.DeleteFunc(list, primaryGroup))), " ")
}

func primaryGroup(a answer) bool {
	return slices.Contains(a.attrs["objectClass"], "gatehousePrimaryGroup")
}

func container(a answer) bool { return a.dn == baseDN || strings.HasPrefix(a.dn, "ou=") }

func sorted[T cmp.Ordered](s []T) []T {
	slices.Sort(s)
	return s
}

// entry returns the attributes of one entry as a viewer sees them.
func entry(t testing.TB, x *Index, dn string, v Viewer, attrs ...string) map[string][]string {
	t.Helper()
	list := search(t, x, ask{base: dn, filter: "(objectClass=*)", viewer: v, attrs: attrs})
	if len(list) != 1 {
		t.Fatalf("%s: %d entries", dn, len(list))
	}
	return list[0].attrs
}

func userDN(name string) string  { return fmt.Sprintf("uid=%s,ou=users,%s", name, baseDN) }
func groupDN(name string) string { return fmt.Sprintf("cn=%s,ou=groups,%s", name, baseDN) }

func noSuchObject(err error) (matched string, ok bool) {
	var e *NoSuchObjectError
	if !errors.As(err, &e) {
		return "", false
	}
	return e.Matched, true
}
