package ldapd

import (
	"net"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

// bindRaw binds on a bare connection and returns it once the server has agreed.
func (w *world) bindRaw(dn string) net.Conn {
	w.t.Helper()
	c := w.raw()
	if _, err := c.Write(bindPDU(dn)); err != nil {
		w.t.Fatal(err)
	}
	pdu, err := wire.NewReader(c).Next(1 << 16)
	if err != nil || pdu[9] != 0 {
		w.t.Fatalf("bind as %s: % x, %v", dn, pdu, err)
	}
	return c
}

// bindPDU is a simple bind with the right password.
func bindPDU(dn string) []byte { return simpleBind(dn, password) }

func simpleBind(dn, password string) []byte {
	bind := wire.AppendOctets([]byte{2, 1, 3}, dn)
	bind = append(wire.AppendHeader(bind, 0x80, len(password)), password...)
	msg := append(wire.AppendHeader([]byte{2, 1, 1}, 0x60, len(bind)), bind...)
	return append(wire.AppendHeader(nil, 0x30, len(msg)), msg...)
}

// TestBoundConnectionsEnd is the promise of this server: within a second of the change.
func TestBoundConnectionsEnd(t *testing.T) {
	tests := []struct {
		name string
		dn   string
		do   func(w *world, tx *directory.Writer) error
	}{
		{"disabled", aliceDN, func(w *world, tx *directory.Writer) error {
			_, err := tx.DisableUser(w.alice.ID, "test")
			return err
		}},
		{"locked down", aliceDN, func(w *world, tx *directory.Writer) error {
			_, err := tx.Lockdown(w.alice.ID, "test")
			return err
		}},
		{"deleted", aliceDN, func(w *world, tx *directory.Writer) error { return tx.DeleteUser(w.alice.ID) }},
		{"disabled and enabled again", aliceDN, func(w *world, tx *directory.Writer) error {
			if _, err := tx.DisableUser(w.alice.ID, "test"); err != nil {
				return err
			}
			_, err := tx.EnableUser(w.alice.ID, false)
			return err
		}},
		{"expired", aliceDN, func(w *world, tx *directory.Writer) error {
			_, err := tx.UpdateUser(w.alice.ID, func(u *directory.User) error {
				u.Expires = time.Now().Add(300 * time.Millisecond)
				return nil
			})
			return err
		}},
		{"service account loses a grant", readerDN, func(w *world, tx *directory.Writer) error {
			return tx.Revoke(w.reader.ID, directory.ReadDirectory)
		}},
		{"a grant ends by itself", readerDN, func(w *world, tx *directory.Writer) error {
			return tx.Grant(w.reader.ID, directory.ReadDirectory, time.Now().Add(300*time.Millisecond))
		}},
		{"a membership that let her in ends by itself", aliceDN, func(w *world, tx *directory.Writer) error {
			app, err := tx.AppBySlug(directory.AppDirectory)
			if err != nil {
				return err
			}
			if err := tx.ReplaceMembers(w.staff.ID, directory.Membership{User: w.alice.ID, Ends: time.Now().Add(300 * time.Millisecond)}); err != nil {
				return err
			}
			return tx.SetBindings(app.ID, []directory.Binding{
				{Kind: directory.BindUser, Ref: int64(w.bob.ID), RefName: "bob"},
				{Kind: directory.BindGroup, Ref: int64(w.staff.ID), RefName: "staff"},
			}, false)
		}},
		{"shut out of the app", aliceDN, func(w *world, tx *directory.Writer) error {
			app, err := tx.AppBySlug(directory.AppDirectory)
			if err != nil {
				return err
			}
			return tx.SetBindings(app.ID, []directory.Binding{{Kind: directory.BindUser, Ref: int64(w.bob.ID), RefName: "bob"}}, false)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			victim, other := w.bindRaw(tt.dn), w.bound(bobDN)
			start := time.Now()
			w.write(func(tx *directory.Writer) error { return tt.do(w, tx) })
			got := answers(t, victim)
			took := time.Since(start)
			if len(got) != 1 || !isNotice(got[0], wire.StrongerAuthRequired) {
				t.Fatalf("got %q, want a notice of disconnection", got)
			}
			if limit := 2500 * time.Millisecond; took > limit {
				t.Errorf("took %s", took)
			}
			t.Logf("closed after %s", took)
			if _, err := other.WhoAmI(nil); err != nil {
				t.Errorf("Bob's connection: %v", err)
			}
		})
	}
}

// TestLeftAlone: changes that take nothing away do not end anybody's connection.
func TestLeftAlone(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(aliceDN)
	w.write(func(tx *directory.Writer) error {
		if _, err := tx.UpdateUser(w.alice.ID, func(u *directory.User) error {
			u.Profile.Set("title", "Director")
			return nil
		}); err != nil {
			return err
		}
		if _, err := tx.DisableUser(w.bob.ID, "test"); err != nil {
			return err
		}
		_, err := tx.RemoveMembers(w.staff.ID, w.alice.ID)
		return err
	})
	head, err := w.dir.Barrier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	soon(t, "the change was seen", func() bool {
		w.server.bound.mu.Lock()
		defer w.server.bound.mu.Unlock()
		return w.server.bound.seq >= head.Seq && len(w.server.bound.again) == 0
	})
	if _, err := c.WhoAmI(nil); err != nil {
		t.Error(err)
	}
}

// TestBindThatRacesWithADisable: the change was seen before the connection was registered.
func TestBindThatRacesWithADisable(t *testing.T) {
	b := newBoundRegistry()
	b.seen(directory.Change{Seq: 10, Kind: directory.UserStatusChanged, Ref: 7})
	if len(b.take()) != 0 {
		t.Error("nobody is bound, so nobody is looked at")
	}
	who := &identity{actor: directory.Actor{User: 7}}
	b.add(&conn{who: who}, who, time.Time{}, 9)
	if _, ok := b.take()[7]; !ok {
		t.Error("a decision that is older than a change that was seen must be looked at again")
	}
	b.add(&conn{who: who}, who, time.Time{}, 10)
	if len(b.take()) != 0 {
		t.Error("a newer decision needs no second look")
	}
	b.seen(directory.Change{Seq: 11, Kind: "something_new", Ref: 1})
	if len(b.take()) != 1 {
		t.Error("a change of an unknown kind may concern anybody")
	}
}

// TestRebindMovesTheConnection: what happens to the first identity does not concern the connection any more.
func TestRebindMovesTheConnection(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(aliceDN)
	if err := c.Bind(bobDN, password); err != nil {
		t.Fatal(err)
	}
	control := w.bindRaw(aliceDN)
	w.write(func(tx *directory.Writer) error {
		_, err := tx.Lockdown(w.alice.ID, "test")
		return err
	})
	_ = answers(t, control)
	if id, err := c.WhoAmI(nil); err != nil || id.AuthzID != "dn:"+bobDN {
		t.Errorf("%v, %v", id, err)
	}
}

// TestDropDoesNotWaitForASlowReader: a client that does not read its answers cannot keep a connection that was revoked.
func TestDropDoesNotWaitForASlowReader(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bindRaw(aliceDN)
	// Ask for the schema until the server cannot send any more.
	schema := "\x30\x3b\x02\x01\x02\x63\x36\x04\x0ccn=subschema\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x0a\x04\x01+\x04\x01*\x04\x02cn"
	_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	for {
		if _, err := c.Write([]byte(schema)); err != nil {
			break
		}
	}
	start := time.Now()
	w.write(func(tx *directory.Writer) error {
		_, err := tx.Lockdown(w.alice.ID, "test")
		return err
	})
	soon(t, "the connection ends", func() bool {
		w.server.mu.Lock()
		defer w.server.mu.Unlock()
		return len(w.server.open) == 0
	})
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestDroppedConnectionDoesNothingMore(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(aliceDN)
	w.write(func(tx *directory.Writer) error {
		_, err := tx.Lockdown(w.alice.ID, "test")
		return err
	})
	soon(t, "the client notices", func() bool {
		_, err := c.WhoAmI(nil)
		return code(err) == -1 || code(err) == ldap.LDAPResultStrongAuthRequired
	})
}
