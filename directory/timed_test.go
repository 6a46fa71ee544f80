package directory

import (
	"testing"
	"time"
)

func TestTimed(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	clock := func() time.Time { return now }
	const most = 10
	m := newTimed[int, string](time.Minute, most, clock)
	m.add(1, "one")
	if v, ok := m.get(1); !ok || v != "one" {
		t.Errorf("just added: %q, %v", v, ok)
	}
	now = now.Add(time.Minute)
	if v, ok := m.get(1); ok || v != "" {
		t.Errorf("past its time: %q, %v", v, ok)
	}
	for i := range 3 * most {
		m.add(i, "many")
	}
	if len(m.entries) > most {
		t.Errorf("%d entries, of at most %d", len(m.entries), most)
	}
	if _, ok := m.get(3*most - 1); !ok {
		t.Error("the newest is gone")
	}
	for _, ttl := range []time.Duration{0, -1} {
		off := newTimed[int, string](ttl, most, clock)
		off.add(1, "one")
		if _, ok := off.get(1); ok || len(off.entries) > 0 {
			t.Errorf("with a time of %v something is remembered", ttl)
		}
	}
}
