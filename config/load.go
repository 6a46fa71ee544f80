package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxFile   = 1 << 20
	maxSecret = 64 << 10
)

// Find returns the file that is used when none is named: ./gatehouse.yaml if
// there is one, else /etc/gatehouse/gatehouse.yaml, else "" (the defaults).
func Find() string {
	for _, path := range []string{"gatehouse.yaml", packagedFile} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// Load reads the file at path ("" is no file), lets environ (in the form of
// os.Environ) override it, and checks the result. The error is a Problems
// unless the file could not be read.
//
// Relative paths are relative to the file, those of environ to the current
// directory.
func Load(path string, environ []string) (Config, error) {
	d := document{path: path, config: Default()}
	if path != "" {
		text, err := readFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		d.decode(text)
	}
	if err := d.absolute(filepath.Dir(path)); err != nil {
		return Config{}, err
	}
	d.override(environ)
	if err := d.absolute("."); err != nil {
		return Config{}, err
	}
	if len(d.problems) == 0 {
		d.readDatabaseURL()
		d.check()
	}
	if len(d.problems) > 0 {
		return Config{}, d.problems
	}
	return d.config, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

// absolute makes every path that is still relative relative to dir.
func (d *document) absolute(dir string) error {
	base, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find the directory of the configuration: %w", err)
	}
	c := &d.config
	for _, p := range []*string{
		&c.DataDir, &c.KeysDir, &c.Database.URLFile, &c.Database.PasswordFile,
		&c.TLS.CertFile, &c.TLS.KeyFile, &c.RADIUS.EAP.CertFile, &c.RADIUS.EAP.KeyFile, &c.LDAP.ListenUnix,
		&c.Audit.WebhookTokenFile,
	} {
		*p = join(base, *p)
	}
	for i, path := range c.GeoIP.Files {
		c.GeoIP.Files[i] = join(base, path)
	}
	for i := range c.RADIUS.Authorities {
		a := &c.RADIUS.Authorities[i]
		a.CAFile, a.CRLFile = join(base, a.CAFile), join(base, a.CRLFile)
	}
	prefixed := []*string{&c.Database.URL, &c.SCIM.Upstream}
	for _, list := range [][]string{c.SCIM.Listen, c.IDP.Listen} {
		for i := range list {
			prefixed = append(prefixed, &list[i])
		}
	}
	for _, p := range prefixed {
		if scheme, rest, ok := strings.Cut(*p, ":"); ok && (scheme == "sqlite" || scheme == "unix") {
			*p = scheme + ":" + join(base, rest)
		}
	}
	return nil
}

func join(base, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}

// readDatabaseURL puts the content of url_file into url, and refuses a
// password that other people on the machine can read.
func (d *document) readDatabaseURL() {
	db := &d.config.Database
	if db.URLFile != "" {
		text, err := readSecret(db.URLFile)
		if err != nil {
			d.problem("database.url_file", "%v", err)
			return
		}
		if db.URL != Default().Database.URL {
			d.problem("database.url_file", "url is set as well; keep one of them")
			return
		}
		db.URL = text
		return
	}
	if _, inEnviron := d.fromEnviron["database.url"]; inEnviron || d.path == "" {
		return
	}
	u, err := url.Parse(db.URL)
	if err != nil || (!hasPassword(u)) {
		return
	}
	if info, err := os.Stat(d.path); err == nil && info.Mode().Perm()&0o007 != 0 {
		d.problem("database.url", "holds a password and %s can be read by others; chmod o-rwx it, or use url_file or password_file", d.path)
	}
}

func hasPassword(u *url.URL) bool {
	_, set := u.User.Password()
	return set || u.Query().Has("password")
}
