package ldapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// rawControl is a control whose value is already encoded, and a response control as it came.
type rawControl struct {
	oid      string
	critical bool
	value    []byte
}

func (c rawControl) GetControlType() string { return c.oid }
func (c rawControl) String() string         { return c.oid }

func (c rawControl) Encode() *ber.Packet {
	p := ber.NewSequence("control")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.oid, ""))
	if c.critical {
		p.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, ""))
	}
	if c.value != nil {
		p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(c.value), ""))
	}
	return p
}

// seq, octets and number encode control values.
func seq(parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(wire.AppendHeader(nil, 0x30, len(body)), body...)
}

func tagged(tag byte, v []byte) []byte { return append(wire.AppendHeader(nil, tag, len(v)), v...) }

func octets(s string) []byte { return wire.AppendOctets(nil, s) }

func number(n byte) []byte { return []byte{2, 1, n} }

// filterOctets encodes a filter as go-ldap does.
func filterOctets(t *testing.T, text string) []byte {
	t.Helper()
	p, err := ldap.CompileFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return p.Bytes()
}

// people adds persons p0 … with the titles given, most of them below another.
func (w *world) people(titles ...string) {
	w.t.Helper()
	head := w.write(func(tx *directory.Writer) error {
		for i, title := range titles {
			u := directory.User{Username: fmt.Sprintf("p%d", i), Profile: directory.Attributes{"familyName": {"Person"}, "employeeNumber": {fmt.Sprint(100 - i)}}}
			u.Profile.Set("title", title)
			if _, err := tx.CreateUser(u); err != nil {
				return err
			}
		}
		return nil
	})
	if err := w.index.Wait(w.t.Context(), head.Seq); err != nil {
		w.t.Fatal(err)
	}
}

func uids(r *ldap.SearchResult) string {
	var out []string
	if r != nil {
		for _, e := range r.Entries {
			out = append(out, e.GetAttributeValue("uid"))
		}
	}
	return strings.Join(out, " ")
}

// rawSearch sends a search by hand, as go-ldap does not show every control of an answer, and returns the answers.
func rawSearch(t *testing.T, c net.Conn, r *ldap.SearchRequest, controls ...rawControl) []*ber.Packet {
	t.Helper()
	msg := ber.NewSequence("")
	msg.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 2, ""))
	body, err := searchPacket(r)
	if err != nil {
		t.Fatal(err)
	}
	msg.AppendChild(body)
	list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	for _, k := range controls {
		list.AppendChild(k.Encode())
	}
	msg.AppendChild(list)
	if _, err := c.Write(msg.Bytes()); err != nil {
		t.Fatal(err)
	}
	var answers []*ber.Packet
	for {
		p, err := ber.ReadPacket(c)
		if err != nil {
			t.Fatal(err)
		}
		if answers = append(answers, p); p.Children[1].Tag == 5 {
			return answers
		}
	}
}

func sortBy(critical bool, keys ...[]byte) rawControl {
	return rawControl{wire.OIDSort, critical, seq(keys...)}
}

