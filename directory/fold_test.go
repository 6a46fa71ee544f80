package directory

import (
	"fmt"
	"testing"
	"time"
)

func deny(at time.Time, ip, name string, ref int64) auditItem {
	return auditItem{event: Event{
		At: at, Via: "ldap", Verb: verbAuthenticate, IP: ip, Name: name, Ref: ref, Outcome: string(Deny), Reason: ReasonWrongPassword, Count: 1,
	}}
}

func total(events []Event) (n int) {
	for _, e := range events {
		n += e.Count
	}
	return n
}

// TestFold checks that ten identical failures a second are kept as they are and
// that no count is lost above.
func TestFold(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, tt := range []struct {
		name  string
		make  func(i int) auditItem
		lines int // of 100 attempts
	}{
		{"one person", func(int) auditItem { return deny(start, "::1", "alice", 7) }, 11},
		{"strangers' names", func(i int) auditItem { return deny(start, "::1", fmt.Sprint("name", i), 0) }, 11},
		{"people", func(i int) auditItem { return deny(start, "::1", "x", int64(i+1)) }, 100},
		{"sources", func(i int) auditItem { return deny(start, fmt.Sprint("192.0.2.", i), "alice", 7) }, 100},
		{"ten seconds", func(i int) auditItem { return deny(start.Add(time.Duration(i/10)*time.Second), "::1", "alice", 7) }, 100},
		{"allowed", func(int) auditItem { i := deny(start, "::1", "alice", 7); i.event.Outcome = string(Allow); return i }, 100},
	} {
		f := folder{seen: map[failure]int{}}
		var items []auditItem
		for i := range 100 {
			items = append(items, tt.make(i))
		}
		if got := f.fold(items); len(got) != tt.lines || total(got) != 100 {
			t.Errorf("%s: %d events that count %d, want %d and 100", tt.name, len(got), total(got), tt.lines)
		}
	}
}

// TestFoldAcrossBatches checks that the rate is that of the second, not of a
// batch, and that the memory is bounded.
func TestFoldAcrossBatches(t *testing.T) {
	f := folder{seen: map[failure]int{}}
	at := time.Unix(1000, 0)
	lines, count := 0, 0
	for range 20 { // batches of 50 ms
		var items []auditItem
		for range 6 {
			items = append(items, deny(at, "::1", "alice", 7))
		}
		got := f.fold(items)
		lines, count = lines+len(got), count+total(got)
	}
	if lines != 10+19 || count != 120 {
		t.Errorf("%d events that count %d", lines, count)
	}
	for i := range 3 * foldMost {
		if got := f.fold([]auditItem{deny(at, fmt.Sprint(i), "alice", 7)}); len(got) != 1 {
			t.Fatal("an event was lost")
		}
	}
	if len(f.seen) > foldMost {
		t.Errorf("%d kinds of failure are remembered", len(f.seen))
	}
}
