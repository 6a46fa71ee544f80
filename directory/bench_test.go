package directory_test

import (
	"log/slog"
	"net/netip"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// BenchmarkAuthenticateCached is a whole decision with a warm cache: limiter,
// barrier, verified password, app rules and audit.
func BenchmarkAuthenticateCached(b *testing.B) {
	d := directorytest.Core(b, directorytest.OpenSQLite(b), func(c *directory.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	hash, err := d.HashPassword(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	_, err = d.Write(b.Context(), directorytest.Operator(), func(w *directory.Writer) error {
		u, err := w.CreateUser(directory.User{Username: "alice"})
		if err != nil {
			return err
		}
		return w.SetPassword(u.ID, hash)
	})
	if err != nil {
		b.Fatal(err)
	}
	a := directory.Attempt{
		Name: "alice", App: directory.AppDirectory, Protocol: directory.ProtocolLDAP,
		Peer: netip.MustParseAddr("192.0.2.1"), Proof: directory.PasswordProof{Password: "correct horse"},
	}
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			dec, err := d.Authenticate(b.Context(), a)
			if err != nil || !dec.Allowed() {
				b.Fatalf("%s, %v", dec.Reason, err)
			}
		}
	})
}

func BenchmarkBarrier(b *testing.B) {
	d := directorytest.Core(b, directorytest.OpenSQLite(b), nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.Barrier(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
