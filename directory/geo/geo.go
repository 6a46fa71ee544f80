package geo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// Place is where an address is. A zero field is not known; Why says why one may
// not be.
type Place struct {
	Country string // ISO 3166-1 alpha-2
	City    string // its name in English
	ASN     uint   // of the autonomous system
	Why     string
}

// Databases answers from some files. The first that knows a field tells it.
type Databases struct {
	log      *slog.Logger
	files    []*file
	failures atomic.Int64
}

// file is one that is followed.
type file struct {
	path  string
	state atomic.Pointer[state]

	// Of refresh alone.
	seen stamp // at the last look
	done stamp // of the content that was loaded or refused; zero: neither
}

// state is what a file answers with, and what is wrong with its newest content.
type state struct {
	db      *database
	problem string
}

// Open loads the files, of which there may be none.
func Open(paths []string, log *slog.Logger) (*Databases, error) {
	d := &Databases{log: log}
	var errs []error
	for _, path := range paths {
		db, s, err := load(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("GeoIP database %s: %w", path, err))
			continue
		}
		f := &file{path: path, seen: s, done: s}
		f.state.Store(&state{db: db})
		d.files = append(d.files, f)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

// Locate says where an address is. It never fails: a record that cannot be read
// counts in Failures, is logged once for each content of a file, and says nothing.
func (d *Databases) Locate(ip netip.Addr) Place {
	if len(d.files) == 0 {
		return Place{Why: "there is no GeoIP database"}
	}
	ip = ip.Unmap().WithZone("")
	if why := nowhere(ip); why != "" {
		return Place{Why: why}
	}
	p := Place{Why: "the GeoIP databases do not say it of " + ip.String()}
	for _, f := range d.files {
		db := f.state.Load().db
		r, err := db.find(ip)
		if err != nil {
			d.failures.Add(1)
			db.complain.Do(func() {
				d.log.Error("a GeoIP record cannot be read; the address has no place", "file", f.path, "err", err)
			})
			continue
		}
		p.add(&r)
	}
	return p
}

func (p *Place) add(r *record) {
	if p.Country == "" {
		p.Country = r.country()
	}
	if p.City == "" {
		p.City = r.City.Names.English
	}
	if p.ASN == 0 {
		p.ASN = r.ASN
	}
}

// Failures returns how many records could not be read.
func (d *Databases) Failures() int64 { return d.failures.Load() }

// File is what is known of a file.
type File struct {
	Path    string
	Kind    string    // what it calls itself: "GeoLite2-Country"
	Built   time.Time // when its maker made it
	Holds   []string  // of country, city and asn
	Problem string    // why its newest content is not used; empty: it is
}

// Files returns what is in use, in the order of Open.
func (d *Databases) Files() []File {
	out := make([]File, len(d.files))
	for i, f := range d.files {
		s := f.state.Load()
		out[i] = File{Path: f.path, Kind: s.db.kind, Built: s.db.built, Holds: s.db.holds, Problem: s.problem}
	}
	return out
}

// Follow looks at the files at each tick until ctx ends, and takes over what has
// changed. One goroutine may follow.
func (d *Databases) Follow(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-tick:
			d.refresh()
		case <-ctx.Done():
			return
		}
	}
}

func (d *Databases) refresh() {
	for _, f := range d.files {
		d.renew(f)
	}
}

// renew takes over a file that has changed and is the same at two ticks, so
// that one which is being written is not taken for a damaged one. Content that
// cannot be used leaves the old one in force.
func (d *Databases) renew(f *file) {
	now, err := look(f.path)
	if err != nil {
		f.seen, f.done = stamp{}, stamp{} // what comes back is loaded, even the same
		d.refuse(f, err)
		return
	}
	settled := now == f.seen
	f.seen = now
	if !settled || now == f.done {
		return
	}
	db, s, err := load(f.path)
	f.done = s
	if err != nil {
		d.refuse(f, err)
		return
	}
	f.state.Store(&state{db: db})
	d.log.Info("GeoIP database loaded", "file", f.path, "type", db.kind, "built", db.built)
}

// refuse notes why a file's content is not used, and logs each reason once.
func (d *Databases) refuse(f *file, why error) {
	old := f.state.Load()
	if old.problem == why.Error() {
		return
	}
	f.state.Store(&state{db: old.db, problem: why.Error()})
	d.log.Error("the new content of a GeoIP database cannot be used; the old one stays in use", "file", f.path, "err", why)
}
