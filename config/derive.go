package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	packagedDataDir    = "/var/lib/gatehouse"
	packagedKeysDir    = "/etc/gatehouse/credentials"
	packagedRuntimeDir = "/run/gatehouse"
	packagedFile       = "/etc/gatehouse/gatehouse.yaml"
)

// IsPackaged reports whether data_dir is the one of the installed package,
// where nothing initialises itself.
func (c Config) IsPackaged() bool { return c.DataDir == packagedDataDir }

// BaseDN returns the LDAP base DN of the domain: dc=example,dc=com.
func (c Config) BaseDN() string {
	return "dc=" + strings.ReplaceAll(c.Domain, ".", ",dc=")
}

// PublicHost returns the host name of public_url, without a port.
func (c Config) PublicHost() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// CertificateNames returns the names and addresses of the built-in server
// certificate, the domain first, without repetitions.
func (c Config) CertificateNames() []string {
	names := []string{c.Domain, "ldap." + c.Domain, "radius." + c.Domain, c.PublicHost()}
	names = append(names, c.IDP.Aliases...)
	names = append(names, "localhost", "127.0.0.1", "::1")
	var unique []string
	for _, name := range names {
		if !slices.Contains(unique, name) {
			unique = append(unique, name)
		}
	}
	return unique
}

// KeyRings returns the directory of key rings for a process with the given
// value of $CREDENTIALS_DIRECTORY ("" when there is none).
func (c Config) KeyRings(credentialsDirectory string) string {
	switch {
	case credentialsDirectory != "":
		return credentialsDirectory
	case c.KeysDir != "":
		return c.KeysDir
	case c.IsPackaged():
		return packagedKeysDir
	default:
		return filepath.Join(c.DataDir, "keys")
	}
}

// RuntimeDir returns the directory of the doorbells and sockets of this host.
func (c Config) RuntimeDir() string {
	if c.IsPackaged() {
		return packagedRuntimeDir
	}
	return filepath.Join(c.DataDir, "run")
}

// CAFile returns where the certificate of the built-in CA is exported to.
func (c Config) CAFile() string { return filepath.Join(c.DataDir, "ca.pem") }

// IsSQLite reports whether the store is a SQLite file.
func (c Config) IsSQLite() bool { return strings.HasPrefix(c.Database.URL, "sqlite:") }

// SQLiteFile returns the path of the SQLite file; it is empty for PostgreSQL.
func (c Config) SQLiteFile() string {
	file, ok := strings.CutPrefix(c.Database.URL, "sqlite:")
	if !ok {
		return ""
	}
	if file == "" {
		return filepath.Join(c.DataDir, "directory.db")
	}
	return file
}

// DatabaseURL returns the database URL for a daemon ("ldapd"; "gatehouse" for
// the CLI): {daemon} and the password file are put in, a SQLite path is
// absolute. The result may hold a password and must not be logged.
func (c Config) DatabaseURL(daemon string) (string, error) {
	if c.IsSQLite() {
		return "sqlite:" + c.SQLiteFile(), nil
	}
	text := strings.ReplaceAll(c.Database.URL, "{daemon}", daemon)
	if c.Database.PasswordFile == "" {
		return text, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("database.url is not a URL")
	}
	password, err := readSecret(strings.ReplaceAll(c.Database.PasswordFile, "{daemon}", daemon))
	if err != nil {
		return "", fmt.Errorf("database.password_file: %w", err)
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

// WebhookToken returns the bearer token of the audit's webhooks; empty: none.
func (c Config) WebhookToken() (string, error) {
	if c.Audit.WebhookTokenFile == "" {
		return "", nil
	}
	token, err := readSecret(c.Audit.WebhookTokenFile)
	if err != nil {
		return "", fmt.Errorf("audit.webhook_token_file: %w", err)
	}
	return token, nil
}

// MetricsAddress returns the address of the metrics listener of a daemon
// ("gatehouse" is all four in one process), and its key; an empty address is
// off.
func (c Config) MetricsAddress(daemon string) (key, address string) {
	switch daemon {
	case "ldapd":
		return "metrics.ldapd", c.Metrics.LDAPD
	case "radiusd":
		return "metrics.radiusd", c.Metrics.RADIUSD
	case "scimd":
		return "metrics.scimd", c.Metrics.SCIMD
	case "idp":
		return "metrics.idp", c.Metrics.IDP
	default:
		return "metrics.listen", c.Metrics.Listen
	}
}

// Format writes the database with a password in its URL replaced, for every
// verb, so that a logged Config gives nothing away.
func (d Database) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{url: %s, url_file: %s, password_file: %s}", d.redactedURL(), d.URLFile, d.PasswordFile)
}

func (d Database) redactedURL() string {
	u, err := url.Parse(d.URL)
	if err != nil {
		return "[redacted]"
	}
	if u.RawQuery != "" { // libpq takes password= as a parameter as well
		u.RawQuery = "[redacted]"
	}
	return u.Redacted()
}

// readSecret reads a one-line secret that nobody else on the machine can read.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s can be read by others; chmod o-rwx it", path)
	}
	if info.Size() > maxSecret {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSecret)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || strings.ContainsAny(secret, "\r\n\x00") {
		return "", fmt.Errorf("%s must hold exactly one line", path)
	}
	return secret, nil
}
