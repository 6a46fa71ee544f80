package directory

import (
	"context"
	"time"

	"gatehouse/directory/seal"
)

// The kinds of job, each owned by one daemon.
const (
	JobDisconnect = "radius.disconnect" // radiusd: end one open network session at its NAS
)

// leaseTime is how long a claimed job is somebody's without being renewed.
const leaseTime = 5 * time.Second

// NewJob is background work to be done.
type NewJob struct {
	Kind        string
	Key         string // at most one open job per key; empty: any number
	Payload     []byte // sealed before it is stored
	RunAt       time.Time
	ReservedFor string        // instance that may claim it before others
	Reserve     time.Duration // for how long
}

// AddJob queues work in the transaction that makes it necessary. A job whose
// key is queued already is left as it is.
func (w *Writer) AddJob(n NewJob) error {
	if err := w.require(VerbWriteArtefacts, 0); err != nil {
		return err
	}
	if n.Key != "" {
		_, queued, err := one(w.tx.Jobs.Find(JobQuery{Key: n.Key}))
		if err != nil || queued {
			return err
		}
	}
	j, err := w.d.newJob(n, w.now)
	if err != nil {
		return err
	}
	return w.tx.Jobs.Insert(j)
}

// newJob makes the row of a job.
func (d *Directory) newJob(n NewJob, now time.Time) (Job, error) {
	id, err := d.ids.next()
	if err != nil {
		return Job{}, err
	}
	j := Job{ID: JobID(id), Kind: n.Kind, Key: n.Key, RunAt: n.RunAt, ReservedFor: n.ReservedFor, Created: now}
	if n.ReservedFor != "" {
		j.ReservedTil = now.Add(n.Reserve)
	}
	j.Payload, err = d.keys.seal(seal.Jobs, j.place(), n.Payload)
	return j, err
}

func (j *Job) place() seal.Place {
	return seal.Place{Table: "jobs", Column: "payload", Row: rowName(int64(j.ID))}
}

// ClaimJobs leases due jobs of these kinds to this process, at most max, with
// their payloads opened. Each must be ended by FinishJob or RetryJob, or claimed
// again within 5 s by RenewJob; else another process gets it.
func (d *Directory) ClaimJobs(ctx context.Context, kinds []string, max int) ([]Job, error) {
	owner := d.config.Daemon + "@" + d.config.Instance
	var claimed []Job
	due := 0
	// Most of the time nothing is due, and then nobody has to wait for a writer.
	err := d.store.View(ctx, func(tx *Tx) (err error) {
		due, err = tx.Jobs.Count(JobQuery{Kinds: kinds, DueAt: d.now()})
		return err
	})
	if err != nil || due == 0 {
		return nil, err
	}
	err = d.store.Record(ctx, func(tx *Tx) error {
		claimed = nil
		now := d.now()
		due, err := all(tx.Jobs.Take(JobQuery{Kinds: kinds, DueAt: now, Limit: max}))
		if err != nil {
			return err
		}
		for _, j := range due {
			if j.ReservedFor != "" && j.ReservedFor != d.config.Instance && now.Before(j.ReservedTil) {
				continue
			}
			j.LeaseOwner, j.LeaseUntil = owner, now.Add(leaseTime)
			j.Attempts++
			if err := tx.Jobs.Update(j); err != nil {
				return err
			}
			claimed = append(claimed, j)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	opened := claimed[:0]
	for _, j := range claimed {
		if j.Payload, err = d.keys.open(seal.Jobs, j.place(), j.Payload); err != nil {
			// It must not hold up the others; its lease ends by itself.
			d.log.ErrorContext(ctx, "the payload of a job cannot be opened", "job", int64(j.ID), "err", err)
			continue
		}
		opened = append(opened, j)
	}
	return opened, nil
}

// RenewJob keeps the lease of a job for another 5 s. Stale: it was lost.
func (d *Directory) RenewJob(ctx context.Context, j Job) error {
	return d.leased(ctx, j, func(tx *Tx, row Job) error {
		row.LeaseUntil = d.now().Add(leaseTime)
		return tx.Jobs.Update(row)
	})
}

// FinishJob removes a job that is done. Stale: the lease was lost.
func (d *Directory) FinishJob(ctx context.Context, j Job) error {
	return d.leased(ctx, j, func(tx *Tx, row Job) error {
		_, err := tx.Jobs.Delete(JobQuery{IDs: []JobID{row.ID}})
		return err
	})
}

// RetryJob gives a job back, to be run again after a delay. Stale: the lease was
// lost.
func (d *Directory) RetryJob(ctx context.Context, j Job, after time.Duration, why string) error {
	return d.leased(ctx, j, func(tx *Tx, row Job) error {
		row.LeaseOwner, row.LeaseUntil, row.RunAt, row.LastError = "", time.Time{}, d.now().Add(after), why
		return tx.Jobs.Update(row)
	})
}

func (d *Directory) leased(ctx context.Context, j Job, fn func(*Tx, Job) error) error {
	return d.store.Record(ctx, func(tx *Tx) error {
		row, found, err := one(tx.Jobs.Take(JobQuery{IDs: []JobID{j.ID}}))
		if err != nil {
			return err
		}
		if !found || row.LeaseOwner != j.LeaseOwner || row.Attempts != j.Attempts {
			return &Error{Kind: Stale, Entity: "job", Msg: "the lease was lost"}
		}
		return fn(tx, row)
	})
}
