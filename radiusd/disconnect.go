package radiusd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

const (
	// jobPoll is how often jobs are looked for; the change feed rings earlier.
	jobPoll = 200 * time.Millisecond
	// disconnectsAtOnce is how many requests are under way at once, and
	// disconnectsPerNAS how many of them to one NAS: one that is silent does not
	// hold up the others.
	disconnectsAtOnce = 128
	disconnectsPerNAS = 32
	// renewEvery keeps the lease of a job, which lasts 5 s.
	renewEvery = 2 * time.Second
	// triedFor is how long a NAS that does not answer is tried, at most.
	triedFor = 24 * time.Hour
	// crowdedMost is the longest wait of a job for its turn at one NAS.
	crowdedMost = 5 * time.Minute
)

// disconnector ends sessions at their NAS, as jobs ask for it.
type disconnector struct {
	server *Server
	table  timetable
	kick   chan struct{}
	slots  chan struct{}

	mu    sync.Mutex
	lanes map[netip.AddrPort]*nasLane
}

// nasLane is what is under way to one NAS.
type nasLane struct {
	running int
	next    time.Time // turn of the next job that finds no room
}

func newDisconnector(s *Server) *disconnector {
	return &disconnector{
		server: s, table: defaultTimetable(), kick: make(chan struct{}, 1), slots: make(chan struct{}, disconnectsAtOnce),
		lanes: map[netip.AddrPort]*nasLane{},
	}
}

// ring says that there may be new jobs.
func (d *disconnector) ring() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// run works on jobs until ctx ends; what is under way then is given back.
func (d *disconnector) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	tick := time.NewTicker(jobPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-d.kick:
		case <-ctx.Done():
			return
		}
		free := cap(d.slots) - len(d.slots)
		if free == 0 || !d.server.clients.loaded() {
			continue
		}
		jobs, err := d.server.directory.ClaimJobs(ctx, []string{directory.JobDisconnect}, free)
		if err != nil && ctx.Err() == nil {
			d.server.undecided.warn(ctx, "jobs that end sessions could not be read", slog.Any("err", err))
		}
		for _, j := range jobs {
			d.slots <- struct{}{}
			working.Go(func() {
				defer func() { <-d.slots }()
				defer d.recovered(ctx, j)
				d.work(ctx, j)
			})
		}
	}
}

// recovered ends a panic: one bad job ends nothing but its try. Its lease runs out.
func (d *disconnector) recovered(ctx context.Context, j directory.Job) {
	if v := recover(); v != nil {
		d.server.log.LogAttrs(ctx, slog.LevelError, "a job panicked", slog.Int64("job", int64(j.ID)), slog.Any("panic", v),
			slog.String("stack", string(debug.Stack())))
	}
}

// work does one job.
func (d *disconnector) work(ctx context.Context, j directory.Job) {
	result, err := d.try(ctx, j)
	// The outcome is kept also when the server is about to stop.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	switch {
	case errors.Is(err, errOver):
		err = d.server.directory.FinishJob(within, j)
	case ctx.Err() != nil && result.Outcome == "":
		err = d.server.directory.RetryJob(within, j, 0, j.LastError)
	case err != nil:
		d.server.log.LogAttrs(ctx, slog.LevelWarn, "a session could not be ended; trying again", slog.Int64("job", int64(j.ID)), slog.Any("err", err))
		err = d.server.directory.RetryJob(within, j, backOff(j.Attempts), j.LastError)
	case result.Outcome == "":
		err = d.server.directory.RetryJob(within, j, result.Again, j.LastError)
	default:
		d.server.transport.metrics.disconnects[result.Outcome].Inc()
		if result.Again == 0 && result.Outcome != directory.DisconnectNoAddress {
			d.server.transport.metrics.disconnectSeconds.Observe(d.server.now().Sub(j.Created).Seconds())
		}
		err = d.server.directory.Disconnected(within, j, result)
	}
	if err != nil && !directory.Is(err, directory.Stale) {
		d.server.log.LogAttrs(ctx, slog.LevelWarn, "what became of a session could not be stored", slog.Int64("job", int64(j.ID)), slog.Any("err", err))
	}
}

