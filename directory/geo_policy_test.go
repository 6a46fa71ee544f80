package directory_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
	"gatehouse/directory/policy"
)

// located is a core that knows where some addresses are.
func located(t *testing.T) *fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "country.mmdb")
	directorytest.GeoIP{Kind: "GeoLite2-City", Built: time.Unix(1_800_000_000, 0), Networks: map[string]geo.Place{
		"203.0.113.0/24": {Country: "CH", City: "Zürich", ASN: 64500}, "198.51.100.0/24": {Country: "DE"}, "10.0.0.0/8": {Country: "CH"},
	}}.Write(t, path)
	d, err := geo.Open([]string{path}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, clock: directorytest.NewClock(), store: directorytest.OpenSQLite(t)}
	f.Directory = directorytest.Core(t, f.store, func(c *directory.Config) { c.Now, c.Locate = f.clock.Now, d.Locate })
	return f
}

func TestPoliciesAskWhereADeviceIs(t *testing.T) {
	f := located(t)
	alice := f.user("alice", "correct horse")
	f.app("switzerland", f.policy("switzerland", `geo.country == "CH"`))
	f.app("abroad", f.policy("abroad", `geo.country != "CH"`))
	f.app("city", f.policy("city", `geo.city == "Zürich" && geo.asn == 64500`))
	var lan directory.Policy
	f.write(func(w *directory.Writer) (err error) {
		lan, err = w.SavePolicy(directory.Policy{Name: "lan", Ready: &policy.Ready{Networks: []string{"10.0.0.0/8"}, Countries: []string{"CH", "AT"}}})
		return err
	})
	f.app("lan", directory.Binding{Kind: directory.BindPolicy, Ref: int64(lan.ID), RefName: lan.Name})
	for _, tt := range []struct {
		app, ip string
		want    bool
	}{
		{"switzerland", "203.0.113.9", true},
		{"switzerland", "::ffff:203.0.113.9", true},
		{"switzerland", "198.51.100.1", false},
		{"switzerland", "10.1.2.3", false}, // whatever the database says of it
		{"abroad", "198.51.100.1", true},
		{"abroad", "10.1.2.3", false}, // in no country is not abroad
		{"abroad", "8.8.8.8", false},
		{"city", "203.0.113.9", true},
		{"city", "198.51.100.1", false},
		{"lan", "203.0.113.9", true},
		{"lan", "10.1.2.3", true},
		{"lan", "192.168.1.1", false},
		{"lan", "198.51.100.1", false},
	} {
		want := directory.ReasonPolicy
		if tt.want {
			want = directory.ReasonOK
		}
		d := f.attempt("alice", "correct horse", at(tt.app), device(tt.ip))
		if d.Reason != want {
			t.Errorf("%s from %s: %s; %+v", tt.app, tt.ip, d.Reason, d.Trace)
		}
		admission := directory.Admission{User: alice.ID, Epoch: alice.Epoch, App: tt.app, Protocol: directory.ProtocolOIDC}
		a := directory.Attempt{}
		device(tt.ip)(&a)
		admission.Client = a.Client
		d, err := f.Authorize(t.Context(), admission)
		if err != nil || d.Reason != want {
			t.Errorf("%s from %s, admitted: %s, %v", tt.app, tt.ip, d.Reason, err)
		}
	}
	d := f.attempt("alice", "correct horse", at("switzerland"), device("10.1.2.3"))
	last := d.Trace[len(d.Trace)-1]
	if !strings.Contains(last.Detail, "geo.country is not known: 10.1.2.3 is a private address, which is in no country") {
		t.Errorf("the trace says %q", last.Detail)
	}
}
