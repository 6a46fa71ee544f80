package ldapd

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/ldapd/wire"
)

// hammer sends the same PDU over several connections, waiting for the answer each time, and counts answered requests.
func hammer(b *testing.B, w *world, conns []net.Conn, pdu []byte) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var clients sync.WaitGroup
	b.ResetTimer()
	begin := spent(b)
	for _, c := range conns {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		clients.Go(func() {
			r := wire.NewReader(c)
			for left.Add(-1) >= 0 {
				if _, err := c.Write(pdu); err != nil {
					b.Error(err)
					return
				}
				for {
					got, err := r.Next(1 << 24)
					if err != nil {
						b.Error(err)
						return
					}
					if last(got) {
						break
					}
				}
			}
		})
	}
	clients.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64((spent(b)-begin).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}

// spent returns the CPU time of this process, clients included.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// last tells whether a PDU ends an answer: anything but an entry.
func last(pdu []byte) bool {
	at := 2
	if pdu[1] >= 0x80 {
		at += int(pdu[1] & 0x7f)
	}
	return wire.Op(pdu[at+2+int(pdu[at+1])]) != wire.OpSearchEntry
}

func quiet(c *Config) { c.Logger = slog.New(slog.DiscardHandler) }

func (w *world) connections(n int, dn string) []net.Conn {
	out := make([]net.Conn, n)
	for i := range out {
		out[i] = w.bindRaw(dn)
	}
	return out
}

func BenchmarkSearchByUID(b *testing.B) {
	w := newWorld(b, quiet)
	w.crowd(1000, 10)
	hammer(b, w, w.connections(16, readerDN), request(9, "ou=users,"+baseDN, "(uid=p0500)"))
}

func BenchmarkRootDSE(b *testing.B) {
	w := newWorld(b, quiet)
	hammer(b, w, w.connections(16, readerDN), []byte(rootSearch))
}

func BenchmarkCachedBind(b *testing.B) {
	w := newWorld(b, quiet)
	hammer(b, w, w.connections(16, aliceDN), bindPDU(aliceDN))
}

// BenchmarkDump reads everybody in pages of 500; its unit is one entry.
func BenchmarkDump(b *testing.B) {
	const people = 5000
	w := newWorld(b, quiet)
	w.crowd(people, 10)
	c := w.bindRaw(readerDN)
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	pdu := request(9, "ou=users,"+baseDN, "(objectClass=person)")
	r := wire.NewReader(c)
	b.ResetTimer()
	for sent := 0; sent < b.N; sent += people {
		if _, err := c.Write(pdu); err != nil {
			b.Fatal(err)
		}
		for {
			got, err := r.Next(1 << 24)
			if err != nil {
				b.Fatal(err)
			}
			if last(got) {
				break
			}
		}
	}
}
