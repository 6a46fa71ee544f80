package geo_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
)

// followed are databases whose ticks the test makes.
type followed struct {
	*geo.Databases
	path string
	log  bytes.Buffer
}

func follow(t *testing.T, g directorytest.GeoIP) *followed {
	t.Helper()
	f := &followed{path: written(t, g)[0]}
	f.Databases = opened(t, slog.New(slog.NewTextHandler(&f.log, nil)), f.path)
	return f
}

func (f *followed) country() string { return f.Locate(netip.MustParseAddr("203.0.113.9")).Country }

func (f *followed) want(t *testing.T, country string, errors int, problem string) {
	t.Helper()
	for range 3 {
		f.Refresh()
	}
	if got := f.country(); got != country {
		t.Errorf("country %q, want %q", got, country)
	}
	if got := strings.Count(f.log.String(), "level=ERROR"); got != errors {
		t.Errorf("%d errors in the log, want %d:\n%s", got, errors, f.log.String())
	}
	if got := f.Files()[0].Problem; (problem == "") != (got == "") || !strings.Contains(got, problem) {
		t.Errorf("problem %q, want %q", got, problem)
	}
}

func inCountry(country string) directorytest.GeoIP {
	return directorytest.GeoIP{Kind: "GeoLite2-Country", Built: built(), Networks: map[string]geo.Place{"203.0.113.0/24": {Country: country}}}
}

func (f *followed) put(t *testing.T, content []byte) {
	t.Helper()
	if err := os.WriteFile(f.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	f := follow(t, inCountry("CH"))
	f.want(t, "CH", 0, "")

	inCountry("DE").Write(t, f.path) // renamed
	f.want(t, "DE", 0, "")
	f.put(t, inCountry("FR").Bytes(t)) // in place
	f.want(t, "FR", 0, "")

	f.put(t, []byte("an error page"))
	f.want(t, "FR", 1, "is no MaxMind database")
	f.want(t, "FR", 1, "is no MaxMind database")
	inCountry("IT").Write(t, f.path)
	f.want(t, "IT", 1, "")

	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.want(t, "IT", 2, "cannot be found: no such file or directory")
	f.want(t, "IT", 2, "cannot be found: no such file or directory")
	inCountry("IT").Write(t, f.path)
	f.want(t, "IT", 2, "")
}

// A file that goes away and comes back is in use again, even the very same.
func TestFollowMovedAway(t *testing.T) {
	f := follow(t, inCountry("CH"))
	if err := os.Rename(f.path, f.path+".away"); err != nil {
		t.Fatal(err)
	}
	f.want(t, "CH", 1, "cannot be found")
	if err := os.Rename(f.path+".away", f.path); err != nil {
		t.Fatal(err)
	}
	f.want(t, "CH", 1, "")
}

// A file that is being written is left until it is the same at two ticks.
func TestFollowWaitsForTheWriter(t *testing.T) {
	f := follow(t, inCountry("CH"))
	whole := inCountry("DE").Bytes(t)
	for i := range 5 {
		f.put(t, whole[:len(whole)*i/5])
		f.Refresh()
	}
	f.put(t, whole)
	f.want(t, "DE", 0, "")
}

// Who looks up while a file is replaced gets the old answer or the new one.
func TestLocateWhileReloading(t *testing.T) {
	f := follow(t, inCountry("CH"))
	ctx, stop := context.WithCancel(t.Context())
	tick := make(chan time.Time)
	var following, readers sync.WaitGroup
	following.Go(func() { f.Follow(ctx, tick) })
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if got := f.country(); got != "CH" && got != "DE" {
					t.Errorf("country %q", got)
				}
				f.Files()
			}
		})
	}
	for i := range 20 {
		inCountry([]string{"DE", "CH"}[i%2]).Write(t, f.path)
		for range 3 {
			tick <- time.Time{}
		}
	}
	stop()
	following.Wait()
	readers.Wait()
	f.want(t, "CH", 0, "")
}
