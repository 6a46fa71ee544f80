package ldapd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/ldapd/wire"
)

// rootSearch is a base search of the root DSE.
const rootSearch = "\x30\x25\x02\x01\x07\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x00"

func TestEvilOctets(t *testing.T) {
	w := newWorld(t, nil)
	nested := func(n int) string {
		var b []byte
		for range n {
			b = append([]byte{0x30, 0x84, 0, 0, 0, 0}, b...)
		}
		return string(b)
	}
	tests := []struct{ name, in string }{
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"indefinite length", "\x30\x80\x02\x01\x01\x42\x00\x00\x00"},
		{"5 length octets", "\x30\x85\x00\x00\x00\x00\x05\x02\x01\x01\x42\x00"},
		{"4 GiB", "\x30\x84\xff\xff\xff\xff\x02\x01\x01"},
		{"just over 256 KiB before a bind", "\x30\x83\x04\x00\x01"},
		{"message id 0", "\x30\x05\x02\x01\x00\x42\x00"},
		{"a response", "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"},
		{"unknown operation", "\x30\x05\x02\x01\x01\x7e\x00"},
		{"nested sequences", nested(2000)},
		{"zeros", strings.Repeat("\x00", 4096)},
		{"0xff", strings.Repeat("\xff", 4096)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.raw()
			_, _ = io.WriteString(c, tt.in)
			got := answers(t, c)
			if len(got) != 1 || !isNotice(got[0], wire.ProtocolError) {
				t.Errorf("got %q, want one notice of disconnection", got)
			}
		})
	}
	if _, err := w.dial().WhoAmI(nil); err != nil {
		t.Errorf("others are not served any more: %v", err)
	}
}

func TestAnswerableMistakesLeaveTheConnection(t *testing.T) {
	w := newWorld(t, nil)
	c := w.raw()
	mistakes := []struct {
		name, in string
		want     byte
	}{
		{"scope 3", "30250201016320 0400 0a0103 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000", ldap.LDAPResultProtocolError},
		{"presence of nothing", "301a0201016315 0400 0a0100 0a0100 020100 020100 010100 8700 3000", ldap.LDAPResultProtocolError},
		{"base that is no name", "30260201016321 040178 0a0100 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000", ldap.LDAPResultInvalidDNSyntax},
		{"unknown extended operation", "300a0201017705 8003312e32", ldap.LDAPResultProtocolError},
		{"delete", "3008020101 4a03613d62", ldap.LDAPResultInsufficientAccessRights},
	}
	for _, m := range mistakes {
		b, err := hex.DecodeString(strings.ReplaceAll(m.in, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		pdu, err := wire.NewReader(c).Next(1 << 16)
		if err != nil || len(pdu) < 10 || pdu[9] != m.want {
			t.Errorf("%s: % x, %v", m.name, pdu, err)
		}
	}
}

func TestControls(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	search := func(controls ...ldap.Control) error {
		_, err := c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, false, "(objectClass=*)", nil, controls))
		return err
	}
	unknown := "1.2.3.4.5"
	tests := []struct {
		name    string
		control ldap.Control
		want    int
	}{
		{"unknown and critical", ldap.NewControlString(unknown, true, ""), ldap.LDAPResultUnavailableCriticalExtension},
		{"unknown", ldap.NewControlString(unknown, false, ""), 0},
		{"ManageDsaIT", ldap.NewControlManageDsaIT(true), 0},
		{"paged", ldap.NewControlPaging(10), 0},
		{"paged without a value", ldap.NewControlString(wire.OIDPagedResults, true, "x"), ldap.LDAPResultProtocolError},
	}
	for _, tt := range tests {
		if got := code(search(tt.control)); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
	r := ldap.NewSimpleBindRequest(aliceDN, password, []ldap.Control{ldap.NewControlPaging(10)})
	r.Controls[0] = ldap.NewControlString(wire.OIDPagedResults, true, "")
	if _, err := c.SimpleBind(r); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("a control that does not fit the operation: %v", err)
	}
}

func TestPipelinedAnswersComeInOrderAndTogether(t *testing.T) {
	w := newWorld(t, nil)
	c := w.raw()
	const n = 50
	var in bytes.Buffer
	for i := range n {
		pdu := []byte(rootSearch)
		pdu[4] = byte(i + 1)
		in.Write(pdu)
	}
	in.WriteString("\x30\x05\x02\x01\x7f\x42\x00")
	if _, err := c.Write(in.Bytes()); err != nil {
		t.Fatal(err)
	}
	got := answers(t, c)
	if len(got) != 2*n {
		t.Fatalf("%d answers, want %d", len(got), 2*n)
	}
	for i := range n {
		entry, done := got[2*i], got[2*i+1]
		// The message id follows the header of the outer sequence.
		if done[4] != byte(i+1) || !bytes.Contains(entry[:8], []byte{2, 1, byte(i + 1)}) {
			t.Fatalf("answer %d: ids % x, % x", i, entry[:8], done[:8])
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Connections = 3 })
	var open []net.Conn
	for range 3 {
		c := w.raw()
		_, _ = io.WriteString(c, rootSearch)
		if _, err := c.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if _, err := w.raw().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the fourth: %v", err)
	}
	_ = open[0].Close()
	soon(t, "a place is free again", func() bool {
		c, err := net.Dial("tcp", w.plain)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, rootSearch)
		_, err = c.Read(make([]byte, 16))
		return err == nil
	})
	one := newWorld(t, func(c *Config) { c.Limits.PerAddress = 1 })
	c := one.raw()
	_, _ = io.WriteString(c, rootSearch)
	if _, err := c.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if _, err := one.raw().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the second of one address: %v", err)
	}
}

