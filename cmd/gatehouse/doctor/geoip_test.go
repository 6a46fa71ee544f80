package doctor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
)

func TestGeoIP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "country.mmdb")
	made := func(age time.Duration) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) {
			directorytest.GeoIP{
				Kind: "GeoLite2-Country", Built: p.Now().Add(-age), Networks: map[string]geo.Place{"203.0.113.0/24": {Country: "CH"}},
			}.Write(t, file)
			p.Config.GeoIP.Files = []string{file}
		}
	}
	examine(t, (*Patient).geoip, []sick{
		{name: "none", want: Skipped},
		{name: "young", change: made(0), want: Fine, detail: "says country"},
		{name: "old", change: made(61 * 24 * time.Hour), want: Warned, detail: "GeoLite2-Country of "},
		{name: "damaged", change: func(t *testing.T, p *Patient) {
			must(t, os.WriteFile(file, []byte("an error page"), 0o600))
			p.Config.GeoIP.Files = []string{file}
		}, want: Failed, detail: file + ": is no MaxMind database"},
	})
}
