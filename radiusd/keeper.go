package radiusd

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/directory"
)

const (
	keepEvery    = 10 * time.Minute
	keepBatch    = 500
	keepSessions = 30 * 24 * time.Hour
	keepRecords  = 90 * 24 * time.Hour
)

// keep closes sessions that fell silent and deletes what is past its time,
// until ctx ends.
func (s *Server) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if err := s.keepOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "old sessions and accounting were not cleaned up", slog.Any("err", err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) keepOnce(ctx context.Context) error {
	now := s.now()
	if err := s.closeStale(ctx, now); err != nil {
		return err
	}
	return s.deleteOld(ctx, now)
}

// closeStale presumes the end of open sessions that were silent for too long.
func (s *Server) closeStale(ctx context.Context, now time.Time) error {
	var ids []int64
	err := s.directory.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		for row, err := range a.Network.Find(directory.RADIUSSessionQuery{Open: true}) {
			if err != nil {
				return err
			}
			if s.stale(&row, now) {
				ids = append(ids, row.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), keepBatch)
		if err := s.presumeEnded(ctx, ids[:n], now); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// stale reports whether a session was silent for longer than its client lets
// sessions be. The client may be gone; then no session outlives the longest.
func (s *Server) stale(row *directory.RADIUSSession, now time.Time) bool {
	silence := 30*24*time.Hour + silenceMargin
	if c := s.clients.get(row.Client); c != nil {
		silence = c.silence
	}
	return now.Sub(row.Updated) > silence
}

func (s *Server) presumeEnded(ctx context.Context, ids []int64, now time.Time) error {
	for _, id := range ids {
		s.recent.forget(id)
	}
	return s.directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		b := batch{tables: a, sessions: make(map[int64]*tracked)}
		rows, err := b.take(directory.RADIUSSessionQuery{IDs: ids})
		if err != nil {
			return err
		}
		for _, t := range rows {
			if open(t) && s.stale(&t.RADIUSSession, now) {
				// From now on, not since it fell silent: for another day it is told to end
				// when its person is.
				end(t, directory.RADIUSPresumedEnded, now, "Silent")
			}
		}
		return b.write()
	})
}

// deleteOld removes sessions and accounting records past their time, in small
// transactions.
func (s *Server) deleteOld(ctx context.Context, now time.Time) error {
	for {
		n := 0
		err := s.directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
			var err error
			n, err = deleteBatch(a, now)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func deleteBatch(a *directory.Artefacts, now time.Time) (int, error) {
	var sessions []int64
	for row, err := range a.Network.Find(directory.RADIUSSessionQuery{EndedBefore: now.Add(-keepSessions), Limit: keepBatch}) {
		if err != nil {
			return 0, err
		}
		sessions = append(sessions, row.ID)
	}
	if len(sessions) > 0 {
		return a.Network.Delete(directory.RADIUSSessionQuery{IDs: sessions})
	}
	day := now.Add(-keepRecords).Unix() / 86_400
	return a.Accounting.Delete(directory.RADIUSAccountingQuery{BeforeDay: day, Limit: keepBatch})
}
