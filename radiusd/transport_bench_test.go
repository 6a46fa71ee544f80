package radiusd

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"net"
	"syscall"
	"testing"
	"time"

	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// BenchmarkPacketPath measures everything but the decision, over loopback,
// with 64 requests under way. Its time includes the asker's system calls and
// signing; cpu-µs/op is the processor time of both.
func BenchmarkPacketPath(b *testing.B) {
	s := startTransport(b, "127.0.0.1:0", &client{}, nil)
	ask(b, s.auth.LocalAddr(), signed(b, accessRequest(b, "alice", "correct horse")))
}

// BenchmarkPAP measures whole decisions with the password verified before:
// barrier, rules, session row and audit included, on SQLite.
func BenchmarkPAP(b *testing.B) {
	w := newWorld(b, schema.RADIUSClient{Reply: []schema.Reply{{Group: "staff", VLAN: "101"}}})
	w.ask(accessRequest(b, "alice", alicePassword)) // fills the caches
	ask(b, w.auth, signed(b, accessRequest(b, "alice", alicePassword)))
}

// ask sends the request again and again, each time as a new one.
func ask(b *testing.B, to net.Addr, raw []byte) {
	b.Helper()
	a := dial(b, to)
	key := hmac.New(md5.New, []byte(testSecret))
	p, err := wire.Decode(raw)
	if err != nil {
		b.Fatal(err)
	}
	value, _ := p.Lookup(wire.UserPassword)
	secret := wire.NewKey([]byte(testSecret))
	password, err := wire.RevealPassword(value, p.Authenticator(), secret)
	if err != nil {
		b.Fatal(err)
	}
	at := len(raw) - 16 // the Message-Authenticator is the last attribute
	buf := make([]byte, wire.MaxLength)
	_ = a.conn.SetReadDeadline(time.Now().Add(time.Minute))
	b.ReportAllocs()
	start, n, open := cpuTime(), 0, 0
	for b.Loop() {
		n++
		raw[1] = byte(n)
		binary.BigEndian.PutUint64(raw[4:], uint64(n))
		fresh, err := wire.HidePassword(password, [16]byte(raw[4:]), secret)
		if err != nil {
			b.Fatal(err)
		}
		copy(value, fresh)
		clear(raw[at:])
		key.Reset()
		key.Write(raw)
		key.Sum(raw[at:at])
		a.send(raw)
		if open++; open < 64 {
			continue
		}
		if _, err := a.conn.Read(buf); err != nil {
			b.Fatal(err)
		}
		if wire.Code(buf[0]) != wire.AccessAccept {
			b.Fatalf("answered with %v", wire.Code(buf[0]))
		}
		open--
	}
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/float64(n), "cpu-µs/op")
}

// cpuTime is the processor time this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