func TestSort(t *testing.T) {
	w := newWorld(t, nil)
	w.people("beta", "Alpha", "", "gamma", "alpha")
	conns := map[string]*ldap.Conn{readerDN: w.bound(readerDN), aliceDN: w.bound(aliceDN)}
	c, self := readerDN, aliceDN
	reverse := tagged(0x81, []byte{0xff})
	for _, tt := range []struct {
		name    string
		dn      string
		control rawControl
		want    string
		sorted  int
		code    int
	}{
		{"by title, then number", c, sortBy(true, seq(octets("title")), seq(octets("employeeNumber"))), "p4 p1 p0 p3 p2", 0, 0},
		{"backwards: who has none is first", c, sortBy(true, seq(octets("title"), reverse), seq(octets("employeeNumber"))), "p2 p3 p0 p4 p1", 0, 0},
		{"with a rule", c, sortBy(true, seq(octets("title"), tagged(0x80, []byte("caseExactOrderingMatch")))), "p1 p4 p0 p3 p2", 0, 0},
		{"numbers", c, sortBy(true, seq(octets("uidNumber"), reverse)), "p4 p3 p2 p1 p0", 0, 0},
		{"a rule for something else", c, sortBy(false, seq(octets("title"), tagged(0x80, []byte("integerOrderingMatch")))), "p0 p1 p2 p3 p4", 18, 0},
		{"an attribute that nobody knows", c, sortBy(false, seq(octets("favouriteDrink"))), "p0 p1 p2 p3 p4", 16, 0},
		{"critical", c, sortBy(true, seq(octets("favouriteDrink"))), "", 16, 12},
		{"photos", c, sortBy(true, seq(octets("jpegPhoto"))), "", 18, 12},
		{"not for this asker", self, sortBy(false, seq(octets("creatorsName"))), "", 16, 0},
		{"no keys", c, sortBy(true), "", -1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := search("ou=users,"+baseDN, 2, "(sn=Person)", "uid")
			r.Controls = []ldap.Control{tt.control}
			got, err := conns[tt.dn].Search(r)
			if code(err) != tt.code {
				t.Fatalf("got %v, want %d", err, tt.code)
			}
			if uids(got) != tt.want {
				t.Errorf("order %q, want %q", uids(got), tt.want)
			}
			if tt.sorted < 0 {
				return
			}
			answers := rawSearch(t, w.bindRaw(tt.dn), r, tt.control)
			last := string(answers[len(answers)-1].Bytes())
			attr := ""
			if tt.sorted != 0 {
				attr = string(tt.control.value[6 : 6+int(tt.control.value[5])])
			}
			if says := string(wire.AppendSortResult(nil, wire.ResultCode(tt.sorted), attr)); !strings.Contains(last, says) {
				t.Errorf("the answer is %q, want %q in it", last, says)
			}
		})
	}
}

// TestSortedPages: pages of a sorted search are the sorted search, in pieces, and a cookie belongs to its order.
func TestSortedPages(t *testing.T) {
	w := newWorld(t, nil)
	var titles []string
	for i := range 25 {
		titles = append(titles, fmt.Sprint("title ", i%4))
	}
	w.people(titles...)
	c := w.bound(readerDN)
	key := sortBy(true, seq(octets("title"), tagged(0x81, []byte{0xff})))
	whole := search("ou=users,"+baseDN, 2, "(sn=Person)", "uid")
	whole.Controls = []ldap.Control{key}
	all, err := c.Search(whole)
	if err != nil {
		t.Fatal(err)
	}
	paging, parts := ldap.NewControlPaging(7), []string{}
	for {
		r := search("ou=users,"+baseDN, 2, "(sn=Person)", "uid")
		r.Controls = []ldap.Control{key, paging}
		got, err := c.Search(r)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, uids(got))
		next := ldap.FindControl(got.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if len(next.Cookie) == 0 {
			break
		}
		paging.SetCookie(next.Cookie)
		for name, other := range map[string]struct {
			base  string
			scope int
			order []ldap.Control
		}{
			"no order":          {"ou=users," + baseDN, 2, nil},
			"another direction": {"ou=users," + baseDN, 2, []ldap.Control{sortBy(true, seq(octets("title")))}},
			"another attribute": {"ou=users," + baseDN, 2, []ldap.Control{sortBy(true, seq(octets("cn"), tagged(0x81, []byte{0xff})))}},
			"another rule":      {"ou=users," + baseDN, 2, []ldap.Control{sortBy(true, seq(octets("title"), tagged(0x80, []byte("caseExactOrderingMatch")), tagged(0x81, []byte{0xff})))}},
			"another base":      {baseDN, 2, []ldap.Control{key}},
			"another scope":     {"ou=users," + baseDN, 1, []ldap.Control{key}},
		} {
			r := search(other.base, other.scope, "(sn=Person)", "uid")
			r.Controls = append(other.order, paging)
			if _, err := c.Search(r); code(err) != 53 {
				t.Errorf("the cookie with %s: %v", name, err)
			}
		}
	}
	if got := strings.Join(parts, " "); got != uids(all) || len(parts) != 4 {
		t.Errorf("%d pages %q, want %q", len(parts), got, uids(all))
	}
}

