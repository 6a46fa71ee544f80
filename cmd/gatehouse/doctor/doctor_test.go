package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
)

const sharedSecret = "0123456789abcdef0123"

// healthy returns an installation in a new directory whose keys, store, clock
// and certificate are right, and on which nothing runs.
func healthy(t *testing.T) *Patient {
	t.Helper()
	p, _ := installed(t)
	return p
}

func installed(t *testing.T) (*Patient, *core.Core) {
	t.Helper()
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	opened, err := core.Create(t.Context(), core.Options{
		Config: c, Daemon: core.CLI, Now: time.Now, Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler),
	}, func(w *directory.Writer) error {
		_, err := w.SaveRADIUSClient(directory.NewRADIUSClient{
			Name: "here", Networks: []string{"127.0.0.0/8"}, Secret: sharedSecret, Config: schema.RADIUSClient{},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	p := New(c, time.Now)
	p.Directory = opened.Directory
	p.Synchronised = func() (bool, error) { return true, nil }
	p.LookupHost = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	if p.CA, err = opened.CAPool(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, opened
}

// sick is one thing that is wrong, and what its check must say.
type sick struct {
	name   string
	change func(t *testing.T, p *Patient)
	want   Outcome
	detail string
	fresh  bool // change does something to the directory itself
}

func examine(t *testing.T, check func(*Patient, context.Context) Finding, cases []sick) {
	t.Helper()
	base := healthy(t)
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			copied := *base
			p := &copied
			if tt.fresh {
				p = healthy(t)
			}
			if tt.change != nil {
				tt.change(t, p)
			}
			f := check(p, t.Context())
			if f.Outcome != tt.want || !strings.Contains(f.Detail, tt.detail) {
				t.Errorf("%+v, want %s and %q", f, tt.want, tt.detail)
			}
			if (f.Advice == "") != (f.Outcome == Fine || f.Outcome == Skipped) {
				t.Errorf("%s with the advice %q", f.Outcome, f.Advice)
			}
		})
	}
}

func oneKey(t *testing.T, p *Patient) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Config.KeyRings(""), "totp-*.key"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	return files[0]
}

