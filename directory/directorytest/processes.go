package directorytest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/sqlstore"
)

const (
	writersCount = 4
	killsCount   = 12
	killEvery    = 60 // acknowledged writes
)

// writerVariable tells a test binary to be a writer of Processes: JSON of
// writerOrder.
const writerVariable = "GATEHOUSE_TEST_WRITER"

type writerOrder struct {
	Config writerConfig
	First  int // user id of its first write
}

type writerConfig struct{ URL, DataDir, RuntimeDir string }

// Main is the TestMain of a package that uses Processes: the test binary is
// also the writer that is killed.
func Main(m *testing.M) int {
	order := os.Getenv(writerVariable)
	if order == "" {
		return m.Run()
	}
	if err := beWriter(context.Background(), order); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// beWriter creates users and makes them members of group 1, one transaction
// each, until it is killed. What was acknowledged is printed: "user seq".
func beWriter(ctx context.Context, text string) error {
	var order writerOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	s, err := sqlstore.Open(ctx, sqlstore.Config{
		URL: order.Config.URL, DataDir: order.Config.DataDir, RuntimeDir: order.Config.RuntimeDir,
	})
	if err != nil {
		return err
	}
	for n := order.First; ; n++ {
		h, err := s.Update(ctx, func(tx *directory.Tx) error {
			id := directory.UserID(n)
			return errors.Join(
				tx.Users.Insert(person(n)),
				tx.Members.Insert(directory.Membership{Group: 1, User: id, Source: "local"}),
				tx.Events.Insert(directory.Event{At: at(1), Verb: "create", Entity: "user", Ref: int64(n)}),
				tx.Feed.Append(directory.Change{Kind: directory.UserCreated, Ref: int64(n)}),
				tx.Feed.Append(directory.Change{Kind: directory.GroupMembersChanged, Ref: 1, Users: []directory.UserID{id}}),
			)
		})
		if directory.Is(err, directory.Unavailable) {
			continue // the caller of an Update tries again
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Println(n, int64(h.Seq)); err != nil {
			return nil // the parent has gone
		}
	}
}

// acknowledged is a write that its process was told had been kept.
type acknowledged struct {
	user directory.UserID
	seq  directory.Seq
}

// Processes checks a store that several processes write to at once while one
// after the other is killed: no acknowledged write is lost, none is half there,
// the feed is gap-free and in the order of commits, and a read behind the
// barrier is never stale. The test's package must run Main.
func Processes(t *testing.T, cfg sqlstore.Config) {
	s := Open(t, cfg)
	mustUpdate(t, s, func(tx *directory.Tx) error { return tx.Groups.Insert(group(1)) })
	order := writerConfig{URL: cfg.URL, DataDir: cfg.DataDir, RuntimeDir: cfg.RuntimeDir}

	acks := make(chan acknowledged, 1024)
	var writers []*writerProcess
	next := 0
	start := func() *writerProcess {
		next++
		return startWriter(t, writerOrder{Config: order, First: next * 1_000_000}, acks)
	}
	for range writersCount {
		writers = append(writers, start())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []acknowledged
	for kills := 0; kills < killsCount; {
		select {
		case a := <-acks:
			got = append(got, a)
			barrier(t, s, a)
		case <-ctx.Done():
			t.Fatalf("only %d writes were acknowledged", len(got))
		}
		if len(got) >= (kills+1)*killEvery {
			i := kills % len(writers)
			writers[i].kill()
			writers[i] = start()
			kills++
		}
	}
	for _, w := range writers {
		w.kill()
	}
	close(acks)
	for a := range acks {
		got = append(got, a)
	}
	t.Logf("%d acknowledged writes of %d processes, %d of which were killed", len(got), next, next)
	checkFeed(t, s, got)
}

// barrier reads the head and then a row, after the write of both was
// acknowledged by another process.
func barrier(t *testing.T, s directory.Store, a acknowledged) {
	t.Helper()
	if h := head(t, s); h.Seq < a.seq {
		t.Fatalf("head is %d after %d was acknowledged", h.Seq, a.seq)
	}
	mustView(t, s, func(tx *directory.Tx) error {
		n, err := tx.Members.Count(directory.MembershipQuery{Users: []directory.UserID{a.user}})
		if err == nil && n != 1 {
			t.Fatalf("user %d is not there after seq %d was acknowledged", a.user, a.seq)
		}
		return err
	})
}

func checkFeed(t *testing.T, s directory.Store, got []acknowledged) {
	t.Helper()
	created := map[directory.Seq]directory.UserID{}
	last := head(t, s).Seq
	for after := directory.Seq(0); after < last; {
		changes, err := s.Changes(t.Context(), after, 500)
		if err != nil || len(changes) == 0 {
			t.Fatalf("changes after %d of %d: %v, %v", after, last, changes, err)
		}
		for i, ch := range changes {
			if want := after + directory.Seq(i/2) + 1; ch.Seq != want || ch.N != i%2+1 {
				t.Fatalf("change %d.%d where %d.%d was expected", ch.Seq, ch.N, want, i%2+1)
			}
			if ch.Kind == directory.UserCreated {
				created[ch.Seq] = directory.UserID(ch.Ref)
			}
		}
		after = changes[len(changes)-1].Seq
	}
	for _, a := range got {
		if created[a.seq] != a.user {
			t.Errorf("seq %d was acknowledged for user %d and is %d's", a.seq, a.user, created[a.seq])
		}
	}
	mustView(t, s, func(tx *directory.Tx) error {
		users, err := all(tx.Users, directory.UserQuery{})
		same(t, "users", len(users), len(created))
		members, err2 := tx.Members.Count(directory.MembershipQuery{})
		same(t, "memberships", members, len(created))
		events, err3 := all(tx.Events, directory.EventQuery{})
		same(t, "events", len(events), len(created))
		chain := map[int64]bool{}
		for _, e := range events {
			chain[e.N] = true
		}
		for n := range int64(len(events)) {
			if !chain[n+1] {
				t.Errorf("the audit chain has no %d", n+1)
			}
		}
		return errors.Join(err, err2, err3)
	})
}

// writerProcess is a running writer.
type writerProcess struct {
	cmd  *exec.Cmd
	read sync.WaitGroup
}

func startWriter(t *testing.T, order writerOrder, acks chan<- acknowledged) *writerProcess {
	t.Helper()
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	w := &writerProcess{cmd: exec.CommandContext(t.Context(), os.Args[0])}
	w.cmd.Env = append(os.Environ(), writerVariable+"="+string(text))
	var stderr strings.Builder
	w.cmd.Stderr = &stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.read.Go(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var a acknowledged
			if _, err := fmt.Sscan(lines.Text(), &a.user, &a.seq); err == nil && strings.Contains(lines.Text(), " ") {
				acks <- a
			}
		}
		_ = w.cmd.Wait()
		if stderr.Len() > 0 {
			t.Errorf("a writer says: %s", stderr.String())
		}
	})
	return w
}

// kill ends the process as a power cut would, and reads what it had said.
func (w *writerProcess) kill() {
	_ = w.cmd.Process.Kill()
	w.read.Wait()
}
