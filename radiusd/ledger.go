package radiusd

import (
	"slices"
	"time"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

// batch applies accounting records to sessions inside one transaction. It reads
// each row once and writes it once.
type batch struct {
	tables   *directory.Artefacts
	classes  *classes
	sessions map[int64]*tracked
	revived  []directory.UserID // of sessions that were presumed to have ended
}

// tracked is a session row with what is to be done with it.
type tracked struct {
	directory.RADIUSSession
	was     directory.RADIUSSession // as it was read
	changed bool
	created bool
}

func (b *batch) run(records []*record) error {
	var ids []int64
	for _, rec := range records {
		rec.row.Session = 0 // the transaction may run twice
		for _, k := range rec.claims {
			ids = append(ids, k.session)
		}
	}
	slices.Sort(ids) // one order of locks for all processes
	if len(ids) > 0 {
		if _, err := b.take(directory.RADIUSSessionQuery{IDs: slices.Compact(ids)}); err != nil {
			return err
		}
	}
	rows := make([]directory.RADIUSAccounting, 0, len(records))
	for _, rec := range records {
		if err := b.apply(rec); err != nil {
			return err
		}
		rows = append(rows, rec.row)
	}
	if err := b.tables.Accounting.Insert(rows...); err != nil {
		return err
	}
	return b.write()
}

// take locks and returns the rows that q selects, as this batch knows them.
func (b *batch) take(q directory.RADIUSSessionQuery) ([]*tracked, error) {
	var out []*tracked
	for row, err := range b.tables.Network.Take(q) {
		if err != nil {
			return nil, err
		}
		t := b.sessions[row.ID]
		if t == nil {
			t = &tracked{RADIUSSession: row, was: row}
			b.sessions[row.ID] = t
		}
		out = append(out, t)
	}
	return out, nil
}

// write stores the changed rows, in the order of their ids.
func (b *batch) write() error {
	ids := make([]int64, 0, len(b.sessions))
	for id, t := range b.sessions {
		if t.changed {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		t := b.sessions[id]
		var err error
		if t.created {
			err = b.tables.Network.Insert(t.RADIUSSession)
		} else {
			err = b.tables.Network.Amend(t.was, t.RADIUSSession)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) apply(rec *record) error {
	switch rec.status {
	case wire.AcctStart, wire.AcctInterimUpdate, wire.AcctStop:
		return b.report(rec)
	case wire.AcctOn, wire.AcctOff:
		return b.restart(rec)
	}
	return nil
}

// proven returns the session whose Class the record carries; nil: none of this
// client's. Without one no session is changed: the User-Name of a record
// proves nothing.
func (b *batch) proven(rec *record) *tracked {
	for _, k := range rec.claims {
		t := b.sessions[k.session]
		if t != nil && t.Client == rec.request.client.id && b.classes.proves(k, &t.RADIUSSession) {
			return t
		}
	}
	return nil
}

// report applies a Start, Interim-Update or Stop.
func (b *batch) report(rec *record) error {
	t := b.proven(rec)
	if t == nil {
		return nil
	}
	rec.row.Session = t.ID
	if rec.update.id == "" {
		return nil
	}
	t, err := b.call(rec, t)
	if err != nil || t.State == directory.RADIUSEnded {
		return err // a late packet does not reopen what a Stop has ended
	}
	rec.row.Session = t.ID
	use(t, &rec.update)
	if rec.status == wire.AcctStop {
		t.State, t.Ended, t.TerminateCause = directory.RADIUSEnded, rec.update.at, rec.update.cause
		return nil
	}
	begun := t.State != directory.RADIUSStarted
	if t.State == directory.RADIUSPresumedEnded {
		// It lives: whatever came of an earlier Disconnect, it is decided again.
		t.Disconnect = ""
		b.revived = append(b.revived, t.User)
	}
	t.State, t.Ended, t.TerminateCause = directory.RADIUSStarted, time.Time{}, ""
	if !begun {
		return nil
	}
	return b.replace(t, rec.update.at)
}

// call finds the row of the call that a record names among those of one
// Access-Accept. A NAS may use one Class for several Acct-Session-Ids.
func (b *batch) call(rec *record, t *tracked) (*tracked, error) {
	if t.AcctSessionID == rec.update.id {
		return t, nil
	}
	same, err := b.take(directory.RADIUSSessionQuery{User: t.User, Client: t.Client, AcctSessionID: rec.update.id})
	if err != nil {
		return nil, err
	}
	for _, other := range b.sessions {
		if other.created && other.User == t.User && other.Client == t.Client && other.AcctSessionID == rec.update.id {
			same = append(same, other)
		}
	}
	same = slices.DeleteFunc(same, func(o *tracked) bool { return o.ID == t.ID })
	if t.AcctSessionID == "" {
		// The call goes on under a new Access-Accept (re-authentication).
		t.AcctSessionID, t.changed = rec.update.id, true
		for _, o := range same {
			if open(o) {
				end(o, directory.RADIUSEnded, rec.update.at, "Reauthenticated")
			}
		}
		return t, nil
	}
	if len(same) > 0 {
		return same[0], nil
	}
	fresh := &tracked{RADIUSSession: t.RADIUSSession, created: true, changed: true}
	fresh.ID, fresh.AcctSessionID, fresh.State = rec.spare, rec.update.id, directory.RADIUSAccepted
	fresh.InputOctets, fresh.OutputOctets, fresh.SessionTime = 0, 0, 0
	fresh.Ended, fresh.TerminateCause = time.Time{}, ""
	b.sessions[fresh.ID] = fresh
	return fresh, nil
}

// use copies what a record says into a session. Counters never go back, so
// that records may arrive in any order.
func use(t *tracked, u *usage) {
	t.InputOctets, t.OutputOctets = max(t.InputOctets, u.in), max(t.OutputOctets, u.out)
	t.SessionTime = max(t.SessionTime, u.seconds)
	if u.framedIP != "" {
		t.FramedIP = u.framedIP
	}
	if u.nasPort != "" {
		t.NASPort = u.nasPort
	}
	t.Updated, t.changed = u.received, true
}

// replace closes what else the device had open: a device is in one place, so
// that a limit on simultaneous sessions never locks a person out. The device is
// the one of the Access-Request; accounting cannot name another.
func (b *batch) replace(t *tracked, at time.Time) error {
	if t.CallingStationID == "" {
		return nil
	}
	others, err := b.take(directory.RADIUSSessionQuery{Calling: t.CallingStationID, Open: true})
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.ID != t.ID && open(o) && !o.Accepted.After(t.Accepted) {
			end(o, directory.RADIUSPresumedEnded, at, "Replaced")
		}
	}
	return nil
}

// restart applies Accounting-On and -Off: the calls that the NAS had before are
// over.
//
// RFC 2866 §5.1: sent when a NAS starts or is about to stop.
func (b *batch) restart(rec *record) error {
	before, err := b.take(directory.RADIUSSessionQuery{Client: rec.request.client.id, Open: true})
	if err != nil {
		return err
	}
	for _, t := range before {
		// A client may be many NAS behind one prefix.
		if open(t) && t.NASIP == rec.update.nasIP && t.Updated.Before(rec.update.at) {
			end(t, directory.RADIUSPresumedEnded, rec.update.at, statusName(rec.status))
		}
	}
	return nil
}

// open reports whether the session is not known to be over.
func open(t *tracked) bool {
	return t.State == directory.RADIUSAccepted || t.State == directory.RADIUSStarted
}

func end(t *tracked, state directory.RADIUSSessionState, at time.Time, cause string) {
	if t.State == directory.RADIUSEnded {
		return
	}
	t.State, t.Ended, t.TerminateCause, t.changed = state, at, cause, true
}
