package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Hashes of new passwords wait for a slot, and for no longer than their caller.
func TestHashPasswordWaitsForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Directory{hashing: make(chan struct{}, 1), config: Config{Rand: rand.Reader}}
		d.hashing <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := d.HashPassword(ctx, "correct horse"); !Is(err, Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a slot: %v, want unavailable at the deadline", err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := d.HashPassword(t.Context(), "correct horse")
			done <- err
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("it did not wait for the slot")
		default:
		}
		<-d.hashing
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(d.hashing) != 0 {
			t.Error("the slot was not given back")
		}
	})
}

// Imported hashes are replaced one at a time; one that gets no turn is left.
func TestRehashTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Directory{renewing: make(chan struct{}, 1)} // without a store or a slot to hash in, it could not go on
		d.renewing <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		d.rehash(ctx, Credential{}, "correct horse")
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("it gave up after %v, want when its time was over", waited)
		}
	})
}
