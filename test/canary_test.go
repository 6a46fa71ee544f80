package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/test/stage"
)

// canary looks for every secret of the story in all that an attacker or an
// operator may come to read: logs, metrics, the store, a backup of it, the
// audit trail, command lines and environments. It must be in none.
func (s *story) canary(t *testing.T) {
	held := s.party.current()
	secrets := s.markers(t)
	maps.Copy(secrets, map[string]string{
		"the administrator's password": s.adminPassword, "alice's password": s.alicePassword, "jane's password": s.password,
		"the reader's password": s.readerPassword, "the RADIUS secret": s.radiusSecret, "the SCIM token": s.hrToken,
		"a client secret": s.party.secret, "a refresh token": held.Refresh, "an access token": held.Access,
	})
	for place, content := range s.readable(t) {
		for what, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
}

// markers gives alice one credential of every kind, shows each to a door, and
// returns the secrets.
func (s *story) markers(t *testing.T) map[string]string {
	t.Helper()
	laptop := filepath.Join(t.TempDir(), "laptop.pem")
	made := map[string]string{
		"an app password":          s.made(t, "app-password", "create", "alice", "--app", "wiki", "--label", "mail program"),
		"a network password":       s.made(t, "network-password", "create", "alice", "--label", "phone"),
		"a Samba password":         s.made(t, "network-password", "create", "alice", "--label", "files", "--kind", "samba"),
		"the password of a device": s.made(t, "device-cert", "create", "alice", "--label", "laptop", "--pem", laptop),
	}
	for _, secret := range made {
		s.whoami(t, "uid=alice,ou=users,"+stage.BaseDN, secret)
		s.pap(t, "alice", secret)
	}
	for i, code := range strings.Fields(s.cli(t, "", "recovery-codes", "create", "alice").Stdout) {
		made[fmt.Sprintf("recovery code %d", i+1)] = code
	}
	s.pap(t, "alice", s.alicePassword+";"+made["recovery code 1"])
	s.cli(t, "", "user", "unlock", "alice") // most were the wrong thing at that door
	seed := s.authenticator(t, "alice")
	s.pap(t, "alice", s.alicePassword+";"+oathtool(t, seed))
	key, _, found := strings.Cut(strings.TrimPrefix(string(file(t, laptop)), "-----BEGIN PRIVATE KEY-----\n"), "\n")
	if !found || len(key) < 40 {
		t.Fatalf("no key in the PEM file: %q", key)
	}
	made["the seed of an authenticator"], made["the key of a device"] = seed, key
	for what, secret := range made {
		if len(secret) < 8 {
			t.Errorf("%s is %q: too short to be looked for", what, secret)
		}
	}
	return made
}

// readable is everything that must hold no secret.
func (s *story) readable(t *testing.T) map[string][]byte {
	t.Helper()
	backup := filepath.Join(s.Dir, "canary.backup")
	s.cli(t, "", "backup", backup)
	places := map[string][]byte{
		"the logs":        []byte(s.Logs()),
		"the audit trail": []byte(s.cli(t, "", "audit", "export").Stdout),
		"the listing":     []byte(s.cli(t, "", "app", "list", "--json").Stdout + s.cli(t, "", "user", "show", jane, "--json").Stdout),
		"the backup":      file(t, backup),
	}
	for name, addr := range s.Metrics {
		p := s.Process(name)
		if p == nil {
			continue
		}
		a, err := read(s.world.http(t).Get("http://" + addr + "/metrics"))
		if err != nil {
			t.Fatal(err)
		}
		places["the metrics of "+name] = []byte(a.body)
		for _, part := range []string{"cmdline", "environ"} {
			path := fmt.Sprintf("/proc/%d/%s", p.Pid(), part)
			places[path] = file(t, path)
		}
	}
	err := filepath.WalkDir(s.Data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasPrefix(path, filepath.Join(s.Data, "keys")) {
			return err
		}
		places[path] = file(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for place, content := range places {
		if len(content) == 0 && !strings.HasPrefix(place, s.Data) {
			t.Errorf("%s is empty", place)
		}
	}
	return places
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