// errOver means that there is nothing left to end.
var errOver = errors.New("the session is over")

// try asks the NAS to end the session of a job. A result without an outcome means:
// it is not this job's turn yet.
func (d *disconnector) try(ctx context.Context, j directory.Job) (directory.DisconnectResult, error) {
	var result directory.DisconnectResult
	row, err := d.session(ctx, j)
	if err != nil {
		return result, err
	}
	// Whoever comes back on this port begins a new session.
	d.server.recent.forget(row.ID)
	c := d.server.clients.get(row.Client)
	ways := d.ways(row, c)
	if len(ways) == 0 {
		if c != nil && c.coa.Via != "" {
			result = d.silence(j, row, errNotConnected)
			result.Detail["client"] = c.name
		} else {
			result.Outcome, result.Detail = directory.DisconnectNoAddress, map[string]string{"until": row.Expires.UTC().Format(time.RFC3339)}
		}
		d.log(ctx, row, c, result)
		return result, nil
	}
	if wait := d.enter(ways[0].nas); wait > 0 {
		result.Again = wait
		return result, nil
	}
	defer d.leave(ways[0].nas)
	result, nas, err := d.ask(ctx, j, row, c, ways)
	if err != nil {
		return directory.DisconnectResult{}, err
	}
	result.Detail["client"], result.Detail["nas"] = c.name, nas.String()
	d.log(ctx, row, c, result)
	return result, nil
}

// session returns the row of a job's session; errOver when there is nothing to end.
func (d *disconnector) session(ctx context.Context, j directory.Job) (*directory.RADIUSSession, error) {
	var wish directory.Disconnect
	if err := json.Unmarshal(j.Payload, &wish); err != nil {
		return nil, fmt.Errorf("read the payload of job %d: %w", j.ID, err)
	}
	var row *directory.RADIUSSession
	err := d.server.directory.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		row = nil
		for s, err := range a.Network.Find(directory.RADIUSSessionQuery{IDs: []int64{wish.Session}}) {
			if err != nil {
				return err
			}
			row = &s
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case row == nil || row.State == directory.RADIUSEnded:
		return nil, errOver
	}
	return row, nil
}

// ask sends the request by one way after the other until the NAS that has the session answers, which it returns, and
// keeps the lease of the job meanwhile.
func (d *disconnector) ask(ctx context.Context, j directory.Job, row *directory.RADIUSSession, c *client, ways []way) (directory.DisconnectResult, netip.AddrPort, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go d.renew(ctx, cancel, j)
	result, nas := d.silence(j, row, errSilence), ways[0].nas
	for _, w := range ways {
		answer, err := d.askBy(ctx, w, row, c)
		switch {
		case errors.Is(err, errSilence):
			if result.Outcome == directory.DisconnectSilent {
				result, nas = d.silence(j, row, err), w.nas
			}
			continue
		case err != nil:
			return directory.DisconnectResult{}, nas, err
		}
		cause := errorCause(answer)
		result, nas = d.answered(j, answer.Code(), cause), w.nas
		if cause != causeContextNotFound && cause != causeNASMismatch {
			break // else it may be the session of who is asked next
		}
	}
	return result, nas, nil
}

// askBy sends the request by one way, with each way of naming the session that the NAS asks for.
func (d *disconnector) askBy(ctx context.Context, w way, row *directory.RADIUSSession, c *client) (wire.Packet, error) {
	calling := callingOf(row)
	for how := inFull; ; {
		answer, err := w.ask(ctx, func(begin beginning) *wire.Encoder {
			return dynamicRequest(row, calling, c.coa, how, begin, d.server.now())
		})
		if err != nil || answer.Code() != wire.DisconnectNAK && answer.Code() != wire.CoANAK {
			return answer, err
		}
		next := how.next(errorCause(answer), row)
		if next == unnamed {
			return answer, nil
		}
		how = next
	}
}

