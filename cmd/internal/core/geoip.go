package core

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory/geo"
)

// geoipEvery is how often the GeoIP databases are looked at for a change.
const geoipEvery = 3 * time.Second

// openGeoIP returns what says where an address is. A daemon loads the databases
// and follows them until the core is closed; a command loads them when a rule
// asks, for most never do.
func (c *Core) openGeoIP(ctx context.Context, o Options) (func(netip.Addr) geo.Place, error) {
	load := func() (*geo.Databases, error) { return geo.Open(o.Config.GeoIP.Files, o.Log) }
	if o.Daemon == CLI {
		once := sync.OnceValues(load)
		return func(ip netip.Addr) geo.Place {
			d, err := once()
			if err != nil {
				return geo.Place{Why: err.Error()}
			}
			return d.Locate(ip)
		}, nil
	}
	d, err := load()
	if err != nil {
		return nil, fmt.Errorf("geoip.files: %w", err)
	}
	if err := registerGeoIP(o.Registry, d); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	tick := time.NewTicker(geoipEvery)
	var following sync.WaitGroup
	following.Go(func() { d.Follow(ctx, tick.C) })
	c.unfollow = func() { stop(); tick.Stop(); following.Wait() }
	return d.Locate, nil
}

// registerGeoIP registers the metrics of the databases with r, which may be nil.
func registerGeoIP(r prometheus.Registerer, d *geo.Databases) error {
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_geoip_build_timestamp_seconds", Help: "When the oldest GeoIP database in use was made, in seconds since 1970; 0: there is none.",
		}, func() float64 { return oldest(d.Files()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_geoip_files_refused", Help: "GeoIP databases whose new content cannot be used.",
		}, func() float64 { return refused(d.Files()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gatehouse_geoip_failures_total", Help: "GeoIP records that could not be read.",
		}, func() float64 { return float64(d.Failures()) }),
	} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

func oldest(files []geo.File) float64 {
	at := int64(0)
	for _, f := range files {
		if built := f.Built.Unix(); at == 0 || built < at {
			at = built
		}
	}
	return float64(at)
}

func refused(files []geo.File) (n float64) {
	for _, f := range files {
		if f.Problem != "" {
			n++
		}
	}
	return n
}