func TestKeys(t *testing.T) {
	examine(t, (*Patient).Keys, []sick{
		{name: "as made", want: Fine, detail: "9 keys"},
		{name: "open to others", fresh: true, change: func(t *testing.T, p *Patient) { must(t, os.Chmod(oneKey(t, p), 0o444)) }, want: Failed, detail: "open to others"},
		{name: "lost", fresh: true, change: func(t *testing.T, p *Patient) { must(t, os.Remove(oneKey(t, p))) }, want: Failed, detail: "no totp key"},
		{name: "damaged", fresh: true, change: func(t *testing.T, p *Patient) {
			must(t, os.Chmod(oneKey(t, p), 0o600), os.WriteFile(oneKey(t, p), []byte("x"), 0o600))
		}, want: Failed, detail: "not a key"},
		{name: "a directory that others write", fresh: true, change: func(t *testing.T, p *Patient) { must(t, os.Chmod(p.Config.KeyRings(""), 0o770)) }, want: Failed, detail: "mode 0770"},
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestGroup(t *testing.T) {
	packaged := func(groups string) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) {
			p.Config.DataDir = "/var/lib/gatehouse"
			p.GroupFile = filepath.Join(t.TempDir(), "group")
			must(t, os.WriteFile(p.GroupFile, []byte(groups), 0o600))
		}
	}
	examine(t, (*Patient).group, []sick{
		{name: "no package", want: Skipped},
		{name: "daemons", change: packaged("adm:x:4:jane\ngatehouse:x:999:gatehouse-idp,gatehouse-ldapd\n"), want: Fine},
		{name: "a person", change: packaged("gatehouse:x:999:gatehouse-idp,jane\n"), want: Failed, detail: "jane is in the group"},
		{name: "no file", change: func(_ *testing.T, p *Patient) { p.Config.DataDir, p.GroupFile = "/var/lib/gatehouse", "/absent" }, want: Failed, detail: "/absent"},
	})
}

func TestStore(t *testing.T) {
	examine(t, (*Patient).store, []sick{
		{name: "open", want: Fine},
		{name: "not opened", change: func(_ *testing.T, p *Patient) {
			p.Directory, p.OpenError = nil, errors.New("the store has schema 1, this version needs 2")
		}, want: Failed, detail: "needs 2"},
	})
}

func TestStoreAway(t *testing.T) {
	p, opened := installed(t)
	must(t, opened.Store.Close())
	if f := p.store(t.Context()); f.Outcome != Failed || !strings.Contains(f.Detail, "does not answer") {
		t.Errorf("%+v", f)
	}
	if f := p.clock(t.Context()); f.Outcome != Failed || !strings.Contains(f.Detail, "the audit cannot be read") {
		t.Errorf("%+v", f)
	}
}

func TestClock(t *testing.T) {
	examine(t, (*Patient).clock, []sick{
		{name: "right", want: Fine},
		{name: "behind", change: func(_ *testing.T, p *Patient) { p.Now = func() time.Time { return time.Now().Add(-time.Hour) } }, want: Failed, detail: "behind the newest audit event"},
		{name: "left alone", change: func(_ *testing.T, p *Patient) { p.Synchronised = func() (bool, error) { return false, nil } }, want: Warned, detail: "nothing"},
		{name: "not told", change: func(_ *testing.T, p *Patient) {
			p.Synchronised = func() (bool, error) { return false, errors.New("no such call") }
		}, want: Skipped, detail: "no such call"},
	})
}

func TestCertificate(t *testing.T) {
	at := func(d time.Duration) func(*testing.T, *Patient) {
		return func(_ *testing.T, p *Patient) { p.Now = func() time.Time { return time.Now().Add(d) } }
	}
	const day = 24 * time.Hour
	examine(t, (*Patient).certificate, []sick{
		{name: "in force", want: Fine, detail: "for localhost"},
		{name: "ended", change: at(400 * day), want: Failed, detail: "ended at"},
		{name: "ends soon", change: at(390 * day), want: Warned, detail: "was not renewed"},
		{name: "begins later", change: at(-400 * day), want: Failed, detail: "begins only"},
		{name: "another name", change: func(_ *testing.T, p *Patient) { p.Config.PublicURL = "https://id.example.org" }, want: Failed, detail: "not for id.example.org"},
		{name: "no file", change: func(_ *testing.T, p *Patient) {
			p.Config.TLS = config.TLS{CertFile: "/absent.pem", KeyFile: "/absent.key"}
		}, want: Failed, detail: "/absent.pem"},
		{name: "no store", change: func(_ *testing.T, p *Patient) { p.Directory = nil }, want: Failed, detail: "could not be opened"},
	})
}

func TestDNS(t *testing.T) {
	public := func(addresses ...string) func(*testing.T, *Patient) {
		return func(_ *testing.T, p *Patient) {
			p.Config.PublicURL, p.Config.IDP.ListenTLS = "https://id.example.com", []string{":443"}
			p.LookupHost = func(context.Context, string) ([]string, error) { return addresses, nil }
		}
	}
	examine(t, (*Patient).dns, []sick{
		{name: "localhost", want: Fine},
		{name: "a name", change: public("192.0.2.1"), want: Fine, detail: "192.0.2.1"},
		{name: "no address", change: func(_ *testing.T, p *Patient) {
			p.LookupHost = func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
		}, want: Failed, detail: "no such host"},
		{name: "a name that leads every machine to itself", change: public("127.0.1.1"), want: Failed, detail: "127.0.1.1"},
	})
}

// answering serves HTTP with one status and body, and returns its address.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// nobody is an address at which nothing answers.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestDaemons(t *testing.T) {
	examine(t, (*Patient).daemons, []sick{
		{name: "all in one", change: func(t *testing.T, p *Patient) { p.Config.Metrics.Listen = answering(t, 200, "ready") }, want: Fine},
		{name: "all in one, not ready", change: func(t *testing.T, p *Patient) { p.Config.Metrics.Listen = answering(t, 503, "ldapd: loading") }, want: Failed, detail: "ldapd: loading"},
		{name: "four", change: func(t *testing.T, p *Patient) {
			a := answering(t, 200, "ready")
			p.Config.Metrics = config.Metrics{Listen: nobody(t), LDAPD: a, RADIUSD: a, SCIMD: a, IDP: a}
		}, want: Fine},
		{name: "three", change: func(t *testing.T, p *Patient) {
			a := answering(t, 200, "ready")
			p.Config.Metrics = config.Metrics{LDAPD: a, RADIUSD: nobody(t), SCIMD: a, IDP: a}
		}, want: Failed, detail: "radiusd does not run"},
		{name: "one not ready", change: func(t *testing.T, p *Patient) {
			p.Config.Metrics = config.Metrics{LDAPD: answering(t, 200, ""), IDP: answering(t, 503, "the store is away")}
		}, want: Failed, detail: "idp is not ready: the store is away"},
		{name: "off", change: func(_ *testing.T, p *Patient) { p.Config.Metrics = config.Metrics{} }, want: Skipped},
	})
}

