package doorbell_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatehouse/internal/doorbell"
)

func listen(t *testing.T, dir, kind string) *doorbell.Bell {
	t.Helper()
	b, err := doorbell.Listen(dir, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func ringer(t *testing.T, dir string) *doorbell.Ringer {
	t.Helper()
	r, err := doorbell.NewRinger(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func rung(t *testing.T, b *doorbell.Bell) {
	t.Helper()
	select {
	case <-b.Rings():
	case <-time.After(5 * time.Second):
		t.Fatal("no ring")
	}
}

func TestRing(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("deep/", 25))
	if err := os.MkdirAll(long, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"short path": t.TempDir(), "path longer than a socket address": long} {
		t.Run(name, func(t *testing.T) {
			a, b, jobs := listen(t, dir, "feed"), listen(t, dir, "feed"), listen(t, dir, "jobs")
			r := ringer(t, dir)
			for range 1000 { // more than a queue holds: must not block
				r.Ring("feed")
			}
			rung(t, a)
			rung(t, b)
			select {
			case <-jobs.Rings():
				t.Error("a ring of another kind")
			default:
			}
		})
	}
}

func TestRingWithoutListeners(t *testing.T) {
	ringer(t, filepath.Join(t.TempDir(), "absent")).Ring("feed")
}

func TestCloseRemovesTheSocket(t *testing.T) {
	dir := t.TempDir()
	if err := listen(t, dir, "feed").Close(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	r := ringer(t, dir)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.Ring("feed")
}

// A process that was killed leaves its socket; the next ring removes it.
func TestStaleSocketIsRemoved(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "feed.1.dead.bell")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: stale}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	ringer(t, dir).Ring("feed")
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
}

func TestListenNeedsTheDirectory(t *testing.T) {
	if _, err := doorbell.Listen(filepath.Join(t.TempDir(), "absent"), "feed"); err == nil {
		t.Error("listened in a directory that does not exist")
	}
}

func BenchmarkRing(b *testing.B) {
	dir := b.TempDir()
	bell, err := doorbell.Listen(dir, "feed")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = bell.Close() }()
	r, err := doorbell.NewRinger(dir)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r.Ring("feed")
	}
}
