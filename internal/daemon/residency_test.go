package daemon

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someMappings = `00400000-00d54000 r-xp 00000000 fe:01 42                         /usr/sbin/ldapd
Size:               9552 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
00d54000-017f9000 r--p 00954000 fe:01 42                         /usr/sbin/ldapd
Rss:               10504 kB
Anonymous:             0 kB
017f9000-01800000 r--p 013f9000 fe:01 42                         /usr/sbin/ldapd
Anonymous:            28 kB
01800000-018e0000 rw-p 01400000 fe:01 42                         /usr/sbin/ldapd
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:01 43                 /usr/lib/libc.so.6
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0                      [anon: Go: heap]
Anonymous:          4096 kB
`

// TestClean: only what can be read from the program file again is given back.
func TestClean(t *testing.T) {
	got, err := clean(strings.NewReader(someMappings), "/usr/sbin/ldapd")
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{{0x400000, 0xd54000}, {0xd54000, 0x17f9000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"no mapping\n", "00400000-00d54000 r-xp 0 0:0 1 /f\nAnonymous: many\n"} {
		if got, err := clean(strings.NewReader(bad), "/f"); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// TestSettle: the program goes on.
func TestSettle(t *testing.T) {
	if err := settle(); err != nil {
		t.Error(err)
	}
}
