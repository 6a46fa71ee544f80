package projection

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/ldapd/wire"
)

// TestSetsAgainstModel grows and shrinks sets through all their forms.
func TestSetsAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	p := newSets()
	var list [12]set
	var model [12]map[uint32]bool
	for i := range model {
		model[i] = map[uint32]bool{}
	}
	for step := range 120_000 {
		i := r.IntN(len(list))
		slot := uint32(1 + r.IntN([]int{3, 40, 400, 2000, 5000}[i%5]))
		if i%3 == 0 {
			slot += firstGroup
		}
		var changed bool
		// Every set is filled for a while and emptied for a while.
		if (step/20_000+i)%2 == 0 {
			list[i], changed = p.add(list[i], slot)
			if changed == model[i][slot] {
				t.Fatalf("step %d: add said %t", step, changed)
			}
			model[i][slot] = true
		} else {
			list[i], changed = p.remove(list[i], slot)
			if changed != model[i][slot] {
				t.Fatalf("step %d: remove said %t", step, changed)
			}
			delete(model[i], slot)
		}
		if p.has(list[i], slot) != model[i][slot] || p.size(list[i]) != len(model[i]) {
			t.Fatalf("step %d: has %t, size %d of %d", step, p.has(list[i], slot), p.size(list[i]), len(model[i]))
		}
		if step%5000 == 0 {
			for i := range list {
				if got, want := p.appendTo(nil, list[i]), slices.Sorted(maps.Keys(model[i])); !slices.Equal(got, want) {
					t.Fatalf("step %d, set %d: %d slots, want %d", step, i, len(got), len(want))
				}
			}
		}
		if step == 70_000 {
			p.repack(func(move func(*set)) {
				for i := range list {
					move(&list[i])
				}
			})
		}
	}
}

// TestSetsGrowInBulk adds ascending slots in portions of many sizes.
func TestSetsGrowInBulk(t *testing.T) {
	for _, portions := range [][]int{{1}, {2}, {1, 1}, {1, 5, 1}, {3, 1, 1, 1, 1}, {listMost}, {listMost, 1}, {1, listMost}, {500, 500, 500}, {2000, 3}} {
		p := newSets()
		var s set
		var want []uint32
		for _, n := range portions {
			from := len(want)
			for range n {
				want = append(want, uint32(100+3*len(want)))
			}
			s = p.addMany(s, want[from:])
		}
		if got := p.appendTo(nil, s); !slices.Equal(got, want) || p.size(s) != len(want) {
			t.Errorf("%v: %d slots, want %d", portions, len(got), len(want))
		}
	}
}

// TestTableAgainstModel puts so many keys into a table that they collide, and takes them out again.
func TestTableAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	p, tab, model := newSets(), table{}, map[uint32]map[uint32]bool{}
	for step := range 60_000 {
		key, slot := mix(uint32(r.IntN(3000))), uint32(1+r.IntN(4))
		if model[key] == nil {
			model[key] = map[uint32]bool{}
		}
		if (step/15_000)%2 == 0 || r.IntN(3) == 0 {
			tab.add(p, key, slot)
			model[key][slot] = true
		} else {
			tab.remove(p, key, slot)
			delete(model[key], slot)
		}
		if step == 29_000 {
			tab.fit()
		}
		if step%6000 == 0 || step == 59_999 {
			for key, want := range model {
				if got := p.appendTo(nil, tab.get(key)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
					t.Fatalf("step %d: key %d has %v, want %v", step, key, got, want)
				}
			}
		}
	}
}

// TestArenaReusesWhatIsDead replaces records until chunks are emptied, and reads old ones meanwhile.
func TestArenaReusesWhatIsDead(t *testing.T) {
	x := crowd(t, 500)
	s := x.state.Load()
	before := search(t, x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)"})
	held := s.record(firstUser + 7)
	was := strings.Clone(string(held))
	b := newBuilder(x.attrs)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		u := crowdUser(i%500, r)
		u.Profile["description"] = []string{strings.Repeat("d", i%700)}
		w := newWork(s, time.Now)
		w.users, w.rowUsers[u.ID] = append(w.users, u.ID), u
		w.apply(b)
	}
	if string(held) != was {
		t.Error("a record that is being read was changed")
	}
	if mb := s.arena.bytes >> 20; mb > 4 {
		t.Errorf("the arena grew to %d MiB", mb)
	}
	if after := search(t, x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)"}); len(after) != len(before) {
		t.Errorf("%d entries, before %d", len(after), len(before))
	}
}

