package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
)

// ErrNotReady means that the directory has not been loaded completely yet.
var ErrNotReady = errors.New("the directory is still being loaded")

// NoSuchObjectError means that no entry that the viewer may know has this name. Matched is the DN of the nearest entry
// above it, "" when there is none (RFC 4511 §4.1.9, matchedDN).
type NoSuchObjectError struct{ Matched string }

func (e *NoSuchObjectError) Error() string { return "no such entry" }

// Config is what an Index is made of. Directory, Domain and Logger are required.
type Config struct {
	Directory  *directory.Directory
	Domain     string // example.com has the base dc=example,dc=com
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // for memberships with a start or an end; nil: the directory's clock
}

// Index is the projection of one directory. Make it with New and fill it with Run.
type Index struct {
	c     Config
	attrs *attributes
	tree  *tree
	m     *metrics

	state atomic.Pointer[state] // nil before the first complete load
	stale atomic.Int64          // since when the database has not answered, in microseconds; 0 while it does
	bytes atomic.Int64          // of the state, as last measured

	measured time.Time // when; of the goroutine of Run

	mu     sync.Mutex
	head   directory.Head // applied
	loaded time.Time
	moved  chan struct{} // closed when head moves
}

// New returns an Index that is empty until Run has loaded it.
func New(c Config) (*Index, error) {
	if c.Directory == nil || c.Logger == nil {
		return nil, errors.New("projection: Directory and Logger are required")
	}
	if c.Now == nil {
		c.Now = c.Directory.Now
	}
	x := &Index{c: c, moved: make(chan struct{})}
	var err error
	if x.tree, err = newTree(c.Domain); err != nil {
		return nil, fmt.Errorf("projection: %w", err)
	}
	if x.attrs, err = newAttributes(); err != nil {
		return nil, fmt.Errorf("projection: %w", err)
	}
	if x.m, err = newMetrics(x, c.Registerer); err != nil {
		return nil, fmt.Errorf("projection: register metrics: %w", err)
	}
	return x, nil
}

// current returns the state to answer from, with timed memberships as of now.
func (x *Index) current() (*state, error) {
	s := x.state.Load()
	if s == nil {
		return nil, ErrNotReady
	}
	s.advance(x.c.Now())
	return s, nil
}

// Ready reports whether the first load is complete.
func (x *Index) Ready() bool { return x.state.Load() != nil }

// Seq returns the position of the change feed that searches see at least; 0 before the first load.
func (x *Index) Seq() directory.Seq {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.head.Seq
}

// Wait returns when searches see every change up to seq, or with the error of ctx.
func (x *Index) Wait(ctx context.Context, seq directory.Seq) error {
	for {
		x.mu.Lock()
		head, moved := x.head, x.moved
		x.mu.Unlock()
		if head.Seq >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reached tells those who wait that searches see the changes up to head.
func (x *Index) reached(head directory.Head) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.head = head
	close(x.moved)
	x.moved = make(chan struct{})
}

// Stats is what there is to say about an Index in cn=monitor.
type Stats struct {
	Ready      bool
	Head       directory.Head // applied
	Loaded     time.Time      // when the state that is served was loaded from a snapshot
	StaleSince time.Time      // since when the database has not answered; zero while it does
	Users      int
	Services   int
	Groups     int
	Members    int // direct memberships in force
	Bytes      int // memory of entries and indexes, about
}

// Stats returns the numbers of now.
func (x *Index) Stats() Stats {
	st := Stats{Bytes: int(x.bytes.Load())}
	if since := x.stale.Load(); since != 0 {
		st.StaleSince = time.UnixMicro(since).UTC()
	}
	x.mu.Lock()
	st.Head, st.Loaded = x.head, x.loaded
	x.mu.Unlock()
	s := x.state.Load()
	if s == nil {
		return st
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	st.Ready = true
	st.Users, st.Services, st.Groups = s.count[kindPerson], s.count[kindService], s.count[kindGroup]
	st.Members = s.members
	return st
}
