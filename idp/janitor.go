package idp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gatehouse/directory"
)

// What has expired is kept a little longer, so that a late second use is still
// seen as one, and then deleted in small batches.
const (
	cleanEvery = time.Minute
	cleanAfter = time.Hour
	cleanBatch = 500
)

// janitor deletes expired sessions and tokens. Several processes may run one.
type janitor struct {
	d   *directory.Directory
	log *slog.Logger
}

func (j *janitor) run(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := j.clean(ctx); err != nil && ctx.Err() == nil {
				j.log.Warn("expired sessions and tokens were not deleted", "err", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// clean deletes until nothing is left to delete.
func (j *janitor) clean(ctx context.Context) error {
	before := j.d.Now().Add(-cleanAfter)
	for {
		n := 0
		err := j.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
			tokens, err := a.Tokens.Delete(directory.TokenQuery{ExpiredBefore: before, Limit: cleanBatch})
			if err != nil {
				return err
			}
			sessions, err := j.cleanSessions(a, before)
			n = max(tokens, sessions)
			return err
		})
		if err != nil {
			return fmt.Errorf("delete expired sessions and tokens: %w", err)
		}
		if n < cleanBatch {
			return nil
		}
	}
}

func (j *janitor) cleanSessions(a *directory.Artefacts, before time.Time) (int, error) {
	var hashes [][]byte
	for row, err := range a.Sessions.Find(directory.SessionQuery{DeadBefore: before, Limit: cleanBatch}) {
		if err != nil {
			return 0, err
		}
		hashes = append(hashes, row.Hash)
	}
	if len(hashes) == 0 {
		return 0, nil
	}
	if _, err := a.SessionApps.Delete(directory.SessionAppQuery{Sessions: hashes}); err != nil {
		return 0, err
	}
	return a.Sessions.Delete(directory.SessionQuery{Hashes: hashes})
}
