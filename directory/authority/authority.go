package authority

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The purposes an authority can have.
const PurposeDevice = "device" // certificates of people's devices, in EAP-TLS

// The names of a certificate that can say whose it is.
const (
	SANEmail = "email" // rfc822Name
	SANDNS   = "dns"
	SANURI   = "uri"
	SANUPN   = "upn" // userPrincipalName of Microsoft
)

// The fields of a user that a name can be.
const (
	UserName  = "username"
	UserEmail = "email" // a verified address
	UserUID   = "uid"
)

// CRLSoft lets certificates pass of which no list in force says anything.
const CRLSoft = "soft"

// Config is one imported CA.
type Config struct {
	Name    string
	Purpose string // PurposeDevice
	CAFile  string // PEM: the certificates that are trusted
	CRLFile string // PEM or DER: their lists; empty only with CRLSoft
	CRL     string // "" or CRLSoft
	SAN     string // SANEmail …
	Strip   string // what must end each name, and is taken off; empty: nothing
	User    string // UserName …
}

// Check accepts configurations that can work. It reads no files.
func (c Config) Check() error {
	one := func(key, v string, of ...string) error {
		for _, o := range of {
			if v == o {
				return nil
			}
		}
		return fmt.Errorf("%s: %q is none of %s", key, v, strings.Join(of, ", "))
	}
	switch {
	case c.Name == "":
		return errors.New("name: an authority needs one")
	case c.CAFile == "":
		return errors.New("ca_file: the file with the certificates that are trusted is missing")
	case c.CRL != "" && c.CRL != CRLSoft:
		return fmt.Errorf("crl: %q is not soft", c.CRL)
	case c.CRLFile == "" && c.CRL != CRLSoft:
		return errors.New("crl_file: without a list nobody's certificate counts; name one, or say crl: soft")
	}
	return errors.Join(
		one("purpose", c.Purpose, PurposeDevice),
		one("san", c.SAN, SANEmail, SANDNS, SANURI, SANUPN),
		one("user", c.User, UserName, UserEmail, UserUID),
	)
}

// Set is the imported authorities of a daemon.
type Set struct {
	log  *slog.Logger
	now  func() time.Time
	list []*imported
}

// imported is an authority with what its files say now.
type imported struct {
	config Config
	mu     sync.Mutex // of load
	state  atomic.Pointer[state]
	seen   [2]stamp
}

// state is the content of the files of an authority.
type state struct {
	anchors []*x509.Certificate
	roots   *x509.CertPool
	lists   []*list
	problem string // of the CA file or the lists; empty: none
}

// stamp tells whether a file is another one than before.
type stamp struct {
	size int64
	at   time.Time
}

// Open reads the files. A CA file that cannot be used is an error; a list that
// cannot is not: it denies, which is said in the log.
func Open(configs []Config, log *slog.Logger, now func() time.Time) (*Set, error) {
	s := &Set{log: log, now: now}
	for _, c := range configs {
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("authority %s: %w", c.Name, err)
		}
		a := &imported{config: c}
		a.state.Store(&state{})
		if err := s.load(a); err != nil {
			return nil, fmt.Errorf("authority %s: %w", c.Name, err)
		}
		s.list = append(s.list, a)
	}
	return s, nil
}

// Anchors returns the certificates that are trusted, to be named to devices.
func (s *Set) Anchors() (all []*x509.Certificate) {
	if s == nil {
		return nil
	}
	for _, a := range s.list {
		all = append(all, a.state.Load().anchors...)
	}
	return all
}

// Follow looks at the files at each tick until ctx ends, and takes over what has
// changed.
func (s *Set) Follow(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-tick:
			s.refresh()
		case <-ctx.Done():
			return
		}
	}
}

func (s *Set) refresh() {
	for _, a := range s.list {
		if now := a.look(); now != a.seen {
			if err := s.load(a); err != nil {
				s.log.Error("the new CA file of an imported authority cannot be used; the old one stays in use", "authority", a.config.Name, "err", err)
			}
		} else {
			s.complain(a, *a.state.Load())
		}
	}
}

func (a *imported) look() (out [2]stamp) {
	for i, path := range []string{a.config.CAFile, a.config.CRLFile} {
		if info, err := os.Stat(path); err == nil {
			out[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}

// load reads the files of an authority and puts them into force.
func (s *Set) load(a *imported) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.look()
	anchors, err := readAnchors(a.config.CAFile)
	if err != nil {
		return err
	}
	next := state{anchors: anchors, roots: x509.NewCertPool(), problem: a.state.Load().problem}
	for _, c := range anchors {
		next.roots.AddCert(c)
	}
	var unread error
	if a.config.CRLFile != "" {
		next.lists, unread = readLists(a.config.CRLFile)
	}
	a.seen = seen
	if unread != nil {
		s.note(a, next, unread.Error())
		return nil
	}
	s.complain(a, next)
	return nil
}

// complain puts a state into force with what is wrong with it at this time.
func (s *Set) complain(a *imported, next state) {
	problem := ""
	switch now := s.now(); {
	case a.config.CRLFile != "" && len(next.lists) == 0:
		problem = next.problem // it could not be read
	default:
		for _, l := range next.lists {
			problem = l.stale(now)
			if problem != "" {
				break
			}
		}
	}
	s.note(a, next, problem)
}

// note stores a state, and logs its problem when that is new.
func (s *Set) note(a *imported, next state, problem string) {
	old := a.state.Load().problem
	next.problem = problem
	a.state.Store(&next)
	switch {
	case problem == old:
	case problem != "":
		s.log.Error("the revocation list of an imported authority cannot be used", "then", a.consequence(),
			"authority", a.config.Name, "file", a.config.CRLFile, "err", problem)
	default:
		s.log.Info("the revocation lists of an imported authority are in force again", "authority", a.config.Name)
	}
}

func (a *imported) consequence() string {
	if a.config.CRL == CRLSoft {
		return "its certificates count unchecked"
	}
	return "its certificates are refused"
}

// Health is how an authority is.
type Health struct {
	Name    string
	Problem string    // empty: its lists are in force
	Denies  bool      // because of Problem
	Next    time.Time // when the first of its lists is due; zero: it has none
}

// Health returns how each authority is.
func (s *Set) Health() (out []Health) {
	if s == nil {
		return nil
	}
	for _, a := range s.list {
		now := a.state.Load()
		h := Health{Name: a.config.Name, Problem: now.problem}
		for _, l := range now.lists {
			if h.Next.IsZero() || l.NextUpdate.Before(h.Next) {
				h.Next = l.NextUpdate
			}
			if h.Problem == "" {
				h.Problem = l.stale(s.now())
			}
		}
		h.Denies = h.Problem != "" && a.config.CRL != CRLSoft
		out = append(out, h)
	}
	return out
}

const (
	maxFile    = 64 << 20
	maxAnchors = 100
)

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return b, err
}

func readAnchors(path string) (anchors []*x509.Certificate, err error) {
	rest, err := readFile(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(anchors) == maxAnchors {
			return nil, fmt.Errorf("%s holds something else than up to %d certificates", path, maxAnchors)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !c.IsCA {
			return nil, fmt.Errorf("%s: %.80q is no CA", path, c.Subject.String())
		}
		anchors = append(anchors, c)
	}
	if len(anchors) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return anchors, nil
}
