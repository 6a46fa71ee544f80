package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
)

func TestGeoIP(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	g := directorytest.GeoIP{Kind: "GeoLite2-Country", Built: time.Unix(1_800_000_000, 0), Networks: map[string]geo.Place{"203.0.113.0/24": {Country: "CH"}}}
	g.Write(t, "country.mmdb")
	g.Networks = map[string]geo.Place{"203.0.113.0/24": {}}
	g.Write(t, "empty.mmdb")
	here := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name, in string
		environ  []string
		want     string // error; empty: it loads
	}{
		{name: "a file", in: "geoip: {files: [country.mmdb]}\n"},
		{name: "by the environment", environ: []string{"GATEHOUSE_GEOIP__FILES=country.mmdb"}},
		{name: "absent", in: "geoip:\n  files: [country.mmdb, asn.mmdb]\n", want: "gatehouse.yaml:2:25: geoip.files[1]: " + here("asn.mmdb") + " cannot be opened: no such file or directory"},
		{name: "absent, by the environment", environ: []string{"GATEHOUSE_GEOIP__FILES=asn.mmdb"}, want: "GATEHOUSE_GEOIP__FILES: " + here("asn.mmdb") + " cannot be opened: no such file or directory"},
		{name: "a directory", in: "geoip: {files: [.]}\n", want: "gatehouse.yaml:1:17: geoip.files[0]: " + dir + " is no regular file"},
		{name: "another format", in: "geoip: {files: [gatehouse.yaml]}\n", want: "gatehouse.yaml:1:17: geoip.files[0]: " + here("gatehouse.yaml") + " is no MaxMind database: error opening database: invalid MaxMind DB file"},
		{name: "of no use", in: "geoip: {files: [empty.mmdb]}\n", want: "gatehouse.yaml:1:17: geoip.files[0]: " + here("empty.mmdb") + " is a database of type GeoLite2-Country and holds neither countries nor cities nor autonomous systems"},
		{name: "twice", in: "geoip: {files: [country.mmdb, ./country.mmdb]}\n", want: "gatehouse.yaml:1:31: geoip.files[1]: " + here("country.mmdb") + " is named twice"},
		{name: "empty", in: "geoip: {files: ['']}\n", want: "gatehouse.yaml:1:17: geoip.files[0]: must not be empty"},
	} {
		if err := os.WriteFile("gatehouse.yaml", []byte(tt.in), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load("gatehouse.yaml", tt.environ)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("%s: %v\nwant %s", tt.name, err, tt.want)
		case err == nil && c.GeoIP.Files[0] != here("country.mmdb"):
			t.Errorf("%s: %v", tt.name, c.GeoIP.Files)
		}
	}
}