func TestListView(t *testing.T) {
	w := newWorld(t, nil)
	w.people("a", "b", "c", "d", "e", "f")
	c := w.bound(readerDN)
	key := sortBy(true, seq(octets("title")))
	byOffset := func(before, after, offset, count byte) []byte {
		return seq(number(before), number(after), tagged(0xa0, append(number(offset), number(count)...)))
	}
	atLeast := func(before, after byte, v string) []byte {
		return seq(number(before), number(after), tagged(0x81, []byte(v)))
	}
	for _, tt := range []struct {
		name     string
		value    []byte
		sort     bool
		want     string
		position int
		count    int
		result   int
		code     int
	}{
		{"the first", byOffset(0, 2, 1, 0), true, "p0 p1 p2", 1, 6, 0, 0},
		{"around the third", byOffset(1, 1, 3, 6), true, "p1 p2 p3", 3, 6, 0, 0},
		{"before the first", byOffset(9, 0, 2, 0), true, "p0 p1", 2, 6, 0, 0},
		{"in the middle of what the client thinks", byOffset(0, 0, 50, 100), true, "p2", 3, 6, 0, 0},
		{"the last", byOffset(1, 5, 100, 100), true, "p4 p5", 6, 6, 0, 0},
		{"behind the last", byOffset(1, 1, 99, 0), true, "p5", 7, 6, 0, 0},
		{"at least", atLeast(1, 1, "c"), true, "p1 p2 p3", 3, 6, 0, 0},
		{"between", atLeast(0, 0, "cc"), true, "p3", 4, 6, 0, 0},
		{"after all", atLeast(2, 2, "z"), true, "p4 p5", 7, 6, 0, 0},
		{"offset 0", byOffset(0, 0, 0, 6), true, "", 0, 6, 61, 61},
		{"offset beyond its own count", byOffset(0, 0, 7, 6), true, "", 0, 6, 61, 61},
		{"without a sort", byOffset(0, 2, 1, 0), false, "", 0, 0, 60, 60},
		{"not a value", []byte("x"), true, "", 0, 0, -1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := search("ou=users,"+baseDN, 2, "(sn=Person)", "uid")
			r.Controls = []ldap.Control{rawControl{wire.OIDListView, true, tt.value}}
			if tt.sort {
				r.Controls = append(r.Controls, key)
			}
			got, err := c.Search(r)
			if code(err) != tt.code {
				t.Fatalf("got %v, want %d", err, tt.code)
			}
			if uids(got) != tt.want {
				t.Errorf("got %q, want %q", uids(got), tt.want)
			}
			if tt.code != 0 {
				return
			}
			want := string(wire.AppendListView(nil, int32(tt.position), int32(tt.count), wire.ResultCode(tt.result)))
			if got := responseControl(got.Controls, wire.OIDListViewResponse); !strings.HasSuffix(want, got) || got == "" {
				t.Errorf("the view says % x, want % x", got, want)
			}
		})
	}
	r := search("ou=users,"+baseDN, 2, "(sn=Nobody)", "uid")
	r.Controls = []ldap.Control{rawControl{wire.OIDListView, true, byOffset(0, 2, 1, 0)}, key}
	got, err := c.Search(r)
	want := string(wire.AppendListView(nil, 0, 0, wire.Success))
	if err != nil || len(got.Entries) != 0 || !strings.HasSuffix(want, responseControl(got.Controls, wire.OIDListViewResponse)) {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	r = search("ou=users,"+baseDN, 2, "(sn=Person)", "uid")
	r.Controls = []ldap.Control{rawControl{wire.OIDListView, true, byOffset(0, 2, 1, 0)}, key, ldap.NewControlPaging(5)}
	if _, err := c.Search(r); code(err) != 53 {
		t.Errorf("with paged results: %v", err)
	}
}

// responseControl returns the value of a control that go-ldap does not know.
func responseControl(controls []ldap.Control, oid string) string {
	for _, c := range controls {
		if s, ok := c.(*ldap.ControlString); ok && s.ControlType == oid {
			return s.ControlValue
		}
	}
	return ""
}

// compare sends a compare with a control, which go-ldap has no way to, as the reader. The error is the result.
func (w *world) compare(t *testing.T, dn, attr, value string, k ldap.Control) error {
	t.Helper()
	body := append(octets(dn), seq(octets(attr), octets(value))...)
	c := w.bindRaw(readerDN)
	if _, err := c.Write(seq(number(2), tagged(0x6e, body), tagged(0xa0, k.Encode().Bytes()))); err != nil {
		t.Fatal(err)
	}
	p, err := ber.ReadPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	return ldap.NewError(uint16(p.Children[1].Children[0].Value.(int64)), errors.New("compare"))
}

