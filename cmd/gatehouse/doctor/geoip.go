package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gatehouse/directory/geo"
)

// geoipAge is how old a GeoIP database may be: those that are made weekly or
// monthly are younger.
const geoipAge = 60 * 24 * time.Hour

// geoip verifies the GeoIP databases as the daemons do when they load them.
func (p *Patient) geoip(context.Context) Finding {
	if len(p.Config.GeoIP.Files) == 0 {
		return skipped("no GeoIP database is configured; no address has a country")
	}
	d, err := geo.Open(p.Config.GeoIP.Files, slog.New(slog.DiscardHandler))
	if err != nil {
		return failed(err.Error(), "put a whole copy in its place; daemons that run go on with the old content")
	}
	var all, old []string
	for _, f := range d.Files() {
		all = append(all, fmt.Sprintf("%s of %s says %s", f.Kind, f.Built.UTC().Format(time.DateOnly), strings.Join(f.Holds, ", ")))
		if p.Now().Sub(f.Built) > geoipAge {
			old = append(old, f.Path)
		}
	}
	if len(old) > 0 {
		return warned(strings.Join(all, "; "), "addresses move between countries; renew "+strings.Join(old, ", "))
	}
	return fine(strings.Join(all, "; "))
}
