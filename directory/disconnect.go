package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gatehouse/directory/schema"
)

// presumedFor is how long a session that is only presumed to have ended is still
// ended at its NAS: what was inferred may be wrong, or somebody's doing.
const presumedFor = 24 * time.Hour

// instanceFirst is how long only the instance that answered the NAS ends a session.
const instanceFirst = time.Second

// DisconnectOutcome is what came of the wish to end a network session.
type DisconnectOutcome string

// The outcomes.
const (
	DisconnectAcknowledged DisconnectOutcome = "acknowledged" // the NAS has ended it
	DisconnectNotFound     DisconnectOutcome = "not_found"    // the NAS has no such session
	DisconnectRefused      DisconnectOutcome = "refused"      // the NAS will not
	DisconnectSilent       DisconnectOutcome = "silent"       // the NAS does not answer
	DisconnectNoAddress    DisconnectOutcome = "no_address"   // the NAS takes no such requests
)

// Final reports whether the session is over, as far as its NAS can tell.
func (o DisconnectOutcome) Final() bool {
	return o == DisconnectAcknowledged || o == DisconnectNotFound
}

// Gone reports whether the end of the session is more than an inference: its NAS has
// said so.
func (s *RADIUSSession) Gone() bool {
	return s.State == RADIUSEnded || s.State == RADIUSPresumedEnded && s.Disconnect.Final()
}

// verbDisconnect is the verb of what a NAS answered, in the audit.
const verbDisconnect = "sessions.disconnect"

// Disconnect is the payload of a JobDisconnect.
type Disconnect struct {
	Session int64  `json:"session"`
	Why     string `json:"why"` // for the audit
}

// ToldSession is a network session that its NAS is told to end.
type ToldSession struct {
	Session int64
	Client  string // name of the RADIUS client
}

// WaitingSession is a network session that cannot be ended from here.
type WaitingSession struct {
	Client string    // name of the RADIUS client
	Device string    // Calling-Station-Id
	Until  time.Time // the NAS asks again at the latest then, and hears no
}

// LiveNetworkSessions selects what may still be open at its NAS at t.
func LiveNetworkSessions(t time.Time) RADIUSSessionQuery {
	return RADIUSSessionQuery{LiveAfter: t.Add(-presumedFor)}
}

// disconnectUser queues a Disconnect for whatever the user may have open, and
// says in the report what that was.
func (w *Writer) disconnectUser(id UserID, why string, r *LockdownReport) error {
	q := LiveNetworkSessions(w.now)
	q.User = id
	open, err := all(w.tx.Network.Find(q))
	open = slices.DeleteFunc(open, func(s RADIUSSession) bool { return s.Gone() })
	if err != nil || len(open) == 0 {
		return err
	}
	for i := range open {
		if err := w.disconnect(&open[i], why); err != nil {
			return err
		}
	}
	r.Told, r.Waiting, err = w.sort(open)
	return err
}

// disconnect queues the end of one session, at once even when an earlier wish to
// end it waits for its next try. The job's key is the Writer's own: Writers follow
// each other, so it cannot be taken in the same moment.
func (w *Writer) disconnect(s *RADIUSSession, why string) error {
	key := disconnectKey(s.ID, "write")
	queued, found, err := one(w.tx.Jobs.Take(JobQuery{Key: key}))
	switch {
	case err != nil:
		return err
	case found && !w.now.Before(queued.RunAt):
		return nil
	case found:
		queued.RunAt = w.now
		return w.tx.Jobs.Update(queued)
	}
	job, err := w.d.disconnectJob(s, key, why, w.now)
	if err != nil {
		return err
	}
	return w.tx.Jobs.Insert(job)
}

func disconnectKey(session int64, by string) string {
	return JobDisconnect + ":" + strconv.FormatInt(session, 10) + ":" + by
}

