package directorytest

import (
	"bytes"
	"net"
	"os"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"gatehouse/directory/geo"
)

// GeoIP is a database to write.
type GeoIP struct {
	Kind     string // what it calls itself
	Built    time.Time
	IPv4     bool                 // it knows no IPv6
	Networks map[string]geo.Place // by network, as in 192.0.2.0/24
}

// Bytes returns the database in the form of a file, with the fields of GeoIP2.
func (g GeoIP) Bytes(t testing.TB) []byte {
	t.Helper()
	o := mmdbwriter.Options{
		DatabaseType: g.Kind, BuildEpoch: g.Built.Unix(), Languages: []string{"en"}, RecordSize: 24,
		Description: map[string]string{"en": "Of a test"}, IncludeReservedNetworks: true,
	}
	if g.IPv4 {
		o.IPVersion = 4
	}
	tree, err := mmdbwriter.New(o)
	if err != nil {
		t.Fatalf("make a GeoIP database: %v", err)
	}
	for text, place := range g.Networks {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, geoRecord(place)); err != nil {
			t.Fatalf("put %s into a GeoIP database: %v", text, err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatalf("write a GeoIP database: %v", err)
	}
	return b.Bytes()
}

// Write puts the database into the place of path, by renaming.
func (g GeoIP) Write(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path+".new", g.Bytes(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func geoRecord(p geo.Place) mmdbtype.Map {
	m := mmdbtype.Map{}
	if p.Country != "" {
		m["country"] = mmdbtype.Map{"iso_code": mmdbtype.String(p.Country)}
	}
	if p.City != "" {
		m["city"] = mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(p.City)}}
	}
	if p.ASN != 0 {
		m["autonomous_system_number"] = mmdbtype.Uint32(p.ASN)
	}
	return m
}
