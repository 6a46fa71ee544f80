package core_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
)

// In every process a rule learns where somebody is.
func TestGeoIP(t *testing.T) {
	o := installation(t)
	path := filepath.Join(t.TempDir(), "country.mmdb")
	directorytest.GeoIP{
		Kind: "GeoLite2-Country", Built: time.Unix(1_800_000_000, 0), Networks: map[string]geo.Place{"203.0.113.0/24": {Country: "CH"}},
	}.Write(t, path)
	o.Config.GeoIP.Files = []string{path}
	c, err := core.Create(t.Context(), o, func(w *directory.Writer) error {
		if _, err := w.CreateUser(directory.User{Username: "alice"}); err != nil {
			return err
		}
		p, err := w.SavePolicy(directory.Policy{Name: "home", Rule: `geo.country == "CH"`})
		if err != nil {
			return err
		}
		a, err := w.CreateApp(directory.App{Slug: "wiki", Name: "Wiki"})
		if err != nil {
			return err
		}
		return w.SetBindings(a.ID, []directory.Binding{{Kind: directory.BindPolicy, Ref: int64(p.ID), RefName: p.Name}}, false)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, daemon := range []string{"ldapd", "radiusd", "scimd", "idp", core.Combined, core.CLI} {
		c := reopen(t, o, daemon)
		for ip, want := range map[string]directory.Reason{"203.0.113.9": directory.ReasonOK, "198.51.100.1": directory.ReasonPolicy, "10.0.0.1": directory.ReasonPolicy} {
			d, err := c.Directory.Why(t.Context(), directorytest.Operator(), directory.Question{
				Name: "alice", App: "wiki", Protocol: directory.ProtocolOIDC, Client: netip.MustParseAddr(ip),
			})
			if err != nil || d.Reason != want {
				t.Errorf("%s: %s from %s, %v; %+v", daemon, d.Reason, ip, err, d.Trace)
			}
		}
	}
	if got := gauge(t, o, "gatehouse_geoip_build_timestamp_seconds"); got != 1_800_000_000 {
		t.Errorf("built at %v", got)
	}
	if err := os.WriteFile(path, []byte("an error page"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Daemon = "ldapd"
	if _, err := core.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "geoip.files: GeoIP database "+path+": is no MaxMind database") {
		t.Errorf("a daemon with a broken database: %v", err)
	}
}

// gauge returns a metric of a daemon that has just been opened.
func gauge(t *testing.T, o core.Options, name string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	o.Registry = registry
	reopen(t, o, "ldapd")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
