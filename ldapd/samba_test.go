package ldapd

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/directory/schema"
)

const nasDN = "cn=nas1,ou=services," + baseDN

// sambaServer adds the account of a Samba server with these grants, and a Samba password of Alice's, whose NT hash is
// returned.
func (w *world) sambaServer(profile schema.LDAPProfile, grants ...directory.Right) (nas directory.User, hash string) {
	w.t.Helper()
	verifier, err := w.dir.HashPassword(w.t.Context(), password)
	if err != nil {
		w.t.Fatal(err)
	}
	head := w.write(func(tx *directory.Writer) (err error) {
		nas, err = tx.CreateUser(directory.User{
			Username: "nas1", Kind: directory.ServiceAccount, Attrs: directory.Attributes{directory.AttrLDAPProfile: {string(profile)}},
		})
		if err != nil {
			return err
		}
		for _, g := range grants {
			if err := tx.Grant(nas.ID, g, time.Time{}); err != nil {
				return err
			}
		}
		made, _, err := tx.AddNetworkPassword(directory.NewNetworkPassword{User: w.alice.ID, Kind: directory.CredentialSambaPassword})
		nt := credential.NTHash(made.Reveal())
		hash = strings.ToUpper(hex.EncodeToString(nt[:]))
		if err != nil {
			return err
		}
		return tx.SetPassword(nas.ID, verifier)
	})
	if err := w.index.Wait(w.t.Context(), head.Seq); err != nil {
		w.t.Fatal(err)
	}
	return nas, hash
}

// boundAs connects, with TLS when secure, and binds.
func (w *world) boundAs(dn string, secure bool) *ldap.Conn {
	w.t.Helper()
	c := w.dial()
	if secure {
		if err := c.StartTLS(w.clientTLS()); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := c.Bind(dn, password); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// hashSeen is what a search for the NT hash of Alice returns, and whether a filter finds it.
func hashSeen(t *testing.T, c *ldap.Conn, controls ...ldap.Control) (value string, found bool) {
	t.Helper()
	for _, filter := range []string{"(uid=alice)", "(&(uid=alice)(sambaNTPassword=*))"} {
		r, err := c.Search(ldap.NewSearchRequest(baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, []string{"*", "sambaNTPassword"}, controls))
		if err != nil {
			t.Fatal(err)
		}
		found = len(r.Entries) == 1
		if found && value == "" {
			value = r.Entries[0].GetAttributeValue("sambaNTPassword")
		}
	}
	return value, found
}

// TestSambaHashOverLDAP: only to a service account with both grants, in the profile, over TLS.
func TestSambaHashOverLDAP(t *testing.T) {
	both := []directory.Right{directory.ReadDirectory, directory.ReadSamba}
	for _, tt := range []struct {
		name    string
		profile schema.LDAPProfile
		grants  []directory.Right
		secure  bool
		want    bool
	}{
		{"all that is asked", schema.SambaServer, both, true, true},
		{"without TLS", schema.SambaServer, both, false, false},
		{"without read:samba", schema.SambaServer, []directory.Right{directory.ReadDirectory}, true, false},
		{"without read:directory", schema.SambaServer, []directory.Right{directory.ReadSamba}, true, false},
		{"with rights to write", schema.SambaServer, []directory.Right{directory.ReadDirectory, directory.WritePassword, directory.WriteEntries}, true, false},
		{"in another profile", "", both, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			_, hash := w.sambaServer(tt.profile, tt.grants...)
			c := w.boundAs(nasDN, tt.secure)
			value, found := hashSeen(t, c)
			if (value == hash) != tt.want || found != tt.want || value != "" && !tt.want {
				t.Errorf("the hash %q, found by a filter %t", value, found)
			}
			// Compare is no way to guess it.
			if _, err := c.Compare(aliceDN, "sambaNTPassword", hash); code(err) != ldap.LDAPResultUndefinedAttributeType && code(err) != ldap.LDAPResultNoSuchObject {
				t.Errorf("compare: %v", err)
			}
		})
	}
}

// TestSambaHashOfOneself: nobody else, whatever they are, sees it of anybody, themselves included.
func TestSambaHashOfOneself(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		for i := range c.Listeners {
			c.Listeners[i].Profile = schema.SambaServer
		}
	})
	w.sambaServer(schema.SambaServer, directory.ReadDirectory, directory.ReadSamba)
	w.write(func(tx *directory.Writer) error { return tx.Grant(w.bob.ID, directory.RoleOwner, time.Time{}) })
	for _, dn := range []string{aliceDN, bobDN, readerDN} {
		c := w.boundAs(dn, true)
		r, err := c.Search(ldap.NewSearchRequest(aliceDN, ldap.ScopeBaseObject, 0, 0, 0, false, "(&)", []string{"*", "sambaSID"}, nil))
		if err != nil || len(r.Entries) != 1 || r.Entries[0].GetAttributeValue("sambaSID") == "" {
			t.Fatalf("%s: %v", dn, err)
		}
		if value, found := hashSeen(t, c); value != "" || found {
			t.Errorf("%s sees the hash %q, found by a filter %t", dn, value, found)
		}
	}
}

