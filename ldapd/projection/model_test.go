package projection

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// dump returns every entry with every attribute, sorted by DN, values sorted where they are a set of names.
func dump(t testing.TB, x *Index, v Viewer) []answer {
	t.Helper()
	list := search(t, x, ask{base: baseOf(v), scope: wire.ScopeSubtree, filter: "(objectClass=*)", attrs: []string{"*", "+"}, viewer: v})
	for _, a := range list {
		for _, attr := range []string{"member", "uniqueMember", "memberUid", "memberOf", "isMemberOf"} {
			slices.Sort(a.attrs[attr])
		}
	}
	slices.SortFunc(list, func(a, b answer) int { return strings.Compare(a.dn, b.dn) })
	return list
}

// filters makes random filters about values that occur and values that nearly do.
type filters struct {
	r    *rand.Rand
	list []answer
}

func (f *filters) any(depth int) string {
	if depth == 0 || f.r.IntN(3) == 0 {
		return f.leaf()
	}
	n := f.r.IntN(4)
	switch f.r.IntN(3) {
	case 0:
		return "(!" + f.any(depth-1) + ")"
	case 1:
		s := "(&"
		for range n {
			s += f.any(depth - 1)
		}
		return s + ")"
	default:
		s := "(|"
		for range n {
			s += f.any(depth - 1)
		}
		return s + ")"
	}
}

func (f *filters) leaf() string {
	a := f.list[f.r.IntN(len(f.list))]
	var attrs []string
	for name := range a.attrs {
		if name != "jpegPhoto" {
			attrs = append(attrs, name)
		}
	}
	slices.Sort(attrs)
	attr := attrs[f.r.IntN(len(attrs))]
	value := ""
	if values := a.attrs[attr]; len(values) > 0 {
		value = values[f.r.IntN(len(values))]
	}
	switch f.r.IntN(14) {
	case 0:
		attr = []string{"nonsense", "userPassword", "pwdReset", "cn;lang-de", "name", "employeeNumber", "shadowMax", "2.5.4.3"}[f.r.IntN(8)]
	case 1:
		value = f.list[f.r.IntN(len(f.list))].dn
	case 2:
		value = []string{"", "nonsense", "1", "-5", "TRUE", "20260302090000Z", "person", "99999999999999999999"}[f.r.IntN(8)]
	case 3:
		value = strings.ToUpper(value)
	}
	name := attr
	if f.r.IntN(4) == 0 {
		name = strings.ToUpper(attr)
	}
	text := wire.Filter{Nodes: []wire.FilterNode{{Kind: wire.FilterEquality, End: 1, Attr: []byte(name), Value: []byte(value)}}}
	n := &text.Nodes[0]
	switch f.r.IntN(8) {
	case 0:
		n.Kind, n.Value = wire.FilterPresent, nil
	case 1:
		n.Kind = wire.FilterGreaterOrEqual
	case 2:
		n.Kind = wire.FilterLessOrEqual
	case 3, 4:
		f.substrings(&text, value)
	case 5:
		if strings.Contains(strings.ToLower(attr), "member") {
			n.Kind, n.Rule = wire.FilterExtensible, []byte(wire.OIDMatchInChain)
			if strings.EqualFold(attr, "memberUid") || f.r.IntN(2) == 0 {
				n.Attr, n.Value = []byte("member"), []byte(f.list[f.r.IntN(len(f.list))].dn)
			}
		}
	}
	return text.String()
}

func (f *filters) substrings(text *wire.Filter, value string) {
	n := &text.Nodes[0]
	if len(value) < 2 {
		return
	}
	cut := func(s string) (string, string) {
		i := f.r.IntN(len(s))
		for i > 0 && !utf8.RuneStart(s[i]) {
			i--
		}
		return s[:i], s[i:]
	}
	a, b := cut(value)
	n.Kind, n.Value = wire.FilterSubstrings, nil
	var list []wire.Piece
	add := func(k wire.PieceKind, s string) {
		if s != "" {
			list = append(list, wire.Piece{Kind: k, Value: []byte(s)})
		}
	}
	switch f.r.IntN(4) {
	case 0:
		add(wire.PieceInitial, a)
	case 1:
		add(wire.PieceFinal, b)
	case 2:
		add(wire.PieceInitial, a)
		add(wire.PieceFinal, b)
	default:
		_, first := utf8.DecodeRuneInString(a)
		_, last := utf8.DecodeLastRuneInString(b)
		add(wire.PieceAny, a[first:])
		add(wire.PieceAny, b[:len(b)-last])
	}
	if len(list) == 0 {
		add(wire.PieceAny, value)
	}
	text.Pieces, n.From, n.To = list, 0, uint16(len(list))
}