func TestPDULimitGrowsWithABind(t *testing.T) {
	w := newWorld(t, nil)
	// A compare with a value of 300 KiB: over the limit before a bind, under it after.
	body := wire.AppendOctets(nil, aliceDN)
	assertion := wire.AppendOctets(wire.AppendOctets(nil, "cn"), strings.Repeat("x", 300<<10))
	body = append(wire.AppendHeader(body, 0x30, len(assertion)), assertion...)
	msg := append(wire.AppendHeader([]byte{2, 1, 2}, 0x6e, len(body)), body...)
	pdu := append(wire.AppendHeader(nil, 0x30, len(msg)), msg...)

	c := w.raw()
	go func() { _, _ = c.Write(pdu) }()
	if got := answers(t, c); len(got) > 1 || len(got) == 1 && !isNotice(got[0], wire.ProtocolError) {
		t.Errorf("before: %q", got)
	}
	c = w.bindRaw(aliceDN)
	if _, err := c.Write(pdu); err != nil {
		t.Fatal(err)
	}
	got, err := wire.NewReader(c).Next(1 << 16)
	if err != nil || isNotice(got, wire.ProtocolError) {
		t.Errorf("after: %q, %v", got, err)
	}
	// One octet over 4 MiB is refused by what it announces.
	if _, err := c.Write([]byte{0x30, 0x83, 0x3f, 0xff, 0xfc}); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, c); len(got) != 1 || !isNotice(got[0], wire.ProtocolError) {
		t.Errorf("4 MiB and an octet: %q", got)
	}
}

func TestDeadlines(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Limits.IdleUnbound, c.Limits.RequestUnbound = 150*time.Millisecond, 150*time.Millisecond
	})
	t.Run("idle", func(t *testing.T) {
		got := answers(t, w.raw())
		if len(got) != 1 || !isNotice(got[0], wire.Unavailable) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("octet by octet", func(t *testing.T) {
		c, start := w.raw(), time.Now()
		for i := 0; ; i++ {
			if _, err := c.Write([]byte(rootSearch[i%len(rootSearch) : i%len(rootSearch)+1])); err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
			if time.Since(start) > 10*time.Second {
				t.Fatal("trickling octets keep a connection open")
			}
			if i == len(rootSearch)-2 {
				break
			}
		}
		_ = answers(t, c)
	})
	t.Run("handshake", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Limits.Handshake = 100 * time.Millisecond })
		c, err := net.Dial("tcp", w.tls)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("read %d octets", n)
		} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("a client that does not begin TLS keeps its connection")
		}
	})
}

func TestPanicEndsOneOperationOnly(t *testing.T) {
	w := newWorld(t, nil)
	w.server.static = append([]*staticEntry{nil}, w.server.static...) // the next static search runs into it
	c := w.dial()
	_, err := c.Search(ldap.NewSearchRequest(subschemaDN, 0, 0, 0, 0, false, "(objectClass=*)", nil, nil))
	if code(err) != ldap.LDAPResultOther {
		t.Errorf("got %v, want other", err)
	}
	if strings.Contains(err.Error(), "nil") {
		t.Errorf("tells the client about it: %v", err)
	}
	if _, err := c.WhoAmI(nil); err != nil {
		t.Errorf("the connection: %v", err)
	}
	if got := w.counted("gatehouse_ldapd_panics_total[]"); got != 1 {
		t.Errorf("counted %v", got)
	}
	if !strings.Contains(w.log.String(), "ldap operation panicked") {
		t.Error("not logged")
	}
}

// TestPanicOutsideAnOperation: nothing that a client sends may end the process, even when the decoder has a bug.
func TestPanicOutsideAnOperation(t *testing.T) {
	w := newWorld(t, nil)
	w.server.msgs.New = func() any { return (*wire.Message)(nil) } // decoding into it panics
	c := w.raw()
	_, _ = io.WriteString(c, rootSearch)
	_ = answers(t, c)
	soon(t, "it is counted", func() bool { return w.counted("gatehouse_ldapd_connections_ended_total[bug]") == 1 })
}

func TestIdleConnectionsAreSmall(t *testing.T) {
	w := newWorld(t, nil)
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	const n = 500
	before := memory()
	for range n {
		c := w.raw()
		_, _ = io.WriteString(c, rootSearch)
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	each := (memory() - before) / n
	t.Logf("%d bytes a connection, the client's side included", each)
	if each > 32<<10 {
		t.Errorf("an idle connection takes %d bytes", each)
	}
}

func TestMetricsAndLog(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	_ = c.Bind(aliceDN, "wrong-secret-7")
	if err := c.Bind(aliceDN, password); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, false, "(objectClass=*)", nil, nil))
	_ = c.Unbind()
	soon(t, "the connection was counted out", func() bool { return w.counted("gatehouse_ldapd_connections_ended_total[unbind]") == 1 })
	for name, want := range map[string]float64{
		"gatehouse_ldapd_operations_total[49 bind]":     1,
		"gatehouse_ldapd_operations_total[0 bind]":      1,
		"gatehouse_ldapd_operations_total[0 search]":    1,
		"gatehouse_ldapd_operations_total[none unbind]": 1,
		"gatehouse_ldapd_entries_total[]":               1,
		"gatehouse_ldapd_connections_total[plain]":      1,
		"gatehouse_ldapd_connections[plain]":            0,
	} {
		soon(t, fmt.Sprintf("%s is %v", name, want), func() bool { return w.counted(name) == want })
	}
	log := w.log.String()
	for _, want := range []string{"result=invalidCredentials", "reason=wrong_password", "reason=ok", "operation=search"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in the log", want)
		}
	}
	if strings.Contains(log, "wrong-secret-7") || strings.Contains(log, password) {
		t.Error("a password is in the log")
	}
}