func TestAssertion(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	when := func(filter string) ldap.Control {
		return rawControl{wire.OIDAssertion, true, filterOctets(t, filter)}
	}
	retitle := func(filter, title string) error {
		return c.Modify(modify(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("title", []string{title}) }, when(filter)))
	}
	if err := retitle("(title=Engineer)", "Chief"); err != nil {
		t.Errorf("true: %v", err)
	}
	if err := retitle("(title=Engineer)", "Lost"); code(err) != 122 {
		t.Errorf("no longer true: %v", err)
	}
	if err := retitle("(favouriteDrink=tea)", "Lost"); code(err) != 122 {
		t.Errorf("Undefined: %v", err)
	}
	if err := retitle("(!(favouriteDrink=tea))", "Lost"); code(err) != 122 {
		t.Errorf("not Undefined is Undefined: %v", err)
	}
	if got := w.read(c, aliceDN, "title"); !slices.Equal(got, []string{"Chief"}) {
		t.Errorf("title is %q", got)
	}
	for name, do := range map[string]func(ldap.Control) error{
		"delete": func(k ldap.Control) error { return c.Del(ldap.NewDelRequest(bobDN, []ldap.Control{k})) },
		"rename": func(k ldap.Control) error {
			r := ldap.NewModifyDNRequest(bobDN, "uid=rob", true, "")
			r.Controls = []ldap.Control{k}
			return c.ModifyDN(r)
		},
		"add": func(k ldap.Control) error {
			r := ldap.NewAddRequest("cn=new,ou=groups,"+baseDN, []ldap.Control{k})
			r.Attribute("objectClass", []string{"groupOfNames"})
			return c.Add(r)
		},
		"search": func(k ldap.Control) error {
			r := search(bobDN, 0, "(objectClass=*)")
			r.Controls = []ldap.Control{k}
			_, err := c.Search(r)
			return err
		},
		"compare": func(k ldap.Control) error {
			return w.compare(t, bobDN, "uid", "bob", k)
		},
		"compare of the schema": func(k ldap.Control) error {
			return w.compare(t, subschemaDN, "cn", "subschema", k)
		},
		"search of the root DSE": func(k ldap.Control) error {
			r := search("", 0, "(objectClass=*)")
			r.Controls = []ldap.Control{k}
			_, err := c.Search(r)
			return err
		},
	} {
		if err := do(when("(description=never)")); code(err) != 122 {
			t.Errorf("%s: %v, want 122", name, err)
		}
		if err := do(rawControl{wire.OIDAssertion, true, []byte("x")}); code(err) != 2 {
			t.Errorf("%s with no filter: %v", name, err)
		}
	}
	if err := w.compare(t, bobDN, "uid", "bob", when("(objectClass=person)")); code(err) != ldap.LDAPResultCompareTrue {
		t.Errorf("compare when true: %v", err)
	}
	if err := w.bound(aliceDN).Modify(modify(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("pager", []string{"1"}) }, when("(creatorsName=*)"))); code(err) != 122 {
		t.Errorf("an attribute that the asker may not read: %v", err)
	}
	if err := c.Del(ldap.NewDelRequest(bobDN, []ldap.Control{when("(uid=bob)")})); err != nil {
		t.Errorf("delete when true: %v", err)
	}
}

// TestAssertionHoldsWithTheWrite: of writers that all assert the same value exactly one succeeds.
func TestAssertionHoldsWithTheWrite(t *testing.T) {
	w := newWorld(t, nil)
	_ = w.writer()
	const writers = 4
	results := make(chan int, writers)
	for i := range writers {
		c := w.bound(writerDN)
		go func() {
			results <- code(c.Modify(modify(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("title", []string{fmt.Sprint("writer ", i)}) },
				rawControl{wire.OIDAssertion, true, filterOctets(t, "(title=Engineer)")})))
		}()
	}
	got := map[int]int{}
	for range writers {
		got[<-results]++
	}
	if got[0] != 1 || got[122] != writers-1 {
		t.Errorf("results %v, want one success", got)
	}
}

