package daemon

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// settle gives back what only the start needed: free heap, and the pages of the
// program file, of which a start touches nearly all and a running daemon less
// than a tenth. They stay in the page cache and come back when they are used;
// until then the kernel can take them as soon as it needs the memory.
func settle() error {
	debug.FreeOSMemory()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("read the mappings: %w", err)
	}
	mappings, err := clean(bytes.NewReader(smaps), program)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			err = errors.Join(err, fmt.Errorf("give back %x-%x: %w", m.start, m.end, errno))
		}
	}
	return err
}

// mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// clean returns the mappings of a file in smaps (proc_pid_smaps(5)) that hold
// nothing but what is in the file: neither writable, nor written by a dynamic
// linker before they became read-only.
func clean(smaps io.Reader, file string) ([]mapping, error) {
	var out []mapping
	var last mapping
	candidate := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		name, value, field := strings.Cut(line, ": ")
		if !field || strings.Contains(name, " ") {
			var permissions string
			if _, err := fmt.Sscanf(line, "%x-%x %s", &last.start, &last.end, &permissions); err != nil {
				return nil, fmt.Errorf("read the mapping %q: %w", line, err)
			}
			candidate = (permissions == "r-xp" || permissions == "r--p") && strings.HasSuffix(line, " "+file)
			continue
		}
		if !candidate || name != "Anonymous" {
			continue
		}
		kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			return nil, fmt.Errorf("read the mapping's %q: %w", line, err)
		}
		if kib == 0 {
			out = append(out, last)
		}
	}
	return out, lines.Err()
}
