package geo_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
)

func built() time.Time { return time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC) }

// countries also says of addresses that are in no country that they are in one.
func countries() directorytest.GeoIP {
	return directorytest.GeoIP{Kind: "GeoLite2-City", Built: built(), Networks: map[string]geo.Place{
		"203.0.113.0/24": {Country: "CH", City: "Zürich"}, "198.51.100.0/24": {Country: "DE"}, "198.18.0.0/15": {Country: "-"},
		"2a02::/16": {Country: "CH"}, "10.0.0.0/8": {Country: "XX"}, "100.64.0.0/10": {Country: "XX"}, "127.0.0.0/8": {Country: "XX"},
		"169.254.0.0/16": {Country: "XX"}, "224.0.0.0/4": {Country: "XX"}, "fc00::/7": {Country: "XX"}, "fe80::/10": {Country: "XX"},
	}}
}

// systems has a name that GeoIP2's own readers do not know, and no IPv6.
func systems() directorytest.GeoIP {
	return directorytest.GeoIP{Kind: "IP2LITE-ASN", Built: built().AddDate(0, 1, 0), IPv4: true, Networks: map[string]geo.Place{
		"203.0.113.0/24": {ASN: 64500, Country: "AT"}, "192.0.2.0/24": {ASN: 64501},
	}}
}

func written(t testing.TB, all ...directorytest.GeoIP) []string {
	t.Helper()
	dir := t.TempDir()
	paths := make([]string, len(all))
	for i, g := range all {
		paths[i] = filepath.Join(dir, g.Kind+".mmdb")
		g.Write(t, paths[i])
	}
	return paths
}

