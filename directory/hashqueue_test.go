package directory

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// start acquires and reports the release function on the channel returned.
func start(t *testing.T, q *hashQueue, ctx context.Context, source string, l lane) chan func() {
	t.Helper()
	got := make(chan func(), 1)
	go func() {
		release, ok, err := q.acquire(ctx, hashPlace{l, source})
		if err != nil || !ok {
			close(got)
			return
		}
		got <- release
	}()
	return got
}

func TestHashQueueOneRunningPerSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newHashQueue(4, true)
		first := start(t, q, t.Context(), "a", laneOther)
		synctest.Wait()
		release := <-first
		second := start(t, q, t.Context(), "a", laneOther)
		synctest.Wait()
		select {
		case <-second:
			t.Fatal("two hashes of one source ran at once")
		default:
		}
		release()
		synctest.Wait()
		(<-second)()
	})
}

func TestHashQueueRefusesTheFloodNotTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newHashQueue(2, true)
		running := start(t, q, t.Context(), "flood", laneOther)
		synctest.Wait()
		release := <-running
		var waiting []chan func()
		for range hashWaitingPerSource {
			waiting = append(waiting, start(t, q, t.Context(), "flood", laneOther))
			synctest.Wait()
		}
		if _, ok, err := q.acquire(t.Context(), hashPlace{laneOther, "flood"}); ok || err != nil {
			t.Fatalf("the sixth of one source: ok %v, err %v; want refused", ok, err)
		}
		other := start(t, q, t.Context(), "other", laneOther)
		web := start(t, q, t.Context(), "flood", laneWeb)
		synctest.Wait()
		releaseWeb := <-web // the last slot is the web's
		select {
		case <-other:
			t.Fatal("the slot kept for the web was given away")
		default:
		}
		release()
		synctest.Wait()
		(<-other)() // its turn comes before the flood's next
		releaseWeb()
		for _, w := range waiting {
			synctest.Wait()
			(<-w)()
		}
		synctest.Wait()
		if len(q.sources) != 0 || q.web+q.other != 0 || len(slices.Concat(q.rings[:]...)) != 0 {
			t.Fatalf("left over: %d sources, %d running, %d in the ring", len(q.sources), q.web+q.other, len(slices.Concat(q.rings[:]...)))
		}
	})
}

func TestHashQueueKeepsNoSlotWithoutWeb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newHashQueue(2, false)
		first := start(t, q, t.Context(), "a", laneOther)
		second := start(t, q, t.Context(), "b", laneRADIUS)
		synctest.Wait()
		for _, running := range []chan func(){first, second} {
			select {
			case release := <-running:
				release()
			default:
				t.Fatal("one of two slots was kept for the web of a process that has none")
			}
		}
	})
}

func TestHashQueueAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newHashQueue(1, true)
		running := start(t, q, t.Context(), "a", laneOther)
		synctest.Wait()
		release := <-running
		ctx, cancel := context.WithCancel(t.Context())
		gone := start(t, q, ctx, "b", laneOther)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if _, ok := <-gone; ok {
			t.Fatal("a cancelled caller got a slot")
		}
		release()
		synctest.Wait()
		if len(q.sources) != 0 || len(slices.Concat(q.rings[:]...)) != 0 {
			t.Fatalf("left over: %d sources, %d in the ring", len(q.sources), len(slices.Concat(q.rings[:]...)))
		}
	})
}

func TestHashQueueManyAtOnce(t *testing.T) {
	q := newHashQueue(2, true)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			release, ok, err := q.acquire(t.Context(), hashPlace{lane(i % int(lanes)), string(rune('a' + i%20))})
			if err != nil {
				t.Error(err)
			}
			if ok {
				release()
			}
		})
	}
	wg.Wait()
	if len(q.sources) != 0 || q.web+q.other != 0 || len(slices.Concat(q.rings[:]...)) != 0 {
		t.Fatalf("left over: %d sources, %d running, %d in the ring", len(q.sources), q.web+q.other, len(slices.Concat(q.rings[:]...)))
	}
}