// entryIn returns the attributes of the entry in a pre-read or post-read control of a raw answer.
func entryIn(t *testing.T, answer *ber.Packet, oid string) map[string][]string {
	t.Helper()
	if len(answer.Children) < 3 {
		return nil
	}
	for _, c := range answer.Children[2].Children {
		if c.Children[0].Data.String() != oid {
			continue
		}
		entry, err := ber.DecodePacketErr(c.Children[len(c.Children)-1].Data.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out := map[string][]string{"dn": {entry.Children[0].Data.String()}}
		for _, a := range entry.Children[1].Children {
			for _, v := range a.Children[1].Children {
				out[a.Children[0].Data.String()] = append(out[a.Children[0].Data.String()], v.Data.String())
			}
		}
		return out
	}
	return nil
}

func TestReadEntryControls(t *testing.T) {
	w := newWorld(t, nil)
	_ = w.writer()
	ask := func(dn string, op *ber.Packet, controls ...rawControl) *ber.Packet {
		c := w.bindRaw(dn)
		msg := ber.NewSequence("")
		msg.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 2, ""))
		msg.AppendChild(op)
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, k := range controls {
			list.AppendChild(k.Encode())
		}
		msg.AppendChild(list)
		if _, err := c.Write(msg.Bytes()); err != nil {
			t.Fatal(err)
		}
		answer, err := ber.ReadPacket(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Children[1].Children[0].Value.(int64); got != 0 {
			t.Fatalf("result %d: %s", got, answer.Children[1].Children[2].Data)
		}
		return answer
	}
	str := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	replace := func(dn, attr, value string) *ber.Packet {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		set.AppendChild(str(value))
		a, change, changes := ber.NewSequence(""), ber.NewSequence(""), ber.NewSequence("")
		a.AppendChild(str(attr))
		a.AppendChild(set)
		change.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 2, ""))
		change.AppendChild(a)
		changes.AppendChild(change)
		p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 6, nil, "")
		p.AppendChild(str(dn))
		p.AppendChild(changes)
		return p
	}
	rename := func(dn, rdn string) *ber.Packet {
		p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 12, nil, "")
		p.AppendChild(str(dn))
		p.AppendChild(str(rdn))
		p.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, ""))
		return p
	}
	pre := rawControl{wire.OIDPreRead, true, seq(octets("title"), octets("userPassword"))}
	post := rawControl{wire.OIDPostRead, true, seq(octets("title"), octets("entryUUID"))}

	a := ask(writerDN, replace(aliceDN, "title", "Chief"), pre, post)
	if got := entryIn(t, a, wire.OIDPreRead); !slices.Equal(got["title"], []string{"Engineer"}) || len(got) != 2 {
		t.Errorf("before: %q", got)
	}
	if got := entryIn(t, a, wire.OIDPostRead); !slices.Equal(got["title"], []string{"Chief"}) || !slices.Equal(got["entryUUID"], []string{w.alice.UID}) {
		t.Errorf("after: %q", got)
	}
	a = ask(writerDN, rename(aliceDN, "uid=alicia"), pre, post)
	if before, after := entryIn(t, a, wire.OIDPreRead)["dn"], entryIn(t, a, wire.OIDPostRead)["dn"]; !slices.Equal(before, []string{aliceDN}) || !slices.Equal(after, []string{"uid=alicia,ou=users," + baseDN}) {
		t.Errorf("renamed from %q to %q", before, after)
	}
	a = ask(writerDN, ber.NewString(ber.ClassApplication, ber.TypePrimitive, 10, "uid=alicia,ou=users,"+baseDN, ""), pre)
	if got := entryIn(t, a, wire.OIDPreRead); !slices.Equal(got["title"], []string{"Chief"}) {
		t.Errorf("deleted: %q", got)
	}
	// What the asker may not read is not in it.
	hidden := rawControl{wire.OIDPostRead, true, seq(octets("creatorsName"), octets("pager"))}
	if got := entryIn(t, ask(bobDN, replace(bobDN, "pager", "1"), hidden), wire.OIDPostRead); got["creatorsName"] != nil || got["pager"] == nil {
		t.Errorf("of oneself: %q", got)
	}
	blind := w.service("blind", directory.WriteAttributes)
	if got := entryIn(t, ask(blind, replace(bobDN, "title", "x"), post), wire.OIDPostRead); got != nil {
		t.Errorf("by who does not read: %q", got)
	}
}

