// Package hostlock is a lock between the processes of one host: flock(2) on a
// file, with a wait that can be cancelled and a holder that can be named.
//
// Guarantees: the kernel releases the lock when its holder dies, however it
// dies; a waiter whose context ends returns at once, and if the kernel grants
// the lock afterwards it is given back in the same moment; goroutines of one
// process wait in the order they came. It does not work between hosts, and
// network file systems are not tried.
package hostlock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// pidWidth is the size of the holder's note: a padded number and a newline,
// so that a new note covers an old one without truncating.
const pidWidth = 11

// Lock is a lock file. All methods may be called by several goroutines.
type Lock struct {
	file *os.File
	conn syscall.RawConn
	turn chan struct{} // held by the goroutine that holds or waits for the lock

	waiter *waiter // blocked in the kernel for nobody; guarded by turn
}

// waiter is a goroutine blocked in flock.
type waiter struct {
	mu       sync.Mutex
	wanted   bool // somebody is waiting for granted
	finished bool
	granted  chan error
}

// BusyError says that somebody else has the lock.
type BusyError struct {
	Path string
	PID  int   // of the holder, as far as it left a note; 0 is unknown
	Err  error // why the wait ended; nil when there was none
}

// Error names the file and the holder.
func (e *BusyError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	if e.Err == nil {
		return fmt.Sprintf("%s is locked by %s", e.Path, holder)
	}
	return fmt.Sprintf("%s is locked by %s: %v", e.Path, holder, e.Err)
}

// Unwrap returns why the wait ended.
func (e *BusyError) Unwrap() error { return e.Err }

// Open opens the lock file, creating it with mode 0660 for the daemons of one
// group. It takes no lock.
func Open(path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o660)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := shareWithGroup(file); err != nil {
		return nil, errors.Join(fmt.Errorf("open lock file: %w", err), file.Close())
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open lock file: %w", err), file.Close())
	}
	return &Lock{file: file, conn: conn, turn: make(chan struct{}, 1)}, nil
}

// shareWithGroup undoes the umask on a file of our own.
func shareWithGroup(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm() == 0o660 {
		return nil
	}
	return file.Chmod(0o660)
}

// Lock waits until this process alone has the lock, and returns the function
// that releases it (later calls do nothing). When ctx ends first the error
// is a *BusyError that wraps the cause.
func (l *Lock) Lock(ctx context.Context) (unlock func(), err error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, l.busy(context.Cause(ctx))
	}
	if err := l.wait(ctx); err != nil {
		<-l.turn
		return nil, err
	}
	return l.held(), nil
}

// TryLock takes the lock if it is free; otherwise the error is a *BusyError.
func (l *Lock) TryLock() (unlock func(), err error) { return l.try(syscall.LOCK_EX) }

// TryShare takes the lock together with others that share it, unless one
// holder has it alone; then the error is a *BusyError.
func (l *Lock) TryShare() (unlock func(), err error) { return l.try(syscall.LOCK_SH) }

func (l *Lock) try(how int) (func(), error) {
	select {
	case l.turn <- struct{}{}:
	default:
		return nil, l.busy(nil)
	}
	if err := l.flock(how | syscall.LOCK_NB); err != nil {
		<-l.turn
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, l.busy(nil)
		}
		return nil, fmt.Errorf("lock %s: %w", l.file.Name(), err)
	}
	return l.held(), nil
}

// held leaves the note of the holder and returns the release function.
func (l *Lock) held() func() {
	// The note only serves an error message: a disk that is full must not keep
	// anybody from locking.
	_, _ = l.file.WriteAt(fmt.Appendf(nil, "%-*d\n", pidWidth-1, os.Getpid()), 0)
	return sync.OnceFunc(func() {
		_ = l.flock(syscall.LOCK_UN) // fails only when closed, which released it
		<-l.turn
	})
}

// wait blocks until the lock is granted or ctx ends. The caller has the turn.
func (l *Lock) wait(ctx context.Context) error {
	w := l.adopt()
	if w == nil {
		err := l.flock(syscall.LOCK_EX | syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
		w = &waiter{wanted: true, granted: make(chan error, 1)}
		l.waiter = w
		go l.block(w)
	}
	select {
	case err := <-w.granted:
		l.waiter = nil
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
		return nil
	case <-ctx.Done():
		l.abandon(w)
		return l.busy(context.Cause(ctx))
	}
}

// adopt returns the waiter that an earlier, cancelled call left in the
// kernel's queue, or nil.
func (l *Lock) adopt() *waiter {
	w := l.waiter
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		l.waiter = nil
		return nil
	}
	w.wanted = true
	return w
}

// abandon leaves w in the kernel's queue for nobody, or gives back what it
// got in this moment.
func (l *Lock) abandon(w *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished {
		w.wanted = false
		return
	}
	l.waiter = nil
	if err := <-w.granted; err == nil {
		_ = l.flock(syscall.LOCK_UN)
	}
}

// block waits in the kernel and hands the lock to whoever wants it by then.
func (l *Lock) block(w *waiter) {
	err := l.flock(syscall.LOCK_EX)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = true
	switch {
	case w.wanted:
		w.granted <- err
	case err == nil:
		_ = l.flock(syscall.LOCK_UN)
	}
}

func (l *Lock) flock(how int) error {
	var flockErr error
	err := l.conn.Control(func(fd uintptr) {
		for {
			if flockErr = syscall.Flock(int(fd), how); !errors.Is(flockErr, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, flockErr)
}

func (l *Lock) busy(cause error) error {
	return &BusyError{Path: l.file.Name(), PID: l.Holder(), Err: cause}
}

// Holder returns the process id that the last holder left in the file, or 0.
// It is only worth something while the lock is held.
func (l *Lock) Holder() int {
	var note [pidWidth]byte
	n, _ := l.file.ReadAt(note[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(note[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// Close closes the file and thereby releases the lock. A waiter of this
// process that is blocked in the kernel keeps the file open until it is granted.
func (l *Lock) Close() error { return l.file.Close() }
