package radiusd

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"gatehouse/radiusd/wire"
)

// BenchmarkPacketPath measures everything but the decision, over loopback,
// with 64 requests under way. Its time includes the asker's system calls and
// signing; cpu-µs/op is the processor time of both.
func BenchmarkPacketPath(b *testing.B) {
	s := startTransport(b, "127.0.0.1:0", &client{}, nil)
	a := dial(b, s.auth.LocalAddr())
	raw := signed(b, accessRequest(b, "alice", "correct horse"))
	p, err := wire.Decode(raw)
	if err != nil {
		b.Fatal(err)
	}
	at := len(raw) - 16
	if _, last := p.Lookup(wire.MessageAuthenticator); !last {
		b.Fatal("no Message-Authenticator")
	}
	mac := hmac.New(md5.New, []byte(testSecret))
	buf := make([]byte, wire.MaxLength)
	_ = a.conn.SetReadDeadline(time.Now().Add(time.Minute))
	b.ReportAllocs()
	start, n, open := cpuTime(), 0, 0
	for b.Loop() {
		n++
		raw[1] = byte(n)
		binary.BigEndian.PutUint64(raw[4:], uint64(n))
		clear(raw[at:])
		mac.Reset()
		mac.Write(raw)
		mac.Sum(raw[at:at])
		a.send(raw)
		if open++; open < 64 {
			continue
		}
		if _, err := a.conn.Read(buf); err != nil {
			b.Fatal(err)
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
