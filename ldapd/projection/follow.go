package projection

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
	beatEvery  = time.Second
	// lateMost is how many stragglers a state puts up with before everything is numbered anew.
	lateMost = 20_000
	// measureEvery is how often the memory is measured while changes come in.
	measureEvery = time.Minute
)

// errReload means that changes cannot be applied to this state: another one must be loaded.
var errReload = errors.New("load the directory again")

// Run loads the directory and follows its changes until ctx ends; then it returns nil. A lost database is waited for,
// and what was loaded is served meanwhile. When the feed was cut off, or a backup was restored, the directory is loaded
// again beside the state that is served.
func (x *Index) Run(ctx context.Context) error {
	var beat sync.WaitGroup
	defer beat.Wait()
	beat.Go(func() { x.beat(ctx) })
	for wait := retryFirst; ctx.Err() == nil; {
		began := x.c.Now()
		s, head, err := x.load(ctx)
		if err != nil {
			if ctx.Err() == nil {
				x.lost(ctx, err)
				pause(ctx, wait)
				wait = min(2*wait, retryMost)
			}
			continue
		}
		wait = retryFirst
		x.serve(ctx, s, head, began)
		for err = nil; err == nil && ctx.Err() == nil; {
			head, err = x.follow(ctx, s, head)
		}
		if ctx.Err() == nil {
			x.c.Logger.WarnContext(ctx, "ldap projection is loaded again", "because", err)
		}
	}
	return nil
}

// serve makes a loaded state the one that questions are answered from.
func (x *Index) serve(ctx context.Context, s *state, head directory.Head, began time.Time) {
	took := x.c.Now().Sub(began)
	x.measure(s)
	x.state.Store(s)
	x.mu.Lock()
	x.loaded = began
	x.mu.Unlock()
	x.stale.Store(0)
	x.reached(head)
	x.m.loads.Inc()
	x.m.loading.Set(took.Seconds())
	st := x.Stats()
	x.c.Logger.InfoContext(ctx, "ldap projection loaded", "users", st.Users, "services", st.Services, "groups", st.Groups,
		"memberships", st.Members, "bytes", st.Bytes, "took", took, "seq", int64(head.Seq))
}

// measure notes how much memory a state takes.
func (x *Index) measure(s *state) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	x.bytes.Store(int64(s.bytes()))
	x.measured = x.c.Now()
}

// follow waits for changes after head and applies them. The error says why the directory must be loaded again.
func (x *Index) follow(ctx context.Context, s *state, head directory.Head) (directory.Head, error) {
	changes, err := x.take(ctx, head)
	if err != nil || len(changes) == 0 {
		return head, err
	}
	w := newWork(s, x.c.Now)
	if !w.plan(changes) {
		return head, errReload
	}
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := x.c.Directory.Read(ctx, directory.System("ldapd"), w.read)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return head, nil
		}
		x.lost(ctx, err)
		pause(ctx, wait)
	}
	w.apply(newBuilder(x.attrs))
	head.Seq = changes[len(changes)-1].Seq
	x.reached(head)
	x.m.changes.Add(float64(len(changes)))
	x.m.lag.Observe(max(0, x.c.Now().Sub(changes[0].At).Seconds()))
	if x.c.Now().Sub(x.measured) >= measureEvery {
		x.measure(s)
	}
	if len(s.users.late)+len(s.groups.late) > lateMost {
		return head, errReload
	}
	return head, nil
}

// take waits for changes and returns all that are there, in whole transactions.
//
// Follow reads transactions in bulk and yields what it has read before it looks at its context again. So the context is
// ended with the first change: the rest of the bulk still comes, and then the iteration ends instead of waiting.
func (x *Index) take(ctx context.Context, from directory.Head) ([]directory.Change, error) {
	bulk, enough := context.WithCancel(ctx)
	defer enough()
	var changes []directory.Change
	for c, err := range x.c.Directory.Follow(bulk, from) {
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
		enough()
	}
	return changes, nil
}

// beat looks once a second whether the database answers, so that it is known since when answers may be old.
func (x *Index) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		switch err := x.c.Directory.Ready(ctx); {
		case err == nil:
			if since := x.stale.Swap(0); since != 0 && x.Ready() {
				x.c.Logger.InfoContext(ctx, "ldap projection is fresh again", "stale_since", time.UnixMicro(since).UTC())
			}
		case ctx.Err() == nil:
			x.lost(ctx, err)
		}
	}
}

// lost notes, and logs once, that the database does not answer.
func (x *Index) lost(ctx context.Context, err error) {
	if x.stale.CompareAndSwap(0, x.c.Now().UnixMicro()) {
		x.c.Logger.WarnContext(ctx, "ldap projection cannot read the directory; searches are answered from what was loaded", "err", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