func TestRules(t *testing.T) {
	tests := []struct {
		rule rule
		a, b string
		want bool
	}{
		{ignoreCase, "  A  b ", "a B", true},
		{ignoreCase, "Straße", "STRASSE", true},
		{exactCase, "A  b", "A b", true},
		{exactCase, "A b", "a b", false},
		{ignoreCase, "al\u00adice", "ALICE\u200b", true},
		{ignoreCase, "Alice\u00a0\tLiddell", "alice liddell", true},
		{ignoreCaseList, "Main St 1 $  Springfield", "main st  1$springfield", true},
		{ignoreCaseList, "a$b", "a b", false},
		{telephone, "+41 44-1", "+41441", true},
		{telephone, "+41\u058a44\u20101\u20112\u22123\ufe634\uff0d5", "+4144 12345", true},
		{numeric, "1 2-3", "12-3", true},
		{numeric, "12-3", "123", false},
		{integer, "007", "7", true},
		{integer, "-1", "1", false},
		{boolean, "true", "TRUE", true},
		{moment, "20260302090000Z", "2026030210+0100", true},
		{moment, "20260302090030Z", "202603020900.5Z", true},
		{moment, "20260302090000.25Z", "20260302090000,250Z", true},
		{uuidRule, "0189C0DE-0000-4000-8000-00000000ABCD", "0189c0de-0000-4000-8000-00000000abcd", true},
		{distinguishedName, "CN=a, DC=x", "cn=A,dc=x", true},
		{octets, "a", "A", false},
	}
	for _, tt := range tests {
		a, ok1 := tt.rule.appendNormal(nil, []byte(tt.a))
		b, ok2 := tt.rule.appendNormal(nil, []byte(tt.b))
		if !ok1 || !ok2 || (string(a) == string(b)) != tt.want {
			t.Errorf("rule %d: %q and %q: %x and %x", tt.rule, tt.a, tt.b, a, b)
		}
	}
	for _, tt := range []struct {
		rule rule
		bad  string
	}{
		{integer, ""},
		{integer, "-"},
		{integer, "1.5"},
		{integer, "+1"},
		{boolean, "yes"},
		{moment, ""},
		{moment, "2026"},
		{moment, "20261302090000Z"},
		{moment, "20260302090000"},
		{moment, "20260302090000.Z"},
		{moment, "20260302090000+1"},
		{uuidRule, strings.Repeat("-", 36)},
		{uuidRule, "x"},
		{distinguishedName, "nonsense"},
		{noRule, "x"},
		{ignoreCase, "a\ufffd"},
		{ignoreCaseList, "a$\xff"},
		{exactCase, "\ue000"},
		{telephone, "1\uffff"},
		{numeric, "1\xff"},
		{csnRule, ""},
	} {
		if n, ok := tt.rule.appendNormal(nil, []byte(tt.bad)); ok {
			t.Errorf("rule %d takes %q for %x", tt.rule, tt.bad, n)
		}
	}
	for _, ordered := range [][2]string{{"-99999999999999999999", "-5"}, {"-5", "0"}, {"9", "10"}, {"10", "99999999999999999999"}} {
		a, _ := integer.appendNormal(nil, []byte(ordered[0]))
		b, _ := integer.appendNormal(nil, []byte(ordered[1]))
		if string(a) >= string(b) {
			t.Errorf("%v are not in order", ordered)
		}
	}
}

// FuzzFilter evaluates any filter on any attribute: it must not panic, and an index must not hide what matches.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"(uid=person0000003)", "(&(cn=*iv*n1*)(!(sn=Family1)))", "(|(mail=*)(nonsense=1)(uidNumber>=5))", "(memberOf:1.2.840.113556.1.4.1941:=cn=x)",
		"(:dn:caseIgnoreMatch:=users)", "(modifyTimestamp<=20260302090000.123Z)", "(telephoneNumber=+41*- 4*)", "(entryUUID=------------------------------------)",
		"(member=uid=\\5c,ou=users,dc=example,dc=com)", "(cn=\\ff\\fe)", "(cn=* *)",
	} {
		f.Add(s)
	}
	x := crowd(f, 40)
	s := x.state.Load()
	f.Fuzz(func(t *testing.T, text string) {
		w, err := wire.ParseFilter(text)
		if err != nil {
			return
		}
		found := len(search(t, x, ask{scope: wire.ScopeSubtree, filter: text, attrs: []string{"1.1"}}))
		var c Cursor
		by, _ := s.sight(everybody())
		c.filter.compile(by.d, w, by.d.sees(everybody().Audience))
		c.filter.bind(by)
		e := evaluator{sight: by, f: &c.filter}
		all := 0
		for _, g := range []*region{&s.users, &s.groups} {
			for slot := g.first; slot < g.end(); slot++ {
				if e.eval(0, s.record(slot)) == wire.True {
					all++
				}
				if slot < firstGroup && e.eval(0, s.record(slot|primaryBit)) == wire.True {
					all++
				}
			}
		}
		for slot := slotBase; slot <= slotApps; slot++ {
			if e.eval(0, s.record(slot)) == wire.True {
				all++
			}
		}
		if found != all {
			t.Errorf("%s: the search finds %d entries, looking at each finds %d", text, found, all)
		}
	})
}