// check compares searches of the index with the naive evaluation of a dump.
func check(t testing.TB, x *Index, v Viewer, r *rand.Rand, rounds int) {
	t.Helper()
	list := dump(t, x, v)
	n := newNaive(v.Audience, list)
	f := &filters{r: r, list: list}
	matched := 0
	for range rounds {
		s := f.any(f.r.IntN(4))
		want := n.search(parsed(t, s))
		got := []string{}
		for _, a := range search(t, x, ask{base: baseOf(v), scope: wire.ScopeSubtree, filter: s, viewer: v, attrs: []string{"1.1"}, batch: 1 + r.IntN(2*len(list))}) {
			got = append(got, a.dn)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", s, diff)
		}
		if len(want) > 0 && len(want) < len(list) {
			matched++
		}
	}
	if v.View == "" && matched < rounds/10 {
		t.Errorf("only %d of %d filters divide the entries: the test tests little", matched, rounds)
	}
}

// town changes a directory at random.
type town struct {
	w      *world
	r      *rand.Rand
	users  []directory.UserID
	groups []directory.GroupID
	apps   []directory.AppID
	n      int
}

func (c *town) user() directory.UserID   { return c.users[c.r.IntN(len(c.users))] }
func (c *town) group() directory.GroupID { return c.groups[c.r.IntN(len(c.groups))] }

func (c *town) profile() directory.Attributes {
	word := func() string {
		return []string{"Anna", "Bob", "Carla Maria", "Zoë", "d'Arc", "Müller-Lüdi", "  x  y ", "Ng", "Straße"}[c.r.IntN(9)]
	}
	p := directory.Attributes{}
	for _, key := range []string{"givenName", "familyName", "displayName", "formatted", "title", "department", "organization", "locality", "employeeNumber", "homeDirectory"} {
		if c.r.IntN(2) == 0 {
			p.Set(key, word()+fmt.Sprint(c.r.IntN(4)))
		}
	}
	if c.r.IntN(2) == 0 {
		p.Set("workPhone", fmt.Sprintf("+41 44 %d", c.r.IntN(1000)), fmt.Sprintf("+41-79-%d", c.r.IntN(1000)))
	}
	if len(c.users) > 0 && c.r.IntN(3) == 0 {
		p.Set("manager", c.manager())
	}
	if c.r.IntN(4) == 0 {
		p.Set("sshPublicKey", "ssh-ed25519 "+word())
	}
	return p
}

func (c *town) manager() string {
	var uid string
	_ = c.w.dir.Read(c.w.t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		u, err := r.User(c.user())
		uid = u.UID
		return err
	})
	return uid
}

func (c *town) times() (starts, ends time.Time) {
	now := c.w.clock.Now()
	if c.r.IntN(3) == 0 {
		starts = now.Add(time.Duration(c.r.IntN(7200)-3600) * time.Second)
	}
	if c.r.IntN(3) == 0 {
		ends = now.Add(time.Duration(c.r.IntN(7200)-1800) * time.Second)
	}
	if !starts.IsZero() && !ends.IsZero() && !starts.Before(ends) {
		ends = starts.Add(time.Minute)
	}
	return starts, ends
}

