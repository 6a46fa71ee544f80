package radiusd

import (
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	// recentFor is how long a device that signs in again on the same port keeps
	// its session instead of getting a new one.
	recentFor = 5 * time.Minute
	// recentMax bounds each of the two generations that are kept.
	recentMax = 32_768
)

// place is who is connected where: what makes two Access-Accepts one session.
type place struct {
	client         directory.RADIUSClientID
	user           directory.UserID
	epoch          int64
	calling        string
	called         string
	nasIP, nasPort string
	terms          string
	until          int64
}

func placeOf(s *directory.RADIUSSession) place {
	return place{
		client: s.Client, user: s.User, epoch: s.Epoch, calling: s.CallingStationID, called: s.CalledStationID,
		nasIP: s.NASIP, nasPort: s.NASPort, terms: s.Terms, until: s.Until.UnixMicro(),
	}
}

// recent remembers the sessions that were stored lately, so that a device that
// flaps, or a NAS that asks for the same person again and again, does not fill
// the table. It is safe for concurrent use.
type recent struct {
	mu         sync.Mutex
	young, old map[place]stored
	places     map[int64]place // of young and old
}

type stored struct {
	id    int64
	class string // value of Class
	at    time.Time
}

func newRecent() *recent {
	return &recent{young: map[place]stored{}, old: map[place]stored{}, places: map[int64]place{}}
}

// find returns the session that is open at p.
func (r *recent) find(p place, now time.Time) (stored, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.young[p]
	if !ok {
		s, ok = r.old[p]
	}
	return s, ok && now.Sub(s.at) < recentFor
}

// add remembers a session that was stored, and its Class.
func (r *recent) add(s *directory.RADIUSSession, class string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= recentMax {
		for _, gone := range r.old {
			delete(r.places, gone.id)
		}
		r.old, r.young = r.young, make(map[place]stored, recentMax)
	}
	p := placeOf(s)
	for _, generation := range []map[place]stored{r.young, r.old} {
		if before, ok := generation[p]; ok {
			delete(generation, p)
			delete(r.places, before.id)
		}
	}
	r.young[p] = stored{s.ID, class, s.Accepted}
	r.places[s.ID] = p
}

// forget drops a session that has ended: the next Access-Accept begins a new one.
func (r *recent) forget(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.places[id]
	if !ok {
		return
	}
	delete(r.places, id)
	for _, generation := range []map[place]stored{r.young, r.old} {
		if generation[p].id == id {
			delete(generation, p)
		}
	}
}
