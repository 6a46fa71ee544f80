package scimd

import (
	"encoding/json"
	"net/netip"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// spellings are 50 ways to write a name, and who is meant: the one user whom every
// door and every filter finds, or nobody.
var spellings = map[string][]string{
	"alice": {
		"alice", "ALICE", "aLiCe", " alice", "alice ", "\talice", "alice\u00a0", "alice\u2028", "\uff41\uff4c\uff49\uff43\uff45",
		"\uff21LICE", "\u2003alice\u2003",
	},
	"strasse": {"strasse", "STRASSE", "straße", "STRA\u1e9eE", "\u017ftra\u017f\u017fe"},
	"jörg":    {"jörg", "jo\u0308rg", "JÖRG", "JO\u0308RG"},
	"jane@example.com": {
		"jane@example.com", "JANE@EXAMPLE.COM", "jane@EXAMPLE\u3002com", "jane\uff20example.com", "jane@\uff45xample.com",
	},
	"": {
		"аlice", "alіce", "alicе", "αlice", "ali\u200bce", "ali\u200dce", "ali\u2060ce", "ali\u00adce", "ali\ufeffce", "ali\u034fce",
		"alice\ufe0f", "\u202eecila", "\u2067alice", "alice\x00", "alice\x00bob", "alice|bob", "ali ce", "al\u2028ice", "a\u0301lice",
		"al\u0131ce", "al\u2170ce", "alİce", "jorg", "јörg", "strase", "jane@еxample.com", "jane@example.com.", "jane@exаmple.com", "jane", "alice@example.com", "",
	},
}

const confusedPassword = "everybody has the same one"

// TestConfusables: a name means the same person at every door and to a SCIM source,
// on both engines.
func TestConfusables(t *testing.T) {
	for engine, open := range map[string]func(testing.TB) directory.Store{"SQLite": directorytest.OpenSQLite, "PostgreSQL": directorytest.OpenPostgres} {
		t.Run(engine, func(t *testing.T) {
			f := newFixtureWith(t, open(t), func(c *directory.Config) { c.WideUsernames = true })
			hash, err := f.dir.HashPassword(t.Context(), confusedPassword)
			if err != nil {
				t.Fatal(err)
			}
			f.operate(t, func(w *directory.Writer) error {
				for name := range spellings {
					if name == "" {
						continue
					}
					u, err := w.CreateUser(directory.User{Username: name})
					if err != nil {
						return err
					}
					if err := w.SetPassword(u.ID, hash); err != nil {
						return err
					}
				}
				return nil
			})
			for of, ways := range spellings {
				for _, typed := range ways {
					f.means(t, typed, of)
				}
			}
		})
	}
}

// means checks whom a spelling names, to a filter and with everybody's password.
func (f *fixture) means(t *testing.T, typed, of string) {
	t.Helper()
	quoted, err := json.Marshal(typed)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, name := range names(f.want(t, 200, "GET", users+"?filter="+escape("userName eq "+string(quoted)), "")) {
		found += name
	}
	if found != of {
		t.Errorf("%+q is %q to SCIM, want %q", typed, found, of)
	}
	for i, door := range []directory.Protocol{directory.ProtocolWeb, directory.ProtocolLDAP, directory.ProtocolRADIUS} {
		dec, err := f.dir.Authenticate(t.Context(), directory.Attempt{
			Name: typed, Proof: directory.PasswordProof{Password: confusedPassword}, Protocol: door, Unhurried: true,
			Peer: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if dec.User.Username != of || !dec.Allowed() && dec.Reason != directory.ReasonUnknownUser {
			t.Errorf("%+q at %s is %q (%s), want %q", typed, door, dec.User.Username, dec.Reason, of)
		}
	}
}