// disconnectJob makes the job that ends a session: for a moment it belongs to the
// instance that the NAS talks to.
func (d *Directory) disconnectJob(s *RADIUSSession, key, why string, now time.Time) (Job, error) {
	payload, err := json.Marshal(Disconnect{Session: s.ID, Why: why})
	if err != nil {
		return Job{}, fmt.Errorf("encode the job that ends a session: %w", err)
	}
	return d.newJob(NewJob{
		Kind: JobDisconnect, Key: key, Payload: payload, RunAt: now, ReservedFor: s.Instance, Reserve: instanceFirst,
	}, now)
}

// sort tells sessions whose client takes Disconnect-Requests from the others.
func (w *Writer) sort(open []RADIUSSession) (told []ToldSession, waiting []WaitingSession, err error) {
	var ids []RADIUSClientID
	for i := range open {
		ids = append(ids, open[i].Client)
	}
	slices.Sort(ids)
	clients := map[RADIUSClientID]RADIUSClient{}
	for c, err := range w.tx.Clients.Find(RADIUSClientQuery{IDs: slices.Compact(ids)}) {
		if err != nil {
			return nil, nil, err
		}
		clients[c.ID] = c
	}
	for i := range open {
		s := &open[i]
		c := clients[s.Client]
		listens, err := c.listens()
		switch {
		case err != nil:
			return nil, nil, err
		case listens:
			told = append(told, ToldSession{Session: s.ID, Client: c.Name})
		default:
			waiting = append(waiting, WaitingSession{Client: c.Name, Device: s.CallingStationID, Until: s.Expires})
		}
	}
	return told, waiting, nil
}

// listens reports whether the client can be told to end a session: on its own
// connection, or at an address, for which it needs a secret.
func (c *RADIUSClient) listens() (bool, error) {
	if len(c.Config) == 0 {
		return false, nil
	}
	var config schema.RADIUSClient
	if err := json.Unmarshal(c.Config, &config); err != nil {
		return false, fmt.Errorf("read the configuration of RADIUS client %s: %w", c.Name, err)
	}
	return config.CoA.Via != "" || config.CoA.Address != "" && len(c.Secrets[0])+len(c.Secrets[1]) > 0, nil
}

// EndNetworkSession asks for the end of one network session of a user. NotFound:
// the user has none by this id that may still be open.
func (w *Writer) EndNetworkSession(user UserID, session int64, why string) (LockdownReport, error) {
	r := LockdownReport{}
	if err := w.require(VerbEndSession, user); err != nil {
		return r, err
	}
	u, err := w.User(user)
	if err != nil {
		return r, err
	}
	q := LiveNetworkSessions(w.now)
	q.User, q.IDs = user, []int64{session}
	open, err := all(w.tx.Network.Find(q))
	if err != nil {
		return r, err
	}
	if len(open) == 0 {
		return r, notFound("network session", strconv.FormatInt(session, 10))
	}
	r.User = u
	if err := w.disconnect(&open[0], why); err != nil {
		return r, err
	}
	if r.Told, r.Waiting, err = w.sort(open); err != nil {
		return r, err
	}
	return r, w.audit(VerbEndSession, u.touched(), map[string]any{
		"session": rowName(session), "client": rowName(int64(open[0].Client)), "device": open[0].CallingStationID, "reason": why,
	})
}

// NetworkSessionEnd is a session that radiusd has found to stand no longer.
type NetworkSessionEnd struct {
	Session int64
	Why     string
}

// EndNetworkSessions queues a Disconnect for each session that may still be open
// and for which none was tried since it was alive.
func (d *Directory) EndNetworkSessions(ctx context.Context, ends []NetworkSessionEnd) error {
	const tries = 3
	var err error
	for range tries {
		// Another instance may have seen the same and be faster.
		if err = d.endNetworkSessions(ctx, ends); !Is(err, Exists) {
			return err
		}
	}
	return err
}