// TestSambaHashEndsAtOnce: with the account, the password and the grant, read at the moment of the answer.
func TestSambaHashEndsAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	nas, hash := w.sambaServer(schema.SambaServer, directory.ReadDirectory, directory.ReadSamba)
	c := w.boundAs(nasDN, true)
	paged := ldap.NewControlPaging(10)
	sorted := ldap.NewControlServerSideSortingWithSortKeys([]*ldap.SortKey{{AttributeType: "uid"}})
	for _, control := range []ldap.Control{paged, sorted} {
		if value, _ := hashSeen(t, c, control); value != hash {
			t.Errorf("%T: the hash is %q", control, value)
		}
		paged.SetCookie(nil)
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(w.alice.ID, ""); return err })
	if value, _ := hashSeen(t, c); value != "" {
		t.Error("the hash of somebody who is disabled is shown")
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.EnableUser(w.alice.ID, false); return err })
	if value, _ := hashSeen(t, c); value != hash {
		// The projection may lag: the hash is back soon, while it is gone at once.
		soon(t, "the hash is back", func() bool { value, _ := hashSeen(t, c); return value == hash })
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.Lockdown(w.alice.ID, ""); return err })
	if value, _ := hashSeen(t, c); value != "" {
		t.Error("the hash of somebody who is locked down is shown")
	}
	w.write(func(tx *directory.Writer) error { return tx.Revoke(nas.ID, directory.ReadSamba) })
	soon(t, "the connection ends with the grant", func() bool {
		_, err := c.Search(ldap.NewSearchRequest(baseDN, 0, 0, 0, 0, false, "(&)", nil, nil))
		return err != nil
	})
}

// TestSambaServersWritesAreRefused: with sentences that its log shows.
func TestSambaServersWritesAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.sambaServer(schema.SambaServer, directory.ReadDirectory, directory.ReadSamba)
	c := w.boundAs(nasDN, true)
	add := ldap.NewAddRequest("sambaDomainName=NAS2,"+baseDN, nil)
	add.Attribute("objectClass", []string{"sambaDomain"})
	if err := c.Add(add); code(err) != ldap.LDAPResultUnwillingToPerform || !strings.Contains(err.Error(), "service-account add nas2 --ldap-profile samba") {
		t.Errorf("a domain is added: %v", err)
	}
	for _, dn := range []string{aliceDN, "sambaDomainName=EXAMPLE," + baseDN} {
		change := ldap.NewModifyRequest(dn, nil)
		change.Replace("sambaPwdLastSet", []string{"1"})
		if err := c.Modify(change); code(err) != ldap.LDAPResultInsufficientAccessRights {
			t.Errorf("%s is changed: %v", dn, err)
		}
	}
}
