package hostlock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/hostlock"
)

// TestMain turns the test binary into another process that holds a lock until
// its standard input ends.
func TestMain(m *testing.M) {
	path := os.Getenv("HOSTLOCK_HOLD")
	if path == "" {
		os.Exit(m.Run())
	}
	l, err := hostlock.Open(path)
	if err == nil {
		_, err = l.TryLock()
	}
	fmt.Println("held", err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// hold starts a process that holds the lock; the function lets it go and
// waits for its end.
func hold(t *testing.T, path string) (pid int, release func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "HOSTLOCK_HOLD="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "held <nil>" {
		t.Fatalf("holder says %q, %v", line, err)
	}
	release = sync.OnceFunc(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(release)
	return cmd.Process.Pid, release
}

func open(t *testing.T, path string) *hostlock.Lock {
	t.Helper()
	l, err := hostlock.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestLockExcludesProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "write.lock")
	l := open(t, path)
	pid, release := hold(t, path)

	var busy *hostlock.BusyError
	if _, err := l.TryLock(); !errors.As(err, &busy) || busy.PID != pid {
		t.Fatalf("TryLock = %v, want busy by %d", err, pid)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := l.Lock(ctx)
	if !errors.As(err, &busy) || busy.PID != pid || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Lock = %v, want busy by %d and a deadline", err, pid)
	}
	if want := fmt.Sprintf("%s is locked by process %d: context deadline exceeded", path, pid); err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}

	release()
	unlock, err := l.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l.Holder() != os.Getpid() {
		t.Errorf("Holder = %d, want this process", l.Holder())
	}
	unlock()
}

// A cancelled waiter is still in the kernel's queue; when its turn comes
// nobody may be locked out by it.
func TestCancelledWaiterReleasesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "write.lock")
	l, other := open(t, path), open(t, path)
	unlock, err := other.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Lock(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Lock = %v", err)
	}
	unlock()
	limited, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	unlock, err = other.Lock(limited)
	if err != nil {
		t.Fatalf("after a cancelled waiter: %v", err)
	}
	unlock()
	unlock, err = l.Lock(limited)
	if err != nil {
		t.Fatalf("the cancelled waiter's next call: %v", err)
	}
	unlock()
}

// The next call takes over the place that a cancelled one has in the queue.
func TestAdoptsTheWaiter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "write.lock")
	l, other := open(t, path), open(t, path)
	unlock, err := other.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := l.Lock(ctx); err == nil {
		t.Fatal("locked twice")
	}
	got := make(chan error, 1)
	go func() {
		unlock, err := l.Lock(t.Context())
		if err == nil {
			unlock()
		}
		got <- err
	}()
	unlock()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestGoroutinesTakeTurns(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "write.lock"))
	var wg sync.WaitGroup
	inside := 0
	for range 8 {
		wg.Go(func() {
			for range 50 {
				unlock, err := l.Lock(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				inside++
				if inside != 1 {
					t.Errorf("%d inside", inside)
				}
				inside--
				unlock()
			}
		})
	}
	wg.Wait()
}

func TestShare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.lock")
	a, b, c := open(t, path), open(t, path), open(t, path)
	unlockA, errA := a.TryShare()
	unlockB, errB := b.TryShare()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	unlockA()
	var busy *hostlock.BusyError
	if _, err := c.TryLock(); !errors.As(err, &busy) {
		t.Fatalf("TryLock beside a sharer = %v", err)
	}
	unlockB()
	unlock, err := c.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.TryShare(); !errors.As(err, &busy) {
		t.Fatalf("TryShare beside a holder = %v", err)
	}
	unlock()
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "write.lock")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := hostlock.Open(filepath.Join(dir, "link")); err == nil {
		t.Error("followed a symbolic link")
	}
}