func (d *Directory) endNetworkSessions(ctx context.Context, ends []NetworkSessionEnd) error {
	why := make(map[int64]string, len(ends))
	ids := make([]int64, 0, len(ends))
	for _, e := range ends {
		why[e.Session] = e.Why
		ids = append(ids, e.Session)
	}
	return d.store.Record(ctx, func(tx *Tx) error {
		now := d.now()
		q := LiveNetworkSessions(now)
		q.IDs = ids
		open, err := all(tx.Network.Take(q))
		if err != nil {
			return err
		}
		for i := range open {
			s := &open[i]
			if s.Disconnect != "" {
				continue
			}
			if err := d.endOne(tx, s, why[s.ID], now); err != nil {
				return err
			}
		}
		return nil
	})
}

// endOne queues the end of a session inside a Record, unless that was done.
func (d *Directory) endOne(tx *Tx, s *RADIUSSession, why string, now time.Time) error {
	key := disconnectKey(s.ID, "review")
	for _, k := range []string{key, disconnectKey(s.ID, "write")} {
		if _, queued, err := one(tx.Jobs.Find(JobQuery{Key: k})); err != nil || queued {
			return err
		}
	}
	job, err := d.disconnectJob(s, key, why, now)
	if err != nil {
		return err
	}
	if err := tx.Jobs.Insert(job); err != nil {
		return err
	}
	s.Until = time.Time{} // the clock has nothing more to say
	return tx.Network.Update(*s)
}

// DisconnectResult is what one try to end a session came to.
type DisconnectResult struct {
	Outcome DisconnectOutcome
	Detail  map[string]string // for the audit: address, Error-Cause …
	Again   time.Duration     // until the next try; 0: there is none, the job is done
}

// Disconnected records what a try of j to end its session came to, and audits it,
// the same outcome of one job once. Stale: the lease of j was lost.
func (d *Directory) Disconnected(ctx context.Context, j Job, r DisconnectResult) error {
	var payload Disconnect
	if err := json.Unmarshal(j.Payload, &payload); err != nil {
		return fmt.Errorf("read the payload of job %d: %w", j.ID, err)
	}
	return d.leased(ctx, j, func(tx *Tx, row Job) error {
		s, found, err := one(tx.Network.Take(RADIUSSessionQuery{IDs: []int64{payload.Session}}))
		if err != nil {
			return err
		}
		known := row.LastError == string(r.Outcome) || r.Outcome == DisconnectNotFound && s.Disconnect.Final()
		if found && !known {
			if err := d.recordDisconnect(tx, &s, payload.Why, r); err != nil {
				return err
			}
		}
		if r.Again == 0 || !found {
			_, err := tx.Jobs.Delete(JobQuery{IDs: []JobID{row.ID}})
			return err
		}
		row.LeaseOwner, row.LeaseUntil, row.RunAt, row.LastError = "", time.Time{}, d.now().Add(r.Again), string(r.Outcome)
		return tx.Jobs.Update(row)
	})
}

// recordDisconnect writes an outcome into the session and the audit. Only a Stop
// of the NAS ends a session for good, so what it acknowledges is presumed.
func (d *Directory) recordDisconnect(tx *Tx, s *RADIUSSession, why string, r DisconnectResult) error {
	now := d.now()
	s.Disconnect = r.Outcome
	if r.Outcome.Final() && (s.State == RADIUSAccepted || s.State == RADIUSStarted) {
		s.State, s.Ended, s.TerminateCause = RADIUSPresumedEnded, now, "Disconnected"
	}
	if err := tx.Network.Update(*s); err != nil {
		return err
	}
	detail := map[string]string{"session": rowName(s.ID), "device": s.CallingStationID, "why": why}
	for k, v := range r.Detail {
		detail[k] = v
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("encode an audit event: %w", err)
	}
	by := System(d.config.Daemon)
	return tx.Events.Insert(Event{
		At: now, Actor: by.auditName(), Via: by.Via, Verb: verbDisconnect, Entity: entityOf(Person), Ref: int64(s.User),
		Name: s.Username, Outcome: string(r.Outcome), Count: 1, Detail: b,
	})
}
