package core_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
)

// installation returns the options of an installation in a new directory.
func installation(t *testing.T) core.Options {
	t.Helper()
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	return core.Options{
		Config: c, Daemon: core.CLI, Now: time.Now,
		Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler),
	}
}

func create(t *testing.T, o core.Options) {
	t.Helper()
	c, err := core.Create(t.Context(), o, func(*directory.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func reopen(t *testing.T, o core.Options, daemon string) *core.Core {
	t.Helper()
	o.Daemon = daemon
	c, err := core.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestCreateAndOpen(t *testing.T) {
	o := installation(t)
	create(t, o)
	for _, daemon := range []string{"ldapd", "radiusd", "scimd", "idp", core.Combined, core.CLI} {
		c := reopen(t, o, daemon)
		if err := c.Directory.Ready(t.Context()); err != nil {
			t.Errorf("%s: %v", daemon, err)
		}
	}
	if _, err := core.Create(t.Context(), o, nil); !errors.Is(err, core.ErrInitialised) {
		t.Errorf("a second Create: %v", err)
	}
}

// One daemon's keys open only its own kinds.
func TestKeysOfDaemons(t *testing.T) {
	o := installation(t)
	create(t, o)
	for _, tt := range []struct {
		daemon                string
		signing, samba, opens bool
	}{
		{daemon: "ldapd", samba: true},
		{daemon: "radiusd", opens: true},
		{daemon: "scimd"},
		{daemon: "idp", signing: true},
		{daemon: core.Combined, signing: true, samba: true, opens: true},
	} {
		keys := reopen(t, o, tt.daemon).Keys
		if (keys[seal.Signing] != nil) != tt.signing || (keys[seal.CA] != nil) != tt.signing || (keys[seal.Samba] != nil) != tt.samba {
			t.Errorf("%s holds %v", tt.daemon, keys)
		}
		place := seal.Place{Table: "t", Column: "c", Row: "r"}
		sealed, err := keys[seal.Network].Seal(place, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys[seal.Network].Open(place, sealed); (err == nil) != tt.opens {
			t.Errorf("%s opens network passwords: %v", tt.daemon, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, o *core.Options)
		want   string
	}{
		{name: "empty", change: func(_ *testing.T, o *core.Options) { o.Config.DataDir += "-other" }, want: "holds no directory yet: run gatehouse init"},
		{name: "another domain", change: func(_ *testing.T, o *core.Options) { o.Config.Domain = "example.org" }, want: "domain is example.org in the configuration, but this directory was made for example.com"},
		{name: "another public_url", change: func(_ *testing.T, o *core.Options) { o.Config.PublicURL = "https://a.example" }, want: "public_url is https://a.example in the configuration"},
		{name: "no keys", change: func(t *testing.T, o *core.Options) {
			if err := os.RemoveAll(o.Config.KeyRings("")); err != nil {
				t.Fatal(err)
			}
		}, want: "a directory cannot be used without its keys"},
		{name: "keys of another installation", change: func(t *testing.T, o *core.Options) {
			other := installation(t)
			create(t, other)
			o.Config.KeysDir = other.Config.KeyRings("")
		}, want: "the keys are not those of this directory: open settings.value"},
		{name: "under a restore", change: func(t *testing.T, o *core.Options) {
			lock, err := core.RunLock(o.Config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = lock.Close() })
			if _, err := lock.TryLock(); err != nil {
				t.Fatal(err)
			}
		}, want: "the directory is being restored"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := installation(t)
			create(t, o)
			tt.change(t, &o)
			c, err := core.Open(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v, want %s", err, tt.want)
			}
			if err == nil {
				_ = c.Close()
			}
		})
	}
}

func TestCreateKeepsForeignKeys(t *testing.T) {
	o := installation(t)
	create(t, o)
	if err := os.Remove(o.Config.SQLiteFile()); err != nil {
		t.Fatal(err)
	}
	if _, err := core.Create(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "holds keys already") {
		t.Errorf("Create beside keys = %v", err)
	}
}

func TestCreateFailsWhole(t *testing.T) {
	o := installation(t)
	broken := errors.New("no administrator")
	if _, err := core.Create(t.Context(), o, func(*directory.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("Create = %v", err)
	}
	if _, err := os.Stat(o.Config.CAFile()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("exported a CA certificate: %v", err)
	}
}

func TestRestoreWaitsForNobody(t *testing.T) {
	o := installation(t)
	create(t, o)
	c := reopen(t, o, "ldapd")
	lock, err := core.RunLock(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if _, err := lock.TryLock(); err == nil {
		t.Fatal("the run lock is free while a daemon runs")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestCertificate(t *testing.T) {
	o := installation(t)
	create(t, o)
	c := reopen(t, o, "ldapd")
	source, err := c.Certificate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func() *x509.Certificate {
		current, err := source.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return current.Leaf
	}
	exported, err := os.ReadFile(o.Config.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(exported)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(exported)
	if block == nil {
		t.Fatal("ca.pem holds no certificate")
	}
	if _, err := leaf().Verify(x509.VerifyOptions{Roots: roots, DNSName: "ldap.example.com"}); err != nil {
		t.Error(err)
	}

	// The idp holds the CA key: it renews in the last third of the life, and the
	// others follow.
	later := o
	later.Now = func() time.Time { return time.Now().AddDate(0, 10, 0) }
	first := leaf()
	if err := source.Reload(t.Context()); err != nil || !leaf().Equal(first) {
		t.Errorf("changed without a reason: %v", err)
	}
	idp := reopen(t, later, "idp")
	if _, err := idp.Certificate(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if err := source.Reload(t.Context()); err != nil || leaf().Equal(first) {
		t.Errorf("not renewed: %v", err)
	}
}

func TestCredentialsOfAUnit(t *testing.T) {
	o := installation(t)
	create(t, o)
	unit := t.TempDir()
	entries, err := os.ReadDir(o.Config.KeyRings(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		purpose, _, _ := strings.Cut(entry.Name(), "-")
		text, err := os.ReadFile(filepath.Join(o.Config.KeyRings(""), entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if purpose == string(seal.Signing) {
			continue // not one of radiusd's
		}
		if err := os.WriteFile(filepath.Join(unit, purpose+"_"+entry.Name()), text, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	o.Getenv = func(key string) string { return map[string]string{"CREDENTIALS_DIRECTORY": unit}[key] }
	reopen(t, o, "radiusd")
	o.Daemon = "idp"
	if _, err := core.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no signing key") {
		t.Errorf("idp without signing keys: %v", err)
	}
}
