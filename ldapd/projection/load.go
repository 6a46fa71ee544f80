package projection

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"gatehouse/directory"
)

const (
	loadBatch = 512
	// loadLarge is from how many entries on the garbage of a load is worth a collection at once.
	loadLarge = 50_000
)

// load reads the whole directory in one transaction into a new state and says at which position of the feed that is.
func (x *Index) load(ctx context.Context) (*state, directory.Head, error) {
	l := loader{s: newState(x.attrs, x.tree), b: newBuilder(x.attrs), now: x.c.Now().UnixMicro()}
	var head directory.Head
	err := x.c.Directory.Read(ctx, directory.System("ldapd"), func(r *directory.Reader) (err error) {
		if head, err = r.Head(); err != nil {
			return err
		}
		return l.read(r)
	})
	if err != nil {
		return nil, head, fmt.Errorf("load the directory: %w", err)
	}
	large := len(l.s.users.refs)+len(l.s.groups.refs) >= loadLarge
	l.s.fit()
	if large {
		// A load leaves as much garbage as it keeps. The runtime would give it back only when the heap has doubled.
		debug.FreeOSMemory()
	}
	return l.s, head, nil
}

// loader reads rows in one goroutine and puts them into the state in another.
type loader struct {
	s    *state
	b    *builder
	now  int64
	keys []key

	numbers map[[16]byte]uint32
	mails   mailbag
	group   directory.GroupID // whose members are being collected
	slot    uint32            // of group, 0 when it does not exist
	members []uint32
	rows    spans // of the member that is being read
	member  uint32
	strange bool // some row of member has a start or an end
}

// portion is rows of one kind on their way into the state.
type portion struct {
	users    []directory.User
	groups   []directory.Group
	members  []directory.Membership
	nestings []directory.Nesting
}

func (l *loader) read(r *directory.Reader) error {
	if err := l.readNumbers(r); err != nil {
		return err
	}
	if err := l.mails.read(r); err != nil {
		return err
	}
	portions := make(chan portion, 8)
	var putting sync.WaitGroup
	putting.Go(func() {
		for p := range portions {
			l.put(&p)
		}
		l.endGroup()
	})
	err := l.send(r, portions)
	close(portions)
	putting.Wait()
	return err
}

// readNumbers reads the posix numbers that somebody has.
func (l *loader) readNumbers(r *directory.Reader) error {
	l.numbers = map[[16]byte]uint32{}
	for p, err := range r.PosixIDs(directory.PosixIDQuery{}) {
		if err != nil {
			return fmt.Errorf("read posix numbers: %w", err)
		}
		if id, ok := parseUUID(p.OwnerUID); ok && p.Released.IsZero() && p.Number > 0 && p.Number <= 1<<32-1 {
			l.numbers[id] = uint32(p.Number)
		}
	}
	return nil
}

func (l *loader) number(uid string) int64 {
	id, _ := parseUUID(uid)
	return int64(l.numbers[id])
}

// send reads users, groups, memberships and nestings, each in the order of ids.
func (l *loader) send(r *directory.Reader, to chan<- portion) error {
	batch := make([]directory.User, 0, loadBatch)
	for u, err := range r.BareUsers(directory.UserQuery{Kind: directory.AnyKind}) {
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		u.Emails = l.mails.of(u.ID)
		u.UIDNumber = l.number(u.UID)
		if batch = append(batch, u); len(batch) == loadBatch {
			to <- portion{users: batch}
			batch = make([]directory.User, 0, loadBatch)
		}
	}
	to <- portion{users: batch}
	l.mails = mailbag{}
	var groups []directory.Group
	for g, err := range r.BareGroups(directory.GroupQuery{}) {
		if err != nil {
			return fmt.Errorf("read groups: %w", err)
		}
		g.GIDNumber = l.number(g.UID)
		if groups = append(groups, g); len(groups) == loadBatch {
			to <- portion{groups: groups}
			groups = nil
		}
	}
	to <- portion{groups: groups}
	l.numbers = nil
	members := make([]directory.Membership, 0, 8*loadBatch)
	for m, err := range r.Memberships(directory.MembershipQuery{}) {
		if err != nil {
			return fmt.Errorf("read memberships: %w", err)
		}
		if members = append(members, m); len(members) == cap(members) {
			to <- portion{members: members}
			members = make([]directory.Membership, 0, 8*loadBatch)
		}
	}
	to <- portion{members: members}
	var nestings []directory.Nesting
	for n, err := range r.Nestings(directory.NestingQuery{}) {
		if err != nil {
			return fmt.Errorf("read nestings: %w", err)
		}
		nestings = append(nestings, n)
	}
	to <- portion{nestings: nestings}
	return nil
}

