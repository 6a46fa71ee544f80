package directory_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// losable is a store whose database can be taken away.
type losable struct {
	directory.Store
	lost atomic.Bool
}

var errLost = &directory.Error{Kind: directory.Unavailable, Msg: "the database is away"} //nolint:gochecknoglobals // a constant

func (s *losable) Head(ctx context.Context) (directory.Head, error) {
	if s.lost.Load() {
		return directory.Head{}, errLost
	}
	return s.Store.Head(ctx)
}

func (s *losable) View(ctx context.Context, fn func(*directory.Tx) error) error {
	if s.lost.Load() {
		return errLost
	}
	return s.Store.View(ctx, fn)
}

// TestALostStoreIsNeverAWrongPassword: neither with everything cached nor for
// strangers, and all is well again when it is back.
func TestALostStoreIsNeverAWrongPassword(t *testing.T) {
	store := &losable{Store: directorytest.OpenSQLite(t)}
	f := &fixture{t: t, clock: directorytest.NewClock(), store: store}
	f.Directory = directorytest.Core(t, store, nil)
	alice := f.user("alice", "correct horse")
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
	store.lost.Store(true)
	for _, name := range []string{"alice", "nobody"} {
		for _, password := range []directory.Secret{"correct horse", "wrong"} {
			d, err := f.Authenticate(t.Context(), directory.Attempt{
				Name: name, Protocol: directory.ProtocolLDAP,
				Proof: directory.PasswordProof{Password: password},
			})
			if !directory.Is(err, directory.Unavailable) || d.Outcome != "" {
				t.Errorf("%s with %s: decided %q, error %v; want unavailable", name, password.Reveal(), d.Outcome, err)
			}
		}
	}
	if _, err := f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch}); !directory.Is(err, directory.Unavailable) {
		t.Errorf("authorize: %v, want unavailable", err)
	}
	store.lost.Store(false)
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
}

func TestErrorsThatAreNotOursSayNothing(t *testing.T) {
	for _, tt := range []struct {
		err  error
		kind directory.Kind
		msg  string
	}{
		{errors.New("pq: relation secret does not exist"), directory.Internal, "internal"},
		{&directory.Error{Msg: "detail for nobody"}, directory.Internal, "internal"},
		{context.DeadlineExceeded, directory.Unavailable, "unavailable"},
		{&directory.Error{Kind: directory.Exists, Entity: "user", Msg: "alice is taken", Err: errors.New("secret")}, directory.Exists, "user: alice is taken"},
	} {
		if got := directory.KindOf(tt.err); got != tt.kind {
			t.Errorf("%v is %v, want %v", tt.err, got, tt.kind)
		}
		if got := directory.Message(tt.err); got != tt.msg {
			t.Errorf("%v says %q, want %q", tt.err, got, tt.msg)
		}
	}
}
