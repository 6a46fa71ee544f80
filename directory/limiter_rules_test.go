package directory

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"gatehouse/directory/seal"
)

// strangers is a limiter for names that nobody has: it never reads the store.
func strangers(t *testing.T) (*limiter, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	key, err := seal.NewKey(seal.Lookup, rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing(seal.Lookup, "the test", func() time.Time { return now }, key)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := newGuessMetrics(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLimiter(&Config{Keys: Keys{seal.Lookup: ring}, Now: func() time.Time { return now }}, metrics)
	if err != nil {
		t.Fatal(err)
	}
	return l, &now
}

func (l *limiter) guessing(t *testing.T, account, source string) *guess {
	t.Helper()
	g, err := l.begin(t.Context(), origin{account: account, source: source})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestLimiterKeepsItsPromises guesses at random moments, and checks what holds
// whatever they are: six attempts in a row at most, never a longer delay than
// five minutes, a delay of one second doubled with each failure, and everything
// forgotten an hour after the last.
func TestLimiterKeepsItsPromises(t *testing.T) {
	for seed := range uint64(50) {
		l, now := strangers(t)
		random := mathrand.New(mathrand.NewPCG(seed, 1))
		inARow, last := 0, *now
		for step := range 300 {
			if random.IntN(4) == 0 {
				*now = now.Add(time.Duration(random.ExpFloat64() * float64(time.Minute)))
			}
			if random.IntN(60) == 0 {
				*now = now.Add(forgetAfter + time.Second)
			}
			g := l.guessing(t, "eve", "192.0.2.1")
			quiet := now.Sub(last)
			if quiet > forgetAfter {
				inARow = 0
			}
			wantDelay := time.Duration(0)
			if over := inARow - freeFailures; over > 0 {
				wantDelay = min(time.Second<<min(over-1, 30), maxDelay)
			}
			r := g.refused()
			if want := wantDelay - quiet; (r.why != "") != (want > 0) || r.why != "" && (r.left != want || r.visible != want) {
				t.Fatalf("seed %d step %d: after %d failures and %v refused %+v, want %v left", seed, step, inARow, quiet, r, want)
			}
			if r.why != "" {
				continue
			}
			if random.IntN(40) == 0 {
				g.succeeded("")
				inARow = 0
				continue
			}
			g.failed(Secret(strconv.Itoa(step)), true)
			inARow, last = inARow+1, *now
		}
	}
}

// TestSpraying: one source is slowed down over all accounts, and nobody else.
func TestSpraying(t *testing.T) {
	l, now := strangers(t)
	for i := range freeSpray + 1 {
		g := l.guessing(t, "user"+strconv.Itoa(i), "192.0.2.1")
		if r := g.refused(); r.why != "" {
			t.Fatalf("account %d is refused: %s", i, r.detail())
		}
		g.failed("Winter2026!", true)
	}
	if r := l.guessing(t, "another", "192.0.2.1").refused(); r.why != refusedSource || r.left != time.Second {
		t.Errorf("the next account is refused by %q for %v, want by the source for 1s", r.why, r.left)
	}
	if r := l.guessing(t, "another", "192.0.2.2").refused(); r.why != "" {
		t.Errorf("another address is refused: %s", r.detail())
	}
	// An access point or Nextcloud that passes on no address is never held as a whole.
	if r := l.guessing(t, "another", "").refused(); r.why != "" {
		t.Errorf("a relay is refused: %s", r.detail())
	}
	*now = now.Add(time.Second)
	if r := l.guessing(t, "another", "192.0.2.1").refused(); r.why != "" {
		t.Errorf("refused after the delay: %s", r.detail())
	}
}

// TestStrangersFillNoMemory: however many names are tried, the table stays, and
// nothing waits to be written.
func TestStrangersFillNoMemory(t *testing.T) { tryNames(t, 5*limiterEntries) }

func tryNames(t *testing.T, names int) {
	t.Helper()
	l, _ := strangers(t)
	for i := range names {
		l.guessing(t, "nobody"+strconv.Itoa(i), "192.0.2.1").failed("x", true)
		if n := l.size(); n > 2*limiterEntries {
			t.Fatalf("%d entries after %d names", n, i+1)
		}
	}
	if len(l.dirty) != 0 {
		t.Errorf("%d names that nobody has wait to be written", len(l.dirty))
	}
}

func TestTheSameWrongPasswordCountsAgainAnHourLater(t *testing.T) {
	l, now := strangers(t)
	for range 8 {
		g := l.guessing(t, "eve", "192.0.2.1")
		g.failed("same", true)
		if got := g.pair.at(*now).Count; got != 1 {
			t.Fatalf("counted %d times, want once an hour", got)
		}
		*now = now.Add(wrongFor + time.Second)
	}
}

// TestARestoredReservationCountsNothing: an attempt that was not decided leaves
// no trace.
func TestARestoredReservationCountsNothing(t *testing.T) {
	row := Failures{Bucket: BucketPair}
	now := time.Unix(1_000_000, 0)
	for n := range freeFailures + 1 {
		if !row.room() {
			t.Fatalf("no room after %d attempts", n)
		}
		row.Pending, row.Updated = row.Pending+1, now
	}
	if row.room() {
		t.Fatal("a seventh attempt may be checked at once")
	}
	row.settle(delta{resolved: freeFailures + 1}, now)
	if row.Count != 0 || !row.room() {
		t.Errorf("after all were given back: %+v", row)
	}
	row.Pending = 3
	row.settle(delta{}, now.Add(reservedFor+time.Second))
	if row.Pending != 0 {
		t.Error("the reservations of a process that died are kept")
	}
}

func TestSourcePrefix(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := SourcePrefix(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}