func TestMatchedValues(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error {
		if err := tx.AddMembers(w.staff.ID, directory.Membership{User: w.bob.ID}); err != nil {
			return err
		}
		_, err := tx.UpdateUser(w.alice.ID, func(u *directory.User) error {
			u.Profile.Set("workPhone", "+41 1", "+41 2", "+49 3")
			return nil
		})
		return err
	})
	c := w.writer()
	for _, tt := range []struct {
		name, base, attr string
		filters          []string
		want             []string
	}{
		{"equality", aliceDN, "telephoneNumber", []string{"(telephoneNumber=+411)"}, []string{"+41 1"}},
		{"either", aliceDN, "telephoneNumber", []string{"(telephoneNumber=+411)", "(telephoneNumber=+493)"}, []string{"+41 1", "+49 3"}},
		{"substring", aliceDN, "telephoneNumber", []string{"(telephoneNumber=+41*)"}, []string{"+41 1", "+41 2"}},
		{"presence", aliceDN, "telephoneNumber", []string{"(telephoneNumber=*)"}, []string{"+41 1", "+41 2", "+49 3"}},
		{"about another attribute", aliceDN, "telephoneNumber", []string{"(cn=*)"}, []string{}},
		{"none", aliceDN, "telephoneNumber", []string{"(telephoneNumber=0)"}, []string{}},
		{"a member", staffDN, "member", []string{"(member=UID=bob, ou=users," + baseDN + ")"}, []string{bobDN}},
		{"a class", aliceDN, "objectClass", []string{"(objectClass=PERSON)"}, []string{"person"}},
		{"a group", aliceDN, "memberOf", []string{"(memberOf=" + staffDN + ")"}, []string{staffDN}},
		{"an attribute that nobody knows", aliceDN, "telephoneNumber", []string{"(favouriteDrink=tea)"}, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var items [][]byte
			for _, f := range tt.filters {
				items = append(items, filterOctets(t, f))
			}
			r := search(tt.base, 0, "(objectClass=*)", tt.attr)
			r.Controls = []ldap.Control{rawControl{wire.OIDMatchedValues, true, seq(items...)}}
			got, err := c.Search(r)
			if err != nil {
				t.Fatal(err)
			}
			// RFC 3876: an attribute without a chosen value comes without values.
			if len(got.Entries) != 1 || len(got.Entries[0].Attributes) != 1 {
				t.Fatalf("got %v", got.Entries)
			}
			if values := got.Entries[0].Attributes[0].Values; !slices.Equal(values, tt.want) {
				t.Errorf("got %q, want %q", values, tt.want)
			}
		})
	}
	// RFC 3876 §2: every user attribute, every operational one; and when there is nothing to choose from it does nothing.
	for _, tt := range []struct {
		name  string
		list  []string
		types bool
		want  map[string]int // attributes and how many values each has
	}{
		{"no list", nil, false, map[string]int{"telephoneNumber": 2, "cn": 0, "objectClass": 0}},
		{"star", []string{"*"}, false, map[string]int{"telephoneNumber": 2, "cn": 0, "objectClass": 0}},
		{"plus", []string{"+"}, false, map[string]int{"entryUUID": 0, "memberOf": 0}},
		{"no attributes", []string{"1.1"}, false, map[string]int{}},
		{"types only", []string{"telephoneNumber"}, true, map[string]int{"telephoneNumber": 0}},
	} {
		r := search(aliceDN, 0, "(objectClass=*)", tt.list...)
		r.TypesOnly = tt.types
		r.Controls = []ldap.Control{rawControl{wire.OIDMatchedValues, true, seq(filterOctets(t, "(telephoneNumber=+41*)"))}}
		got, err := c.Search(r)
		if err != nil || len(got.Entries) != 1 || len(got.Entries[0].Attributes) < len(tt.want) {
			t.Fatalf("%s: %v, %v", tt.name, got, err)
		}
		for _, a := range got.Entries[0].Attributes {
			if want, ok := tt.want[a.Name]; ok && len(a.Values) != want || len(tt.want) == 0 {
				t.Errorf("%s: %s is %q", tt.name, a.Name, a.Values)
			}
		}
	}
	for name, value := range map[string][]byte{"an and": filterOctets(t, "(&(cn=x))"), "nothing": nil} {
		r := search(aliceDN, 0, "(objectClass=*)")
		r.Controls = []ldap.Control{rawControl{wire.OIDMatchedValues, true, seq(value)}}
		if _, err := c.Search(r); code(err) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// derefs returns what the dereference control of an entry holds: value to attribute to values.
func derefs(t *testing.T, e *ber.Packet) map[string]map[string][]string {
	t.Helper()
	out := map[string]map[string][]string{}
	if len(e.Children) < 3 {
		return out
	}
	value, err := ber.DecodePacketErr(e.Children[2].Children[0].Children[1].Data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range value.Children {
		attrs := map[string][]string{}
		if len(r.Children) == 3 {
			for _, a := range r.Children[2].Children {
				for _, v := range a.Children[1].Children {
					attrs[a.Children[0].Data.String()] = append(attrs[a.Children[0].Data.String()], v.Data.String())
				}
			}
		}
		out[r.Children[1].Data.String()] = attrs
	}
	return out
}

func TestDereference(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error {
		_, err := tx.UpdateUser(w.alice.ID, func(u *directory.User) error { u.Profile.Set("manager", w.bob.UID); return nil })
		return err
	})
	deref := func(attr string, attrs ...string) rawControl {
		var list [][]byte
		for _, a := range attrs {
			list = append(list, octets(a))
		}
		return rawControl{wire.OIDDeref, true, seq(seq(octets(attr), seq(list...)))}
	}
	ask := func(dn, base string, k rawControl) map[string]map[string][]string {
		return derefs(t, rawSearch(t, w.bindRaw(dn), search(base, 0, "(objectClass=*)", "1.1"), k)[0])
	}
	if got := ask(readerDN, staffDN, deref("member", "uid", "sn", "userPassword")); fmt.Sprint(got) != "map["+aliceDN+":map[sn:[Liddell] uid:[alice]]]" {
		t.Errorf("members: %v", got)
	}
	if got := ask(readerDN, aliceDN, deref("manager", "uid", "memberOf")); fmt.Sprint(got) != "map["+bobDN+":map[uid:[bob]]]" {
		t.Errorf("the manager: %v", got)
	}
	if got := ask(readerDN, aliceDN, deref("memberOf", "member")); fmt.Sprint(got) != "map["+staffDN+":map[member:["+aliceDN+"]]]" {
		t.Errorf("groups: %v", got)
	}
	if got := ask(readerDN, aliceDN, deref("uid", "cn")); len(got) != 0 {
		t.Errorf("what names no entry: %v", got)
	}
	// Who sees only the own entry learns nothing about the others.
	for value, attrs := range ask(aliceDN, aliceDN, deref("manager", "uid")) {
		if len(attrs) > 0 {
			t.Errorf("of oneself: %s has %v", value, attrs)
		}
	}
	r := search(aliceDN, 0, "(objectClass=*)")
	r.Controls = []ldap.Control{rawControl{wire.OIDDeref, true, seq()}}
	if _, err := w.bound(readerDN).Search(r); code(err) != 2 {
		t.Errorf("nothing to dereference: %v", err)
	}
}

// TestDereferenceInAProfile: an attribute that a profile does not have is not followed either.
func TestDereferenceInAProfile(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Listeners[0].Profile = schema.RFC2307 })
	k := rawControl{wire.OIDDeref, true, seq(seq(octets("member"), seq(octets("uid"))))}
	if got := derefs(t, rawSearch(t, w.bindRaw(readerDN), search(staffDN, 0, "(objectClass=*)", "1.1"), k)[0]); len(got) != 0 {
		t.Errorf("members: %v", got)
	}
}

