package sqlstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/sqlstore"

	"github.com/google/go-cmp/cmp"
)

func someone(n int) directory.User {
	name := fmt.Sprintf("user%d", n)
	return directory.User{
		ID: directory.UserID(n), UID: name, Kind: directory.Person, Username: name, NameKey: name, Status: directory.Active,
		Profile: directory.Attributes{"title": {"tab\tand\\\nnewline"}}, Source: "local", Epoch: 5, Created: directorytest.Start, Updated: time.Now(),
	}
}

func addUser(t *testing.T, s *sqlstore.Store, n int) {
	t.Helper()
	u := someone(n)
	_, err := s.Update(t.Context(), func(tx *directory.Tx) error {
		return errors.Join(tx.Users.Insert(u), tx.PosixIDs.Insert(directory.PosixID{Number: int64(n), OwnerUID: u.UID}),
			tx.Sessions.Insert(directory.Session{Hash: []byte{byte(n)}, User: u.ID, Created: u.Created}),
			tx.Tokens.Insert(directory.Token{Hash: []byte{byte(n)}, Kind: "code", Created: u.Created}),
			tx.Credentials.Insert(directory.Credential{ID: directory.CredentialID(n), User: u.ID, Kind: directory.CredentialTOTP, Sealed: []byte{0, 255}}),
			tx.Feed.Append(directory.Change{Kind: directory.UserCreated, Ref: int64(n)}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A backup is taken while others write; what it brings back is consistent, and
// nothing that was open at that time is open afterwards.
func TestBackupAndRestore(t *testing.T) {
	pg := directorytest.StartPostgres(t)
	for name, cfg := range map[string]sqlstore.Config{
		"sqlite": {URL: "sqlite:", DataDir: t.TempDir()}, "postgres": {URL: pg.Database(t), DataDir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sqlstore.Migrate(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			backup := backupUnderLoad(t, cfg)
			into := cfg
			if name == "postgres" {
				_, err := sqlstore.Restore(t.Context(), cfg, bytes.NewReader(backup))
				if !directory.Is(err, directory.Exists) {
					t.Errorf("restore into a database that is in use: %v", err)
				}
				into.URL = pg.Database(t)
			}
			for _, broken := range [][]byte{backup[:len(backup)/2], []byte("no backup"), flipped(backup)} {
				if _, err := sqlstore.Restore(t.Context(), into, bytes.NewReader(broken)); err == nil {
					t.Error("a damaged backup was restored")
				}
				if name == "postgres" {
					into.URL = pg.Database(t)
				}
			}
			restored, err := sqlstore.Restore(t.Context(), into, bytes.NewReader(backup))
			if err != nil {
				t.Fatal(err)
			}
			if restored.At.IsZero() || (name == "sqlite") != (len(restored.Newer) > 0) {
				t.Errorf("restored = %+v", restored)
			}
			checkRestored(t, into, name == "sqlite")
		})
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	for i := len(b) / 3; i < len(b)*2/3; i += 97 {
		b[i] ^= 0x55
	}
	return b
}

func backupUnderLoad(t *testing.T, cfg sqlstore.Config) []byte {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	addUser(t, s, 1)
	var wg sync.WaitGroup
	for i := 2; i <= 40; i++ {
		wg.Go(func() { addUser(t, s, i) })
	}
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	addUser(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func checkRestored(t *testing.T, cfg sqlstore.Config, inPlace bool) {
	t.Helper()
	s := directorytest.Open(t, cfg)
	head, err := s.Head(t.Context())
	if err != nil || head.Epoch < 2 {
		t.Errorf("head = %v, %v", head, err)
	}
	err = s.View(t.Context(), func(tx *directory.Tx) error {
		users := 0
		for u, err := range tx.Users.Find(directory.UserQuery{}) {
			if err != nil {
				return err
			}
			want := someone(int(u.ID))
			want.Epoch += 1 << 20
			want.Attrs, want.Updated = directory.Attributes{}, u.Updated
			if diff := cmp.Diff(want, u); diff != "" || u.ID == 100 {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			users++
		}
		creds, err := tx.Credentials.Count(directory.CredentialQuery{})
		if users == 0 || creds != users || users != int(head.Seq) || err != nil {
			t.Errorf("%d users, %d credentials, %v, %v", users, creds, head, err)
		}
		sessions, err := tx.Sessions.Count(directory.SessionQuery{})
		tokens, err2 := tx.Tokens.Count(directory.TokenQuery{})
		if sessions != 0 || tokens != 0 {
			t.Errorf("%d sessions and %d tokens came back to life", sessions, tokens)
		}
		for p, err3 := range tx.PosixIDs.Find(directory.PosixIDQuery{Highest: true}) {
			if err3 != nil || inPlace && (p.Number != 100 || p.Released.IsZero()) {
				t.Errorf("highest posix number = %+v, %v", p, err3)
			}
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
	addUser(t, s, 200)
	if inPlace {
		if _, err := os.Stat(filepath.Join(cfg.DataDir, "directory.db.before-restore")); err != nil {
			t.Error(err)
		}
		left, _ := filepath.Glob(filepath.Join(cfg.DataDir, "*restoring*"))
		hidden, _ := filepath.Glob(filepath.Join(cfg.DataDir, ".backup*"))
		if len(left)+len(hidden) > 0 {
			t.Errorf("left behind: %v %v", left, hidden)
		}
	}
}