func opened(t testing.TB, log *slog.Logger, paths ...string) *geo.Databases {
	t.Helper()
	d, err := geo.Open(paths, log)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLocate(t *testing.T) {
	d := opened(t, slog.New(slog.DiscardHandler), written(t, countries(), systems())...)
	const private, unsaid = "is a private address, which is in no country", "the GeoIP databases do not say it of "
	for _, tt := range []struct {
		ip   string
		want geo.Place
	}{
		{"203.0.113.9", geo.Place{Country: "CH", City: "Zürich", ASN: 64500, Why: unsaid + "203.0.113.9"}},
		{"::ffff:203.0.113.9", geo.Place{Country: "CH", City: "Zürich", ASN: 64500, Why: unsaid + "203.0.113.9"}},
		{"198.51.100.1", geo.Place{Country: "DE", Why: unsaid + "198.51.100.1"}},
		{"192.0.2.1", geo.Place{ASN: 64501, Why: unsaid + "192.0.2.1"}},
		{"198.18.0.1", geo.Place{Why: unsaid + "198.18.0.1"}},
		{"2a02::1", geo.Place{Country: "CH", Why: unsaid + "2a02::1"}},
		{"8.8.8.8", geo.Place{Why: unsaid + "8.8.8.8"}},
		{"10.1.2.3", geo.Place{Why: "10.1.2.3 " + private}},
		{"::ffff:10.1.2.3", geo.Place{Why: "10.1.2.3 " + private}},
		{"100.64.0.1", geo.Place{Why: "100.64.0.1 " + private}},
		{"127.0.0.1", geo.Place{Why: "127.0.0.1 " + private}},
		{"169.254.1.1", geo.Place{Why: "169.254.1.1 " + private}},
		{"fd00::1", geo.Place{Why: "fd00::1 " + private}},
		{"fe80::1%eth0", geo.Place{Why: "fe80::1 " + private}},
		{"::1", geo.Place{Why: "::1 " + private}},
		{"224.0.0.1", geo.Place{Why: "224.0.0.1 is the address of no device"}},
		{"::", geo.Place{Why: ":: is the address of no device"}},
		{"::203.0.113.9", geo.Place{Why: "::cb00:7109 does not say where its device is"}},
		{"2001:0:cb00:7109::1", geo.Place{Why: "2001:0:cb00:7109::1 does not say where its device is"}},
	} {
		if diff := cmp.Diff(tt.want, d.Locate(netip.MustParseAddr(tt.ip))); diff != "" {
			t.Errorf("%s: %s", tt.ip, diff)
		}
	}
	if got := d.Locate(netip.Addr{}); got != (geo.Place{Why: "there is no address"}) {
		t.Errorf("no address: %+v", got)
	}
	if d.Failures() != 0 {
		t.Errorf("%d failures", d.Failures())
	}
	files := d.Files()
	for i := range files {
		files[i].Path = ""
	}
	want := []geo.File{
		{Kind: "GeoLite2-City", Built: built(), Holds: []string{"country", "city"}},
		{Kind: "IP2LITE-ASN", Built: built().AddDate(0, 1, 0), Holds: []string{"country", "asn"}},
	}
	if diff := cmp.Diff(want, files, cmp.Transformer("utc", time.Time.UTC)); diff != "" {
		t.Error(diff)
	}
}

// A record that cannot be read is no country, counted, and logged once.
func TestLocateUnreadable(t *testing.T) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "X", Description: map[string]string{"en": "x"}, RecordSize: 24, IPVersion: 4, IncludeReservedNetworks: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	insert := func(network netip.Prefix, country mmdbtype.DataType) {
		if err := tree.Insert(&net.IPNet{IP: network.Addr().AsSlice(), Mask: net.CIDRMask(network.Bits(), 32)}, mmdbtype.Map{"country": country}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 11_000 { // more than are looked at when it is loaded
		code := mmdbtype.String([]string{"CH", "DE"}[i%2])
		insert(netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24), mmdbtype.Map{"iso_code": code})
	}
	insert(netip.MustParsePrefix("203.0.113.0/24"), mmdbtype.String("Switzerland"))
	var content, log bytes.Buffer
	if _, err := tree.WriteTo(&content); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.mmdb")
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	d := opened(t, slog.New(slog.NewTextHandler(&log, nil)), path)
	for range 3 {
		if got := d.Locate(netip.MustParseAddr("203.0.113.9")); got.Country != "" || got.Why == "" {
			t.Errorf("%+v", got)
		}
	}
	if d.Failures() != 3 || strings.Count(log.String(), "level=ERROR") != 1 {
		t.Errorf("%d failures\n%s", d.Failures(), log.String())
	}
	if got := d.Locate(netip.MustParseAddr("20.0.0.1")); got.Country != "CH" {
		t.Errorf("%+v", got)
	}
}

func TestNoFiles(t *testing.T) {
	d := opened(t, slog.New(slog.DiscardHandler))
	if got := d.Locate(netip.MustParseAddr("203.0.113.9")); got != (geo.Place{Why: "there is no GeoIP database"}) {
		t.Errorf("%+v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	whole := countries().Bytes(t)
	separator := bytes.LastIndex(whole, make([]byte, 16))
	damaged := bytes.Clone(whole)
	damaged[separator] = 1
	for _, tt := range []struct {
		name     string
		content  []byte
		want     string
		verified bool // Check does not see it
	}{
		{name: "nothing", content: []byte{}, want: "is no MaxMind database"},
		{name: "text", content: []byte("hello"), want: "is no MaxMind database"},
		{name: "cut off", content: whole[:len(whole)/2], want: "is no MaxMind database"},
		{name: "damaged", content: damaged, want: "is damaged", verified: true},
		{name: "of another kind", content: directorytest.GeoIP{Kind: "GeoIP2-Domain", Built: built(), Networks: map[string]geo.Place{"203.0.113.0/24": {}}}.Bytes(t), want: "is a database of type GeoIP2-Domain and holds neither countries nor"},
	} {
		path := filepath.Join(dir, tt.name)
		if err := os.WriteFile(path, tt.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := geo.Open([]string{path}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: Open = %v, want %s", tt.name, err, tt.want)
		}
		if err := geo.Check(path); (err == nil) != tt.verified || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Check = %v", tt.name, err)
		}
	}
	for path, want := range map[string]string{dir: "is no regular file", filepath.Join(dir, "absent"): "cannot be opened: no such file or directory"} {
		if err := geo.Check(path); err == nil || err.Error() != want {
			t.Errorf("%s: Check = %v, want %s", path, err, want)
		}
	}
}

// A file that was damaged in any way is refused or answers; it never ends the process.
func FuzzSound(f *testing.F) {
	f.Add(countries().Bytes(f))
	f.Add(systems().Bytes(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		find, err := geo.Sound(data)
		if err != nil {
			return
		}
		for _, ip := range []string{"203.0.113.9", "2a02::1", "8.8.8.8"} {
			_ = find(netip.MustParseAddr(ip))
		}
	})
}

// Each byte of a database is damaged in turn.
func TestDamagedBytes(t *testing.T) {
	whole := systems().Bytes(t)
	for i := range whole {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			data := bytes.Clone(whole)
			data[i] ^= flip
			find, err := geo.Sound(data)
			if err != nil {
				continue
			}
			if err := find(netip.MustParseAddr("203.0.113.9")); err != nil && strings.Contains(err.Error(), "is damaged") {
				t.Errorf("byte %d: verified, and yet %v", i, err)
			}
		}
	}
}
