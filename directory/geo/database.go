package geo

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/sys/unix"
)

// maxFile is the size of a file that is read; the largest databases have some
// hundred MB.
const maxFile = 1 << 30

// sampled is how many networks are looked at to learn what a file holds.
const sampled = 10_000

// record is what is read of a network, by the names of GeoIP2.
type record struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	City struct {
		Names struct {
			English string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	ASN uint `maxminddb:"autonomous_system_number"`
}

// country returns the code, or "": IP2Location writes "-" where there is none.
func (r *record) country() string {
	c := r.Country.ISOCode
	if len(c) != 2 || c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z' {
		return ""
	}
	return c
}

// database is the content of a file.
type database struct {
	reader   *maxminddb.Reader
	kind     string
	built    time.Time
	holds    []string  // "country", "city", "asn"
	complain sync.Once // about a record that cannot be read
}

// parse reads a database without verifying it. It keeps data.
func parse(data []byte) (*database, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("is no MaxMind database: %w", err)
	}
	meta := reader.Metadata
	db := &database{reader: reader, kind: meta.DatabaseType, built: meta.BuildTime()}
	if db.holds, err = content(reader); err != nil {
		return nil, fmt.Errorf("holds a record that cannot be read: %w", err)
	}
	if len(db.holds) == 0 {
		return nil, fmt.Errorf("is a database of type %s and holds neither countries nor cities nor autonomous systems", meta.DatabaseType)
	}
	return db, nil
}

// content returns what the first networks hold. Those without data count as well:
// a damaged tree may have no end.
func content(reader *maxminddb.Reader) ([]string, error) {
	var country, city, asn bool
	left := sampled
	for network := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		var r record
		if err := network.Decode(&r); err != nil {
			return nil, err
		}
		country, city, asn = country || r.country() != "", city || r.City.Names.English != "", asn || r.ASN != 0
		if left--; left == 0 {
			break
		}
	}
	var holds []string
	for _, field := range []struct {
		name  string
		found bool
	}{{"country", country}, {"city", city}, {"asn", asn}} {
		if field.found {
			holds = append(holds, field.name)
		}
	}
	return holds, nil
}

// find returns what the database knows of an address. A zero record is nothing.
func (db *database) find(ip netip.Addr) (r record, err error) {
	if db.reader.Metadata.IPVersion == 4 && ip.Is6() {
		return record{}, nil
	}
	err = guarded(func() error { return db.reader.Lookup(ip).Decode(&r) })
	return r, err
}

// guarded turns a panic over a damaged file into an error.
func guarded(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("is damaged: %v", p)
		}
	}()
	return fn()
}

// stamp tells the content of a file from another without reading it: a renamed
// file has another inode, one that is written to another time.
type stamp struct {
	device, inode uint64
	size          int64
	written       unix.Timespec
	changed       unix.Timespec
}

func stampOf(s *unix.Stat_t) stamp {
	return stamp{device: s.Dev, inode: s.Ino, size: s.Size, written: s.Mtim, changed: s.Ctim}
}

func look(path string) (stamp, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return stamp{}, fmt.Errorf("cannot be found: %w", err)
	}
	return stampOf(&s), nil
}

// read returns the content of a file, and the stamp it had before.
func read(path string) ([]byte, stamp, error) {
	// Opening a pipe must not wait for who writes to it.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err // whoever asks knows the path
		}
		return nil, stamp{}, fmt.Errorf("cannot be opened: %w", err)
	}
	defer f.Close()
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return nil, stamp{}, fmt.Errorf("cannot be read: %w", err)
	}
	switch {
	case s.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, stamp{}, errors.New("is no regular file")
	case s.Size > maxFile:
		return nil, stamp{}, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	data := make([]byte, s.Size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, stamp{}, fmt.Errorf("cannot be read: %w", err)
	}
	return data, stampOf(&s), nil
}

// load reads and verifies a file. A zero stamp with an error: it was not read,
// and a later attempt may end otherwise.
func load(path string) (db *database, s stamp, err error) {
	data, s, err := read(path)
	if err != nil {
		return nil, stamp{}, err
	}
	db, err = sound(data)
	return db, s, err
}

// sound parses and verifies a database.
func sound(data []byte) (db *database, err error) {
	err = guarded(func() (err error) {
		if db, err = parse(data); err != nil {
			return err
		}
		if err = db.reader.Verify(); err != nil {
			return fmt.Errorf("is damaged: %w", err)
		}
		return nil
	})
	return db, err
}

// Check reports whether a file can be used, as far as that shows without
// verifying the whole.
func Check(path string) error {
	data, _, err := read(path)
	if err != nil {
		return err
	}
	return guarded(func() error { _, err := parse(data); return err })
}
