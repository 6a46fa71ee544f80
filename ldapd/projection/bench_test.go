package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/ldapd/wire"
)

// crowdSize is how many people the benchmarks have: 100,000, or what GATEHOUSE_BENCH_USERS says.
func crowdSize(b *testing.B) int {
	b.Helper()
	if s := os.Getenv("GATEHOUSE_BENCH_USERS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 100_000
}

func crowdUser(i int, r *rand.Rand) directory.User {
	name := fmt.Sprintf("person%07d", i)
	return directory.User{
		ID: directory.UserID(1_000_000_000 + i), UID: uuid.NewString(), Kind: directory.Person, Username: name,
		Status: directory.Active, Created: directorytest.Start, Updated: directorytest.Start, UIDNumber: int64(1_881_000_000 + i),
		Emails: []directory.Email{{Address: name + "@example.com", Primary: true}},
		Profile: directory.Attributes{
			"givenName":         {fmt.Sprintf("Given%d", i%5000)},
			"familyName":        {fmt.Sprintf("Family%d", i%20000)},
			"displayName":       {fmt.Sprintf("Given%d Family%d", i%5000, i%20000)},
			"title":             {fmt.Sprintf("Title %d", i%300)},
			"department":        {fmt.Sprintf("Department %d", i%200)},
			"organization":      {"Example"},
			"employeeNumber":    {fmt.Sprintf("E%07d", i)},
			"locality":          {fmt.Sprintf("Town %d", i%1000)},
			"preferredLanguage": {[]string{"en", "de", "fr"}[i%3]},
			"workPhone":         {fmt.Sprintf("+41 44 %07d", r.IntN(10_000_000))},
			"mobilePhone":       {fmt.Sprintf("+41 79 %07d", r.IntN(10_000_000))},
		},
	}
}

// crowd returns an index with n people of 15 attributes, n/10 groups, and 5 memberships each.
func crowd(b testing.TB, n int) *Index {
	b.Helper()
	attrs, err := newAttributes()
	if err != nil {
		b.Fatal(err)
	}
	tr, err := newTree(directorytest.Domain)
	if err != nil {
		b.Fatal(err)
	}
	x := &Index{attrs: attrs, tree: tr, c: Config{Now: time.Now}, moved: make(chan struct{})}
	l := newLoader(newState(attrs, tr), time.Now().UnixMicro())
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < n; i += loadBatch {
		var p portion
		for j := i; j < min(n, i+loadBatch); j++ {
			p.users, p.passwords = append(p.users, crowdUser(j, r)), append(p.passwords, directory.PasswordState{Changed: directorytest.Start})
		}
		l.put(&p)
	}
	groups := max(n/10, 1)
	var p portion
	for i := range groups {
		p.groups = append(p.groups, directory.Group{
			ID: directory.GroupID(2_000_000_000 + i), UID: uuid.NewString(), Name: fmt.Sprintf("group-%06d", i),
			Created: directorytest.Start, Updated: directorytest.Start, GIDNumber: int64(1_900_000_000 + i),
		})
	}
	l.put(&p)
	l.bulk.finish()
	var rows links
	for g := range groups {
		members := directory.GroupMembers{Group: directory.GroupID(2_000_000_000 + g)}
		// Who is in it: the people i with (i + at*step) % groups == g.
		for at := range 5 {
			for i := ((g-at*(groups/5+1))%groups + groups) % groups; i < n; i += groups {
				members.Users = append(members.Users, directory.UserID(1_000_000_000+i))
			}
		}
		rows.members = append(rows.members, members)
	}
	l.link(&rows)
	l.s.fit()
	x.state.Store(l.s)
	return x
}

// shared keeps the crowd for all benchmarks of one run.
var shared atomic.Pointer[Index]

func benchCrowd(b *testing.B) *Index {
	b.Helper()
	if x := shared.Load(); x != nil {
		return x
	}
	before := heapInUse()
	n := crowdSize(b)
	began := time.Now()
	x := crowd(b, n)
	fmt.Fprintf(os.Stderr, "%d people built in %s: %d bytes each by count, %d by heap\n", n, time.Since(began).Round(time.Millisecond),
		x.state.Load().bytes()/n, (heapInUse()-before)/n)
	shared.Store(x)
	return x
}

// cpu is the processor time that this process has used: on a machine that others use too it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perOp measures processor time until the function it returns is called.
func perOp(b *testing.B) (report func(ops int, unit string)) {
	b.Helper()
	from := cpu(b)
	return func(ops int, unit string) { b.ReportMetric(float64(cpu(b)-from)/float64(ops), unit) }
}

func heapInUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func benchSearch(b *testing.B, x *Index, dn string, scope wire.Scope, filter func(i int) string, most int) {
	b.Helper()
	base := nameOf(b, dn)
	filters := make([]*wire.Filter, 64)
	for i := range filters {
		filters[i] = parsed(b, filter(i))
	}
	var c Cursor
	var buf []byte
	entries := 0
	b.ReportAllocs()
	b.ResetTimer()
	report := perOp(b)
	for i := 0; b.Loop(); i++ {
		if err := c.Open(x, Query{Base: base, Scope: scope, Filter: filters[i%len(filters)], Viewer: everybody()}); err != nil {
			b.Fatal(err)
		}
		want := c.Select(nil, false)
		for {
			n, err := c.Next(b.Context(), most)
			if err != nil {
				b.Fatal(err)
			}
			buf = buf[:0]
			for j := range n {
				buf = c.Append(buf, j, 7, &want)
			}
			entries += n
			if n == 0 {
				break
			}
		}
	}
	b.ReportMetric(float64(entries)/float64(b.N), "entries/op")
	report(b.N, "cpu-ns/op")
	if entries > b.N {
		report(entries, "cpu-ns/entry")
	}
}

func BenchmarkSearch(b *testing.B) {
	x := benchCrowd(b)
	n := x.state.Load().count[kindPerson]
	r := rand.New(rand.NewPCG(3, 4))
	person := func() int { return r.IntN(n) }
	for _, bench := range []struct {
		name   string
		filter func(i int) string
	}{
		{"uid", func(int) string { return fmt.Sprintf("(uid=person%07d)", person()) }},
		{"login", func(int) string {
			return fmt.Sprintf("(&(uid=person%07d)(objectclass=posixAccount)(&(uidNumber=*)(!(uidNumber=0))))", person())
		}},
		{"mail", func(int) string { return fmt.Sprintf("(mail=person%07d@example.com)", person()) }},
		{"employeeNumber", func(int) string { return fmt.Sprintf("(employeeNumber=E%07d)", person()) }},
		{"memberOf", func(int) string { return fmt.Sprintf("(memberOf=cn=group-%06d,ou=groups,%s)", r.IntN(n/10), baseDN) }},
		{"member", func(int) string { return fmt.Sprintf("(member=uid=person%07d,ou=users,%s)", person(), baseDN) }},
		{"substring", func(int) string { return fmt.Sprintf("(cn=*amily%d*)", 1000+r.IntN(9000)) }},
		{"substring_mail", func(int) string { return fmt.Sprintf("(mail=*%07d@*)", person()) }},
		{"substring_phone", func(int) string { return fmt.Sprintf("(telephoneNumber=*%05d)", r.IntN(100000)) }},
		{"range", func(int) string { return fmt.Sprintf("(uidNumber>=%d)", 1_881_000_000+n-10) }},
		{"unindexed", func(i int) string { return fmt.Sprintf("(preferredLanguage=x%d)", i) }},
	} {
		b.Run(bench.name, func(b *testing.B) { benchSearch(b, x, baseDN, wire.ScopeSubtree, bench.filter, batchMost) })
	}
	b.Run("base", func(b *testing.B) {
		benchSearch(b, x, userDN("person0000077"), wire.ScopeBase, func(int) string { return "(objectClass=*)" }, batchMost)
	})
	b.Run("dump", func(b *testing.B) {
		benchSearch(b, x, "ou=users,"+baseDN, wire.ScopeOneLevel, func(int) string { return "(objectClass=inetOrgPerson)" }, 500)
	})
}

// BenchmarkSelect is a search without rendering.
func BenchmarkSelect(b *testing.B) {
	x := benchCrowd(b)
	base, f := nameOf(b, baseDN), parsed(b, "(uid=person0000077)")
	var c Cursor
	b.ReportAllocs()
	report := perOp(b)
	defer func() { report(b.N, "cpu-ns/op") }()
	for b.Loop() {
		if err := c.Open(x, Query{Base: base, Scope: wire.ScopeSubtree, Filter: f, Viewer: everybody()}); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Next(context.Background(), 2); n != 1 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkChange(b *testing.B) {
	x := benchCrowd(b)
	s := x.state.Load()
	n := s.count[kindPerson]
	r := rand.New(rand.NewPCG(5, 6))
	bld := newBuilder(x.attrs)
	b.Run("title", func(b *testing.B) {
		report := perOp(b)
		for i := 0; b.Loop(); i++ {
			u := crowdUser(r.IntN(n), r)
			u.Profile["title"] = []string{fmt.Sprintf("changed %d", i)}
			w := newWork(s, time.Now)
			w.users = []directory.UserID{u.ID}
			w.rowUsers[u.ID] = u
			w.apply(bld)
		}
		report(b.N, "cpu-ns/op")
	})
	b.Run("name", func(b *testing.B) {
		report := perOp(b)
		for i := 0; b.Loop(); i++ {
			u := crowdUser(r.IntN(n), r)
			u.Profile["displayName"] = []string{fmt.Sprintf("Changed%d Name%d", i, i)}
			w := newWork(s, time.Now)
			w.users = []directory.UserID{u.ID}
			w.rowUsers[u.ID] = u
			w.apply(bld)
		}
		report(b.N, "cpu-ns/op")
	})
	b.Run("membership", func(b *testing.B) {
		now := time.Now().UnixMicro()
		report := perOp(b)
		for i := 0; b.Loop(); i++ {
			w := newWork(s, time.Now)
			var rows spans
			if i%2 == 0 {
				rows = spans{spanOf(time.Time{}, time.Time{})}
			}
			w.setMember(pair{directory.GroupID(2_000_000_000 + i/2%(n/10)), directory.UserID(1_000_000_000 + i%n)}, rows, now)
		}
		report(b.N, "cpu-ns/op")
	})
}

// fill writes the crowd of n people into a store.
func fill(b *testing.B, store directory.Store, n int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	groups := max(n/10, 1)
	write := func(rows int, fn func(tx *directory.Tx, i int) error) {
		b.Helper()
		for from := 0; from < rows; from += 1000 {
			_, err := store.Update(b.Context(), func(tx *directory.Tx) error {
				for i := from; i < min(rows, from+1000); i++ {
					if err := fn(tx, i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	write(groups, func(tx *directory.Tx, i int) error {
		name, uid := fmt.Sprintf("group-%06d", i), uuid.NewString()
		return errors.Join(tx.Groups.Insert(directory.Group{
			ID: directory.GroupID(2_000_000_000 + i), UID: uid, Name: name, NameKey: name, Source: "local",
			Created: directorytest.Start, Updated: directorytest.Start,
		}), tx.PosixIDs.Insert(directory.PosixID{Number: int64(1_900_000_000 + i), OwnerUID: uid}))
	})
	write(n, func(tx *directory.Tx, i int) error {
		u := crowdUser(i, r)
		u.NameKey, u.Source = u.Username, "local"
		var members []directory.Membership
		for at := range 5 {
			members = append(members, directory.Membership{Group: directory.GroupID(2_000_000_000 + (i+at*(groups/5+1))%groups), User: u.ID, Source: "local"})
		}
		return errors.Join(tx.Users.Insert(u), tx.Members.Insert(members...),
			tx.Emails.Insert(directory.EmailRow{User: u.ID, AddressKey: u.Emails[0].Address, Email: u.Emails[0]}),
			tx.PosixIDs.Insert(directory.PosixID{Number: u.UIDNumber, OwnerUID: u.UID}))
	})
}

// BenchmarkLoad loads the crowd from SQLite.
func BenchmarkLoad(b *testing.B) {
	store := directorytest.OpenSQLite(b)
	d := directorytest.Core(b, store, nil)
	fill(b, store, crowdSize(b))
	x, err := New(Config{Directory: d, Domain: directorytest.Domain, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	report := perOp(b)
	for b.Loop() {
		if _, _, err := x.load(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	report(b.N*crowdSize(b), "cpu-ns/user")
}