func (l *loader) put(p *portion) {
	for i := range p.users {
		u := &p.users[i]
		l.keys = l.s.load(&l.s.users, int64(u.ID), l.b.user(u), l.keys)
	}
	for i := range p.groups {
		g := &p.groups[i]
		l.keys = l.s.load(&l.s.groups, int64(g.ID), l.b.groupRecord(g), l.keys)
	}
	for i := range p.members {
		l.addMember(&p.members[i])
	}
	if len(p.nestings) > 0 {
		l.addNestings(p.nestings)
	}
}

// addMember takes over a membership row. The rows of a group follow one another, and in them those of a user.
func (l *loader) addMember(m *directory.Membership) {
	if m.Group != l.group {
		l.endGroup()
		l.group = m.Group
		l.slot, _ = l.s.groups.slotOf(int64(m.Group))
	}
	user, ok := l.s.users.slotOf(int64(m.User))
	if !ok || l.slot == 0 {
		return
	}
	if user != l.member {
		l.endMember()
		l.member = user
	}
	sp := spanOf(m.Starts, m.Ends)
	l.rows = append(l.rows, sp)
	l.strange = l.strange || !sp.always()
}

// endMember decides on the membership whose rows have been read.
func (l *loader) endMember() {
	switch {
	case l.member == 0:
	case l.strange:
		l.s.setEdge(edge{l.slot, l.member}, slices.Clone(l.rows), l.now)
	default:
		l.members = append(l.members, l.member)
	}
	l.member, l.rows, l.strange = 0, l.rows[:0], false
}

// endGroup stores the members of the group whose rows have been read.
func (l *loader) endGroup() {
	l.endMember()
	if len(l.members) > 0 {
		slices.Sort(l.members)
		s := l.s
		down := &s.groups.down[l.slot-firstGroup]
		if *down == 0 {
			*down = s.links.of(l.members)
		} else {
			for _, m := range l.members {
				*down, _ = s.links.add(*down, m)
			}
		}
		s.members += len(l.members)
		for _, m := range l.members {
			up := &s.users.up[m-firstUser]
			*up, _ = s.links.add(*up, l.slot)
		}
	}
	l.members = l.members[:0]
}

func (l *loader) addNestings(list []directory.Nesting) {
	rows := map[edge]spans{}
	for _, n := range list {
		parent, ok1 := l.s.groups.slotOf(int64(n.Parent))
		child, ok2 := l.s.groups.slotOf(int64(n.Child))
		if ok1 && ok2 {
			e := edge{parent, child}
			rows[e] = append(rows[e], spanOf(n.Starts, n.Ends))
		}
	}
	for e, r := range rows {
		l.s.setEdge(e, r, l.now)
	}
}

// mailbag holds all addresses in few allocations, in the order of users.
type mailbag struct {
	users []directory.UserID
	ends  []uint32 // of each address in text; the first octet tells whether it is primary
	text  []byte
	at    int
}

func (m *mailbag) read(r *directory.Reader) error {
	for e, err := range r.Emails(directory.EmailQuery{}) {
		if err != nil {
			return fmt.Errorf("read addresses: %w", err)
		}
		primary := byte(0)
		if e.Primary {
			primary = 1
		}
		m.users = append(m.users, e.User)
		m.text = append(append(m.text, primary), e.Address...)
		m.ends = append(m.ends, uint32(len(m.text)))
	}
	return nil
}

// of returns the addresses of a user. Users are asked for in ascending order.
func (m *mailbag) of(id directory.UserID) []directory.Email {
	for m.at < len(m.users) && m.users[m.at] < id {
		m.at++
	}
	var list []directory.Email
	for ; m.at < len(m.users) && m.users[m.at] == id; m.at++ {
		from := uint32(0)
		if m.at > 0 {
			from = m.ends[m.at-1]
		}
		list = append(list, directory.Email{Address: string(m.text[from+1 : m.ends[m.at]]), Primary: m.text[from] == 1})
	}
	return list
}
