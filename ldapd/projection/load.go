package projection

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	loadBatch = 512
	// loadLarge is from how many entries on the garbage of a load is worth a collection at once.
	loadLarge = 50_000
)

// load reads the whole directory as of one position of the feed into a new state.
//
// Entries are read in one transaction. Memberships are most of the rows and are read beside it in another; when the two
// do not see the same position they are read again in the first.
func (x *Index) load(ctx context.Context) (*state, directory.Head, error) {
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLoader(newState(x.attrs, x.tree), x.c.Now().UnixMicro())
	var beside links
	read := make(chan error, 1)
	reading.Go(func() { read <- x.c.Directory.Read(ctx, directory.System("ldapd"), beside.read) })
	var head directory.Head
	err := x.c.Directory.Read(ctx, directory.System("ldapd"), func(r *directory.Reader) (err error) {
		if head, err = r.Head(); err != nil {
			return err
		}
		if err = l.readSamba(r); err != nil {
			return err
		}
		if err = l.readEntries(r); err != nil {
			return err
		}
		if l.apps, err = readApps(r, nil); err != nil {
			return err
		}
		if err = <-read; err == nil && beside.head == head {
			return nil
		}
		return beside.read(r)
	})
	if err != nil {
		return nil, head, fmt.Errorf("load the directory: %w", err)
	}
	l.link(&beside)
	beside = links{}
	for id, row := range l.apps {
		l.s.setView(id, row)
	}
	large := len(l.s.users.refs)+len(l.s.groups.refs) >= loadLarge
	l.s.fit()
	if large {
		// A load leaves more garbage than it keeps. The runtime would give it back only when the heap has doubled.
		debug.FreeOSMemory()
	}
	return l.s, head, nil
}

// loader reads rows in one goroutine and puts them into the state in another.
type loader struct {
	s    *state
	b    *builder
	bulk bulk
	now  int64

	numbers map[[16]byte]uint32
	mails   mailbag
	secrets passwords
	apps    map[directory.AppID]*appRow
}

func newLoader(s *state, now int64) *loader {
	return &loader{s: s, b: newBuilder(s.attrs), bulk: bulk{s: s}, now: now}
}

// readSamba reads what there is for Samba servers.
func (l *loader) readSamba(r *directory.Reader) error {
	if err := l.s.readDomain(r); err != nil {
		return err
	}
	l.b.domain, l.b.samba = l.s.sid != "", map[directory.UserID]sambaPassword{}
	return readSambaPasswords(r, nil, l.b.samba)
}

// portion is rows on their way into the state.
type portion struct {
	users     []directory.User
	passwords []directory.PasswordState // of users, in their order
	groups    []directory.Group
}

// readEntries reads users and groups.
func (l *loader) readEntries(r *directory.Reader) error {
	if err := l.readNumbers(r); err != nil {
		return err
	}
	if err := l.mails.read(r); err != nil {
		return err
	}
	if err := l.secrets.read(r); err != nil {
		return err
	}
	portions := make(chan portion, 8)
	var putting sync.WaitGroup
	putting.Go(func() {
		for p := range portions {
			l.put(&p)
		}
		l.bulk.finish()
	})
	err := l.send(r, portions)
	close(portions)
	putting.Wait()
	return err
}

// readNumbers reads the posix numbers that somebody has.
func (l *loader) readNumbers(r *directory.Reader) error {
	l.numbers = map[[16]byte]uint32{}
	for p, err := range r.Snapshot().PosixIDs() {
		if err != nil {
			return fmt.Errorf("read posix numbers: %w", err)
		}
		if id, ok := parseUUID(p.OwnerUID); ok && p.Number > 0 && p.Number <= 1<<32-1 {
			l.numbers[id] = uint32(p.Number)
		}
	}
	return nil
}

func (l *loader) number(uid string) int64 {
	id, _ := parseUUID(uid)
	return int64(l.numbers[id])
}

// send reads users and groups, each in the order of ids.
func (l *loader) send(r *directory.Reader, to chan<- portion) error {
	batch, states := make([]directory.User, 0, loadBatch), make([]directory.PasswordState, 0, loadBatch)
	for u, err := range r.Snapshot().Users() {
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		u.Emails = l.mails.of(u.ID)
		u.UIDNumber = l.number(u.UID)
		states = append(states, l.secrets.of(u.ID))
		if batch = append(batch, u); len(batch) == loadBatch {
			to <- portion{users: batch, passwords: states}
			batch, states = make([]directory.User, 0, loadBatch), make([]directory.PasswordState, 0, loadBatch)
		}
	}
	to <- portion{users: batch, passwords: states}
	l.mails, l.secrets = mailbag{}, passwords{}
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
	return nil
}

func (l *loader) put(p *portion) {
	for i := range p.users {
		u := &p.users[i]
		l.bulk.load(&l.s.users, int64(u.ID), l.b.user(u, p.passwords[i]))
	}
	for i := range p.groups {
		g := &p.groups[i]
		l.bulk.load(&l.s.groups, int64(g.ID), l.b.groupRecord(g))
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
	for e, err := range r.Snapshot().Emails() {
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

// passwords holds the state of all passwords, in the order of users.
type passwords struct {
	rows []passwordRow
	at   int
}

type passwordRow struct {
	user    directory.UserID
	changed uint32 // in seconds
	reset   bool
}

func (p *passwords) read(r *directory.Reader) error {
	for one, err := range r.Passwords(nil) {
		if err != nil {
			return fmt.Errorf("read passwords: %w", err)
		}
		p.rows = append(p.rows, passwordRow{one.User, uint32(max(0, one.Changed.Unix())), one.MustChange})
	}
	return nil
}

// of returns the state of a user's password. Users are asked for in ascending order.
func (p *passwords) of(id directory.UserID) directory.PasswordState {
	for p.at < len(p.rows) && p.rows[p.at].user < id {
		p.at++
	}
	if p.at == len(p.rows) || p.rows[p.at].user != id {
		return directory.PasswordState{}
	}
	row := p.rows[p.at]
	return directory.PasswordState{User: id, Changed: time.Unix(int64(row.changed), 0), MustChange: row.reset}
}