// searchPacket encodes a base search for no attributes.
func searchPacket(r *ldap.SearchRequest) (*ber.Packet, error) {
	filter, err := ldap.CompileFilter(r.Filter)
	if err != nil {
		return nil, err
	}
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 3, nil, "")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, r.BaseDN, ""))
	for _, n := range []int64{int64(r.Scope), 0} {
		p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, n, ""))
	}
	for range 2 {
		p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 0, ""))
	}
	p.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	p.AppendChild(filter)
	attrs := ber.NewSequence("")
	for _, a := range r.Attributes {
		attrs.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, a, ""))
	}
	p.AppendChild(attrs)
	return p, nil
}

// TestControlsFit: a control that is known but is not for the operation is refused when it is critical, and a second
// one is a mistake.
func TestControlsFit(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	for oid := range supportedControls() {
		if oid == wire.OIDPasswordPolicy {
			continue
		}
		for critical, want := range map[bool]int{true: 12, false: 0} {
			r := ldap.NewSimpleBindRequest(writerDN, password, []ldap.Control{rawControl{oid, critical, []byte("x")}})
			if _, err := c.SimpleBind(r); code(err) != want {
				t.Errorf("%s, critical %v, in a bind: %v, want %d", oid, critical, err, want)
			}
		}
	}
	twice := []ldap.Control{ldap.NewControlManageDsaIT(false), ldap.NewControlManageDsaIT(true)}
	r := search(aliceDN, 0, "(objectClass=*)")
	r.Controls = twice
	if _, err := c.Search(r); code(err) != 2 {
		t.Errorf("the same control twice: %v", err)
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t, narrowPipe)
	w.crowd(4000, 4000)
	c := w.bindRaw(readerDN)
	cancel := func(id, target byte) []byte {
		value := seq(number(target))
		body := append(tagged(0x80, []byte(wire.OIDCancel)), tagged(0x81, value)...)
		return seq(number(id), tagged(0x77, body))
	}
	// A dump of everybody, to somebody who does not read: it waits in the pipe, and can be cancelled there. Nobody cancels
	// it from another connection (RFC 3909 §4).
	if _, err := c.Write(request(7, baseDN, "(objectClass=*)")); err != nil {
		t.Fatal(err)
	}
	other := w.bindRaw(readerDN)
	if _, err := other.Write(cancel(8, 7)); err != nil {
		t.Fatal(err)
	}
	if p, err := ber.ReadPacket(other); err != nil || p.Children[1].Children[0].Value.(int64) != 119 {
		t.Errorf("from another connection: %v, %v", p, err)
	}
	if _, err := c.Write(cancel(8, 7)); err != nil {
		t.Fatal(err)
	}
	results := map[int64]int64{}
	for len(results) < 2 {
		p, err := ber.ReadPacket(c)
		if err != nil {
			t.Fatal(err)
		}
		if p.Children[1].Tag != 4 { // entries
			results[p.Children[0].Value.(int64)] = p.Children[1].Children[0].Value.(int64)
		}
	}
	cancelled, late := results[7] == 118 && results[8] == 0, results[7] == 0 && results[8] == 120
	if !cancelled && !late {
		t.Errorf("results %v, want canceled and success, or success and tooLate", results)
	}
	for name, tt := range map[string]struct {
		in   []byte
		want int64
	}{
		"an operation that is over": {cancel(9, 7), 119},
		"no such operation":         {cancel(10, 99), 119},
		"itself":                    {cancel(11, 11), 119},
		"no id":                     {seq(number(12), tagged(0x77, tagged(0x80, []byte(wire.OIDCancel)))), 2},
	} {
		if _, err := c.Write(tt.in); err != nil {
			t.Fatal(err)
		}
		p, err := ber.ReadPacket(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Children[1].Children[0].Value.(int64); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// TestCanceledAnswer: what a Cancel ends is answered with canceled, what an Abandon ends is not answered.
func TestCanceledAnswer(t *testing.T) {
	var f inflight
	ctx, cancel := context.WithCancel(t.Context())
	op, _ := f.add(7, cancel, 8)
	if got := f.cancel(8); got != nil {
		t.Error("cancelled what is not there")
	}
	if got := f.cancel(7); got != op || ctx.Err() == nil {
		t.Error("not cancelled")
	}
	if !f.land(7, op, true) || !op.answered {
		t.Error("not answered with canceled")
	}
	again, _ := f.add(7, func() {}, 8)
	if f.land(7, op, true) || f.ops[7] != again {
		t.Error("the end of one operation took another one with the same id")
	}
	f.abandon(7)
	if f.land(7, again, true) {
		t.Error("an abandoned operation is answered")
	}
}