// renew keeps the lease of a job until ctx ends; when it is lost, so is the work.
func (d *disconnector) renew(ctx context.Context, lost context.CancelFunc, j directory.Job) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := d.server.directory.RenewJob(ctx, j); directory.Is(err, directory.Stale) {
			lost()
			return
		}
	}
}

// silence says what follows when a NAS did not answer: it is tried for as long as
// the session can last without it.
func (d *disconnector) silence(j directory.Job, row *directory.RADIUSSession, err error) directory.DisconnectResult {
	r := directory.DisconnectResult{
		Outcome: directory.DisconnectSilent, Detail: map[string]string{"error": err.Error()}, Again: backOff(j.Attempts),
	}
	over := j.Created.Add(triedFor)
	if !row.Expires.IsZero() && row.Expires.Before(over) {
		over = row.Expires
	}
	if d.server.now().Add(r.Again).After(over) {
		r.Again = 0
	}
	return r
}

// answered says what an ACK or NAK means.
func (d *disconnector) answered(j directory.Job, code wire.Code, cause uint32) directory.DisconnectResult {
	r := directory.DisconnectResult{Outcome: directory.DisconnectAcknowledged, Detail: map[string]string{"answer": code.String()}}
	if code == wire.DisconnectACK || code == wire.CoAACK {
		return r
	}
	r.Outcome, r.Detail["cause"] = directory.DisconnectRefused, causeName(cause)
	switch {
	case cause == causeContextNotFound:
		r.Outcome = directory.DisconnectNotFound
	case passing(cause) && d.server.now().Sub(j.Created) < triedFor:
		r.Again = backOff(j.Attempts)
	}
	return r
}

// backOff is how long a job rests after its n-th try, each of which takes some
// seconds.
func backOff(n int) time.Duration {
	steps := []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	return steps[min(max(n-1, 0), len(steps)-1)]
}

// enter takes a place among the requests to a NAS; when there is none it returns
// how long to wait: those that wait get their turns one after the other.
func (d *disconnector) enter(target netip.AddrPort) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	lane := d.lanes[target]
	if lane == nil {
		lane = &nasLane{}
		d.lanes[target] = lane
	}
	if lane.running < disconnectsPerNAS {
		lane.running++
		return 0
	}
	now := d.server.now()
	if lane.next.Before(now) {
		lane.next = now
	}
	if wait := lane.next.Sub(now); wait < crowdedMost {
		lane.next = lane.next.Add(d.table.giveUp / disconnectsPerNAS)
	}
	return max(lane.next.Sub(now), jobPoll)
}

func (d *disconnector) leave(target netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if lane := d.lanes[target]; lane.running > 1 {
		lane.running--
	} else {
		delete(d.lanes, target)
	}
}

// log writes the one line about a try.
func (d *disconnector) log(ctx context.Context, row *directory.RADIUSSession, c *client, r directory.DisconnectResult) {
	level := slog.LevelInfo
	if r.Outcome == directory.DisconnectSilent || r.Outcome == directory.DisconnectRefused {
		level = slog.LevelWarn
	}
	name := ""
	if c != nil {
		name = c.name
	}
	d.server.log.LogAttrs(ctx, level, "session disconnect", slog.String("outcome", string(r.Outcome)), slog.String("client", name),
		slog.String("nas", r.Detail["nas"]), slog.String("cause", r.Detail["cause"]), slog.String("user", row.Username),
		slog.String("station", row.CallingStationID), slog.Int64("session", row.ID), slog.Duration("again", r.Again))
}

// callingOf returns the Calling-Station-Id as the NAS writes it.
func callingOf(row *directory.RADIUSSession) string {
	var a admission
	if json.Unmarshal(row.Admission, &a) == nil && a.Calling != "" {
		return a.Calling
	}
	return row.CallingStationID
}

// disconnectOutcomes are the labels of its metric.
func disconnectOutcomes() []directory.DisconnectOutcome {
	return []directory.DisconnectOutcome{
		directory.DisconnectAcknowledged, directory.DisconnectNotFound, directory.DisconnectRefused,
		directory.DisconnectSilent, directory.DisconnectNoAddress,
	}
}