func TestPorts(t *testing.T) {
	only := func(address string) config.Config {
		c := config.Default()
		c.LDAP, c.SCIM, c.IDP = config.LDAP{Listen: []string{address}}, config.SCIM{}, config.IDP{}
		return c
	}
	examine(t, (*Patient).ports, []sick{
		{name: "open", change: func(t *testing.T, p *Patient) { p.Config = only(answering(t, 200, "")) }, want: Fine},
		{name: "closed", change: func(t *testing.T, p *Patient) { p.Config = only(nobody(t)) }, want: Failed, detail: "(ldap.listen): connection refused"},
		{name: "no socket", change: func(_ *testing.T, p *Patient) { p.Config = only("unix:/absent") }, want: Failed, detail: "no such file"},
		{name: "off", change: func(_ *testing.T, p *Patient) { p.Config = only(""); p.Config.LDAP = config.LDAP{} }, want: Skipped},
	})
}

// identity is a certificate for localhost and who trusts it.
func identity(t *testing.T, p *Patient) tls.Certificate {
	t.Helper()
	authority, err := certs.NewAuthority("test", time.Now())
	must(t, err)
	issued, err := authority.IssueServer([]string{"localhost", "127.0.0.1"}, time.Now())
	must(t, err)
	ca, err := x509.ParseCertificate(authority.Certificate())
	must(t, err)
	p.CA = x509.NewCertPool()
	p.CA.AddCert(ca)
	return *issued
}

// ldapAnswering is an LDAP server that knows StartTLS and answers each bind with
// a code.
func ldapAnswering(t *testing.T, certificate tls.Certificate, code byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		// RFC 4511 §4.12: an ExtendedResponse, then TLS, then a BindResponse.
		if _, err := conn.Read(buf); err != nil {
			return
		}
		_, _ = conn.Write([]byte{0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0})
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if _, err := secure.Read(buf); err != nil {
			return
		}
		_, _ = secure.Write([]byte{0x30, 12, 2, 1, 2, 0x61, 7, 10, 1, code, 4, 0, 4, 0})
		_, _ = secure.Read(buf)
	}()
	return l.Addr().String()
}

func TestLDAP(t *testing.T) {
	with := func(code byte) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) {
			p.Config.LDAP = config.LDAP{Listen: []string{ldapAnswering(t, identity(t, p), code)}}
		}
	}
	examine(t, (*Patient).ldap, []sick{
		{name: "decided", change: with(49), want: Fine},
		{name: "no store", change: with(52), want: Failed, detail: "cannot reach the store"},
		{name: "somebody else's server", change: with(0), want: Failed, detail: "was let in"},
		{name: "another error", change: with(80), want: Failed, detail: "a bind at"},
		{name: "nobody", change: func(t *testing.T, p *Patient) { p.Config.LDAP = config.LDAP{Listen: []string{nobody(t)}} }, want: Failed, detail: "no TLS connection"},
		{name: "nobody with TLS", change: func(t *testing.T, p *Patient) { p.Config.LDAP = config.LDAP{ListenTLS: []string{nobody(t)}} }, want: Failed, detail: "no TLS connection"},
		{name: "a certificate of somebody", change: func(t *testing.T, p *Patient) {
			own := p.CA
			p.Config.LDAP = config.LDAP{Listen: []string{ldapAnswering(t, identity(t, p), 49)}}
			p.CA = own
		}, want: Failed, detail: "certificate"},
		{name: "off", change: func(_ *testing.T, p *Patient) { p.Config.LDAP = config.LDAP{} }, want: Skipped},
	})
}

