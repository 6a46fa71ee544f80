package sqlstore

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"gatehouse/directory"
)

// newDialect chooses the engine by the URL's scheme.
func newDialect(cfg Config) (*dialect, error) {
	switch scheme, rest, _ := strings.Cut(cfg.URL, ":"); scheme {
	case "sqlite", "":
		path := strings.TrimPrefix(rest, "//")
		if path == "" {
			if cfg.DataDir == "" {
				return nil, badURL("%q needs a data_dir", "sqlite:")
			}
			path = filepath.Join(cfg.DataDir, sqliteFile)
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, internal("find the database: %w", err)
		}
		return sqliteDialect(abs), nil
	case "postgres", "postgresql":
		return postgresDialect(cfg.URL)
	default:
		return nil, badURL("the scheme is not sqlite or postgres")
	}
}

func badURL(format string, args ...any) error {
	return &directory.Error{
		Kind: directory.Invalid, Entity: "configuration", Field: "database.url",
		Msg: "database.url: " + fmt.Sprintf(format, args...),
	}
}

// withoutSecrets is a database URL as it may be shown: no user, password or
// query.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "postgres"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