// step makes one change; a change that the core refuses is none.
func (c *town) step(tx *directory.Writer) error {
	c.n++
	var err error
	switch k := c.r.IntN(24); {
	case k < 4 || len(c.users) < 5:
		u := directory.User{Username: fmt.Sprintf("user%d", c.n), Profile: c.profile()}
		if c.r.IntN(2) == 0 {
			u.Emails = []directory.Email{{Address: fmt.Sprintf("u%d@example.com", c.n), Primary: true}, {Address: fmt.Sprintf("alias%d@example.org", c.n)}}
		}
		if c.r.IntN(8) == 0 {
			u.Kind, u.Emails = directory.ServiceAccount, nil
		}
		if u, err = tx.CreateUser(u); err == nil && u.Kind == directory.Person {
			c.users = append(c.users, u.ID)
		}
	case k < 6 || len(c.groups) < 3:
		var g directory.Group
		name := fmt.Sprintf("Group %d", c.n)
		if c.r.IntN(3) == 0 { // what would be the name of a primary group
			name = fmt.Sprintf("User%d%s", c.r.IntN(c.n), []string{"", "-user"}[c.r.IntN(2)])
		}
		if g, err = tx.CreateGroup(directory.Group{Name: name, Attrs: directory.Attributes{"description": {"d"}}}); err == nil {
			c.groups = append(c.groups, g.ID)
		}
	case k < 9:
		_, err = tx.UpdateUser(c.user(), func(u *directory.User) error {
			u.Profile = c.profile()
			if c.r.IntN(4) == 0 {
				u.Username = fmt.Sprintf("renamed%d", c.n)
			}
			return nil
		})
	case k < 13:
		var rows []directory.Membership
		for range 1 + c.r.IntN(4) {
			m := directory.Membership{User: c.user()}
			m.Starts, m.Ends = c.times()
			rows = append(rows, m)
		}
		if c.r.IntN(4) == 0 {
			err = tx.ReplaceMembers(c.group(), rows...)
		} else {
			err = tx.AddMembers(c.group(), rows...)
		}
	case k < 15:
		_, err = tx.RemoveMembers(c.group(), c.user(), c.user())
	case k < 17:
		n := directory.Nesting{Parent: c.group(), Child: c.group()}
		n.Starts, n.Ends = c.times()
		err = tx.AddNesting(n)
	case k == 17:
		err = tx.RemoveNesting(c.group(), c.group())
	case k == 18 && c.r.IntN(2) == 0:
		if err = tx.DeleteUser(c.users[0]); err == nil {
			c.users = c.users[1:]
		}
	case k >= 20:
		err = c.stepApp(tx)
	case k == 18:
		if err = tx.DeleteGroup(c.groups[0], false); err == nil {
			c.groups = c.groups[1:]
		}
	default:
		switch c.r.IntN(3) {
		case 0:
			_, err = tx.DisableUser(c.user(), "test")
		case 1:
			_, err = tx.EnableUser(c.user(), false)
		default:
			hash, _ := directory.ImportedHash("{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTBzYWx0")
			err = tx.SetPassword(c.user(), hash)
		}
	}
	return err
}

// TestAgainstModel makes random changes to a real directory. After each round what the index followed must equal what
// a new index loads, and its searches what a naive evaluation finds.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := &town{w: w, r: rand.New(rand.NewPCG(seed, 1))}
			w.start()
			for range 12 {
				var seq directory.Seq
				for range 6 {
					head, err := w.dir.Write(t.Context(), directorytest.Operator(), func(tx *directory.Writer) error {
						for range 1 + c.r.IntN(5) {
							if err := c.step(tx); err != nil && directory.Is(err, directory.Internal) {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
					seq = max(seq, head.Seq)
				}
				w.wait(seq)
				w.clock.Advance(time.Duration(c.r.IntN(1200)) * time.Second)
				w.sameAsLoaded()
				check(t, w.x, everybody(), c.r, 150)
				checkPrimaries(t, w.x, everybody())
				c.checkViews()
			}
		})
	}
}

// sameAsLoaded compares the index with a new one on the same directory.
func (w *world) sameAsLoaded() {
	w.t.Helper()
	fresh, err := New(Config{Directory: w.dir, Domain: directorytest.Domain, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	s, head, err := fresh.load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	fresh.serve(w.t.Context(), s, head, w.clock.Now())
	if diff := cmp.Diff(dump(w.t, fresh, everybody()), dump(w.t, w.x, everybody()), cmp.AllowUnexported(answer{})); diff != "" {
		w.t.Fatalf("followed changes and a new load differ (-loaded +followed):\n%s", diff)
	}
	followed := w.x.state.Load()
	if len(followed.views) != len(s.views) {
		w.t.Fatalf("%d views, %d are loaded", len(followed.views), len(s.views))
	}
	for i, v := range s.views {
		viewer := Viewer{Audience: schema.AppView, View: v.slug}
		if diff := cmp.Diff(dump(w.t, fresh, viewer), dump(w.t, w.x, viewer), cmp.AllowUnexported(answer{})); diff != "" {
			w.t.Fatalf("view %s: followed changes and a new load differ (-loaded +followed):\n%s", v.slug, diff)
		}
		if got := followed.views[i]; got.count != v.count {
			w.t.Fatalf("view %s: counts %v, loaded %v", v.slug, got.count, v.count)
		}
	}
	if followed.members != s.members || followed.count != s.count {
		w.t.Fatalf("counts differ: %d %v, %d %v", followed.members, followed.count, s.members, s.count)
	}
}

// TestLargeIndexAgainstModel has so many entries that sets are bitmaps and batches are many.
func TestLargeIndexAgainstModel(t *testing.T) {
	x := crowd(t, 3000)
	check(t, x, everybody(), rand.New(rand.NewPCG(9, 9)), 250)
	for _, viewer := range []Viewer{{Audience: schema.Self, User: 1_000_000_077}, {Audience: schema.AppView, User: 1_000_000_078}} {
		if got := dump(t, x, viewer); len(got) != 6 {
			t.Errorf("%+v sees %d entries", viewer, len(got))
		}
	}
}
