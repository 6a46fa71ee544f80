package radiusd

import (
	"testing"
	"time"
)

func TestQueueTakesTurns(t *testing.T) {
	q := newQueue(10)
	var busy, quiet lane
	r := func() *request { return &request{client: &client{clientState: new(clientState)}} }
	for range 5 {
		q.push(&busy, r())
	}
	mine := r()
	q.push(&quiet, mine)
	if got := q.pop(nil, 2); got[1] != mine {
		t.Error("a client waits behind all of another's requests")
	}
	if got := q.pop(nil, 100); len(got) != 4 || q.len() != 0 {
		t.Errorf("took %d, left %d", len(got), q.len())
	}
}

func TestQueueLimits(t *testing.T) {
	q := newQueue(2)
	var l lane
	r := new(request)
	for range laneMax {
		if !q.push(&l, r) {
			t.Fatal("full too early")
		}
	}
	if q.push(&l, r) {
		t.Error("a full lane took one more")
	}
	if n := len(q.pop(nil, 10)); n != 2 {
		t.Errorf("one client has %d of 2 workers", n)
	}
	q.done(&l)
	if n := len(q.pop(nil, 10)); n != 1 {
		t.Errorf("after one was done it got %d more", n)
	}
	q.close()
	if q.push(&l, r) {
		t.Error("a closed queue took a request")
	}
	for range laneMax - 3 {
		q.done(&l)
		if n := len(q.pop(nil, 1)); n != 1 {
			t.Fatalf("a closed queue forgot %d requests", q.len())
		}
	}
	if n := len(q.pop(nil, 1)); n != 0 {
		t.Error("an empty closed queue gave something")
	}
}

func TestReplaysForgetInTime(t *testing.T) {
	var c replays
	start := time.Unix(1_800_000_000, 0)
	key := func(i int) replayKey {
		return replayKey{authenticator: [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}}
	}
	if v, _ := c.begin(key(1), start); v != fresh {
		t.Fatal(v)
	}
	c.finish(key(1), []byte("answer"), start)
	if v, b := c.begin(key(1), start.Add(replayFor-1)); v != answered || string(b) != "answer" {
		t.Errorf("%v %q before the end", v, b)
	}
	if v, _ := c.begin(key(1), start.Add(replayFor)); v != fresh {
		t.Errorf("%v after the end", v)
	}
	c.forget(key(1))
	for i := range replayMax {
		c.begin(key(i), start)
	}
	if v, _ := c.begin(key(replayMax), start); v != full {
		t.Errorf("%v with everything in flight", v)
	}
	c.finish(key(7), []byte("a"), start)
	if v, _ := c.begin(key(replayMax), start); v != fresh {
		t.Errorf("%v although an answer could make room", v)
	}
	for i := range 3 * replayMax {
		k := key(replayMax + 1 + i)
		c.forget(key(i))
		c.begin(k, start)
		c.finish(k, []byte("a"), start)
	}
	if len(c.answers) > replayMax || len(c.expiry) > 2*replayMax+2 {
		t.Errorf("%d answers, %d expiries", len(c.answers), len(c.expiry))
	}
}
