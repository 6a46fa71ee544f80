package stage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a server that runs in the background. Its output is kept. Safe
// for concurrent use.
type Process struct {
	Name string

	cmd  *exec.Cmd
	log  journal
	done chan struct{}
}

// Start starts cmd; it is killed when the calling program dies.
func Start(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		// The exit status is read from ProcessState by whoever waits on done.
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the process id, also after the process has ended.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Log is everything the process has written so far.
func (p *Process) Log() string { return p.log.String() }

// Tail is the last lines of Log.
func (p *Process) Tail() string {
	lines := strings.SplitAfter(p.Log(), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal; a process that has ended is not an error.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.Name, err)
	}
	return nil
}

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Stop sends sig and waits for an exit with code 0; after the timeout it kills
// the process and says so.
func (p *Process) Stop(sig os.Signal, timeout time.Duration) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	code, err := p.Wait(timeout)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("%s: exit code %d after %v\n%s", p.Name, code, sig, p.Log())
	}
	return nil
}

// Wait waits for the process to end by itself and returns its exit code, -1
// when a signal ended it. After the timeout the process is killed.
func (p *Process) Wait(timeout time.Duration) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(timeout):
		err := p.Kill()
		return -1, errors.Join(fmt.Errorf("%s: still running after %v\n%s", p.Name, timeout, p.Log()), err)
	}
}

// CPU is the processor time used so far, user and system, of all threads.
// Resolution: 10 ms (the kernel's clock tick).
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		return 0, err
	}
	// proc(5): the fields follow the command name, which is in parentheses.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const utime, stime = 11, 12
	var ticks int64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time of %s: %w", p.Name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// RSS is the resident memory in bytes.
func (p *Process) RSS() (int64, error) { return p.memory("VmRSS") }

// OwnRSS is the part of RSS that is not the mapped program file, which the kernel
// may drop and read again.
func (p *Process) OwnRSS() (int64, error) { return p.memory("RssAnon") }

// memory is a line of proc(5) status, in bytes.
func (p *Process) memory(field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, field+": %d kB", &kib); n == 1 {
			return kib * 1024, nil
		}
	}
	return 0, fmt.Errorf("no %s of %s", field, p.Name)
}

// journal is a buffer that two pipes write and a test reads.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}