// radiusAnswering answers each packet with a code; 0: never.
func radiusAnswering(t *testing.T, code radius.Code) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			request, err := radius.Parse(buf[:n], []byte(sharedSecret))
			if err != nil || code == 0 {
				continue
			}
			if raw, err := request.Response(code).Encode(); err == nil {
				_, _ = conn.WriteTo(raw, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

func TestRADIUS(t *testing.T) {
	at := func(code radius.Code) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) { p.Config.RADIUS.ListenAuth = []string{radiusAnswering(t, code)} }
	}
	short := func(p *Patient, ctx context.Context) Finding {
		ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		return p.radius(ctx)
	}
	examine(t, short, []sick{
		{name: "alive", change: at(radius.CodeAccessAccept), want: Fine, detail: "the secret of here"},
		{name: "silent", change: at(0), want: Failed, detail: "does not answer"},
		{name: "somebody else's server", change: at(radius.CodeAccessReject), want: Failed, detail: "Access-Reject"},
		{name: "no client", fresh: true, change: func(t *testing.T, p *Patient) {
			at(radius.CodeAccessAccept)(t, p)
			_, err := p.Directory.Write(t.Context(), directory.System("test"), func(w *directory.Writer) error {
				for c, err := range w.RADIUSClients(directory.RADIUSClientQuery{}) {
					if err != nil {
						return err
					}
					return w.DeleteRADIUSClient(c.ID)
				}
				return errors.New("no client")
			})
			must(t, err)
		}, want: Skipped, detail: "no RADIUS client"},
		{name: "no store", change: func(_ *testing.T, p *Patient) { p.Directory = nil }, want: Skipped},
		{name: "off", change: func(_ *testing.T, p *Patient) { p.Config.RADIUS.ListenAuth = nil }, want: Skipped},
	})
}

// public serves https on localhost and makes it the public_url. A %s in the body
// is replaced by it.
func public(status int, body string) func(*testing.T, *Patient) {
	return func(t *testing.T, p *Patient) {
		t.Helper()
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "%s", p.Config.PublicURL))
		}))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{identity(t, p)}}
		s.StartTLS()
		t.Cleanup(s.Close)
		p.Config.PublicURL = fmt.Sprintf("https://localhost:%d", s.Listener.Addr().(*net.TCPAddr).Port)
	}
}

func TestDiscovery(t *testing.T) {
	unreachable := func(t *testing.T, p *Patient) { p.Config.PublicURL = "https://" + nobody(t) }
	examine(t, (*Patient).discovery, []sick{
		{name: "right", change: public(200, `{"issuer": "%s"}`), want: Fine},
		{name: "another issuer", change: public(200, `{"issuer": "https://id.example.org"}`), want: Failed, detail: "id.example.org"},
		{name: "not found", change: public(404, ""), want: Failed, detail: "status 404"},
		{name: "a page", change: public(200, "<html>"), want: Failed, detail: "status 200"},
		{name: "nobody", change: unreachable, want: Failed, detail: "connection refused"},
		{name: "nobody behind a proxy", change: func(t *testing.T, p *Patient) { unreachable(t, p); p.Config.IDP.ListenTLS = nil }, want: Failed, detail: "connection refused"},
		{name: "a certificate of somebody", change: func(t *testing.T, p *Patient) {
			own := p.CA
			public(200, `{"issuer": "%s"}`)(t, p)
			p.CA = own
		}, want: Failed, detail: "certificate"},
	})
}

func TestSCIM(t *testing.T) {
	examine(t, (*Patient).scim, []sick{
		{name: "wants a token", change: public(401, ""), want: Fine},
		{name: "public", change: public(200, "{}"), want: Fine},
		{name: "no scimd", change: public(502, ""), want: Failed, detail: "status 502"},
		{name: "nobody", change: func(t *testing.T, p *Patient) { p.Config.PublicURL = "https://" + nobody(t) }, want: Failed, detail: "connection refused"},
	})
}

// Examine runs every check once, whatever is wrong.
func TestExamine(t *testing.T) {
	p := healthy(t)
	p.Config.RADIUS.ListenAuth = nil
	seen := map[string]bool{}
	for _, f := range p.Examine(t.Context()) {
		if seen[f.Check] || f.Check == "" || f.Detail == "" {
			t.Errorf("%+v", f)
		}
		seen[f.Check] = true
	}
	if len(seen) != 15 {
		t.Errorf("%d checks", len(seen))
	}
}
