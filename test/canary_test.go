package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canary looks for every secret of the story in all that an attacker or an
// operator may come to read: logs, metrics, the store, a backup of it, the
// audit trail, command lines and environments. It must be in none.
func (s *story) canary(t *testing.T) {
	held := s.party.current()
	secrets := map[string]string{
		"the administrator's password": s.adminPassword, "alice's password": s.alicePassword, "jane's password": s.password,
		"the reader's password": s.readerPassword, "the RADIUS secret": s.radiusSecret, "the SCIM token": s.hrToken,
		"a client secret": s.party.secret, "a refresh token": held.Refresh, "an access token": held.Access,
	}
	for place, content := range s.readable(t) {
		for what, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
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
