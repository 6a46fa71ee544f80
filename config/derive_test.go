package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribeLoads(t *testing.T) {
	for name, c := range map[string]Config{"default": Default(), "package": Packaged()} {
		t.Run(name, func(t *testing.T) {
			c.Domain, c.PublicURL = "example.org", "https://id.example.org"
			var b bytes.Buffer
			if err := Write(&b, c); err != nil {
				t.Fatal(err)
			}
			got, err := load(t, b.String())
			if err != nil {
				t.Fatalf("%v\n%s", err, b.String())
			}
			if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The comments are what operators read, so none may be missing.
func TestEveryKeyIsDescribed(t *testing.T) {
	docs, err := fieldComments()
	if err != nil {
		t.Fatal(err)
	}
	exempt := map[string]bool{"Metrics.RADIUSD": true, "Metrics.SCIMD": true, "Metrics.IDP": true, "POSIX.First": true, "POSIX.Last": true}
	var walk func(reflect.Type)
	walk = func(section reflect.Type) {
		for _, f := range fieldsOf(section) {
			name := section.Name() + "." + f.Name
			if keyOf(f) == "" {
				t.Errorf("%s has no key", name)
			}
			if docs[name] == "" && !exempt[name] {
				t.Errorf("%s has no comment", name)
			}
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestDatabaseURL(t *testing.T) {
	t.Chdir(t.TempDir())
	for file, mode := range map[string]os.FileMode{"pw": 0o640, "open": 0o644} {
		if err := os.WriteFile(file, []byte("s3 cret\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("url", []byte("postgres://gatehouse_{daemon}:pw@db/gatehouse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, in, want, err string }{
		{name: "role per daemon", in: "database: {url: 'postgres://gatehouse_{daemon}@db/gatehouse'}", want: "postgres://gatehouse_ldapd@db/gatehouse"},
		{name: "password file", in: "database: {url: 'postgres://u@db/d', password_file: pw}", want: "postgres://u:s3%20cret@db/d"},
		{name: "open password file", in: "database: {url: 'postgres://u@db/d', password_file: open}", err: "can be read by others"},
		{name: "url file", in: "database: {url_file: url}", want: "postgres://gatehouse_ldapd:pw@db/gatehouse"},
		{name: "absolute", in: "database: {url: 'sqlite:/x/y.db'}", want: "sqlite:/x/y.db"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile("gatehouse.yaml", []byte(tt.in), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load("gatehouse.yaml", nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.DatabaseURL("ldapd")
			if got != tt.want || (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("DatabaseURL = %q, %v; want %q, %q", got, err, tt.want, tt.err)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", c, c, c.Database, c.Database); strings.Contains(text, "pw@") {
				t.Errorf("the password is printed: %s", text)
			}
		})
	}
}

func TestReadablePasswordIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"in the url":       "database: {url: 'postgres://u:p@db/d'}\n",
		"as a parameter":   "database: {url: 'postgres://db/d?password=p'}\n",
		"url_file is open": "database: {url_file: gatehouse.yaml}\n",
	} {
		if err := os.WriteFile("gatehouse.yaml", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod("gatehouse.yaml", 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load("gatehouse.yaml", nil); err == nil || !strings.Contains(err.Error(), "can be read by others") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load("", []string{"GATEHOUSE_DATABASE__URL=postgres://u:p@db/d"}); err != nil {
		t.Errorf("from the environment: %v", err)
	}
}

func TestDerived(t *testing.T) {
	c := Default()
	c.DataDir = "/d"
	if got := c.BaseDN(); got != "dc=example,dc=com" {
		t.Errorf("BaseDN = %s", got)
	}
	if diff := cmp.Diff([]string{"example.com", "ldap.example.com", "radius.example.com", "localhost", "127.0.0.1", "::1"}, c.CertificateNames()); diff != "" {
		t.Error(diff)
	}
	if c.KeyRings("") != "/d/keys" || c.RuntimeDir() != "/d/run" || c.SQLiteFile() != "/d/directory.db" {
		t.Errorf("outside a package: %s %s %s", c.KeyRings(""), c.RuntimeDir(), c.SQLiteFile())
	}
	p := Packaged()
	if p.KeyRings("") != "/etc/gatehouse/credentials" || p.KeyRings("/run/credentials/x") != "/run/credentials/x" || p.RuntimeDir() != "/run/gatehouse" {
		t.Errorf("in a package: %s %s", p.KeyRings(""), p.RuntimeDir())
	}
}
