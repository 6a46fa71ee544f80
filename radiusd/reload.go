package radiusd

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

const reloadAgain = time.Second

// clientSet is the clients by id, as last loaded. The state of a client
// survives a reload.
type clientSet struct {
	mu   sync.Mutex
	byID map[directory.RADIUSClientID]*client // nil: never loaded
}

func (c *clientSet) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byID)
}

func (c *clientSet) loaded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID != nil
}

func (c *clientSet) get(id directory.RADIUSClientID) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

func (c *clientSet) set(byID map[directory.RADIUSClientID]*client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID = byID
}

// follow keeps the client table as the change feed says, until ctx ends. While
// the store is lost the last complete table serves.
func (s *Server) follow(ctx context.Context) {
	for ctx.Err() == nil {
		head, err := s.load(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.undecided.warn(ctx, "RADIUS clients could not be loaded; keeping those known", slog.Any("err", err))
			}
			pause(ctx, reloadAgain)
			continue
		}
		for change, err := range s.directory.Follow(ctx, head) {
			if err != nil || concerns(change.Kind) {
				break
			}
		}
	}
}

// concerns reports whether a change may touch the client table. A kind that
// this version does not know may touch anything.
func concerns(k directory.ChangeKind) bool {
	switch k {
	case directory.UserCreated, directory.UserUpdated, directory.UserStatusChanged, directory.UserDeleted,
		directory.CredentialsChanged, directory.GrantsChanged, directory.GroupCreated, directory.GroupMembersChanged,
		directory.GroupNestingChanged, directory.GroupUpdated, directory.GroupDeleted, directory.PolicyChanged,
		directory.SCIMSourceChanged, directory.SettingsChanged:
		return false
	case directory.RADIUSClientChanged, directory.AppChanged, directory.AppDeleted, directory.KeysChanged:
		return true
	}
	return true
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// load reads the clients and puts them into force.
func (s *Server) load(ctx context.Context) (directory.Head, error) {
	var head directory.Head
	var rows []directory.RADIUSClient
	slugs := make(map[directory.AppID]string)
	var devices, servers *x509.CertPool
	var serials map[string][]string
	err := s.directory.Read(ctx, directory.System("radiusd"), func(r *directory.Reader) error {
		rows = nil
		clear(slugs)
		var err error
		if head, err = r.Head(); err != nil {
			return err
		}
		for row, err := range r.RADIUSClients(directory.RADIUSClientQuery{}) {
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		for app, err := range r.Apps(directory.AppQuery{}) {
			if err != nil {
				return err
			}
			slugs[app.ID] = app.Slug
		}
		if devices, err = authorities(r, directory.CertificateDevice); err != nil {
			return err
		}
		if servers, err = authorities(r, directory.CertificateNAS); err != nil {
			return err
		}
		serials, err = inForce(r, directory.CertificateNAS)
		return err
	})
	if err != nil {
		return head, fmt.Errorf("load RADIUS clients: %w", err)
	}
	s.install(ctx, rows, slugs, newRoster(servers), serials)
	s.devices.Store(devices)
	return head, nil
}

// authorities returns the CAs that issue certificates of a kind.
func authorities(r *directory.Reader, kind directory.CertificateKind) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for key, err := range r.SigningKeys(directory.SigningKeyQuery{Use: kind.AuthorityUse()}) {
		if err != nil {
			return nil, err
		}
		certificate, err := x509.ParseCertificate(key.Public)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of %s: %w", key.KID, err)
		}
		pool.AddCert(certificate)
	}
	return pool, nil
}

// inForce returns the serial numbers of the certificates of a kind that were not
// revoked, by whom they are for.
func inForce(r *directory.Reader, kind directory.CertificateKind) (map[string][]string, error) {
	serials := make(map[string][]string)
	for row, err := range r.Certificates(directory.CertificateQuery{Kind: kind}) {
		if err != nil {
			return nil, err
		}
		if row.Revoked.IsZero() {
			serials[row.Subject] = append(serials[row.Subject], row.Serial)
		}
	}
	return serials, nil
}

// install makes a table and a roster of the rows. A client that cannot be used is
// left out and said so; the others serve. serials are the certificates in force
// by their subject.
func (s *Server) install(ctx context.Context, rows []directory.RADIUSClient, slugs map[directory.AppID]string, roll *roster, serials map[string][]string) {
	byID := make(map[directory.RADIUSClientID]*client, len(rows))
	next := new(table)
	for _, row := range rows {
		c, err := s.client(row, slugs)
		if err != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "RADIUS client is unusable and gets no answer",
				slog.String("client", row.Name), slog.Any("err", err))
			continue
		}
		if old := s.clients.get(row.ID); old != nil {
			c.clientState = old.clientState
		} else {
			c.clientState = new(clientState)
		}
		byID[row.ID] = c
		if c.tls != nil {
			roll.add(c, serials[directory.CertificateNAS.Identity(row.UID)])
		}
		for _, network := range row.Networks {
			p, err := parsePrefix(network)
			c.networks = append(c.networks, p)
			if err != nil || len(c.keys) > 0 && !next.add(p, c) {
				s.log.LogAttrs(ctx, slog.LevelError, "network of a RADIUS client is invalid or another client's",
					slog.String("client", row.Name), slog.String("network", network), slog.Any("err", err))
			}
		}
	}
	s.transport.clients.Store(next)
	s.transport.streams.renew(roll)
	s.clients.set(byID) // the last: now there is an answer to everybody
	s.reviewer.mark()   // another app may decide at a client now
	s.log.LogAttrs(ctx, slog.LevelInfo, "RADIUS clients loaded", slog.Int("clients", len(byID)))
}

// parsePrefix reads a prefix or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// client makes what the packet path needs of a row.
func (s *Server) client(row directory.RADIUSClient, slugs map[directory.AppID]string) (*client, error) {
	c := &client{id: row.ID, name: row.Name, rev: row.Rev, app: directory.AppNetwork}
	if row.App != 0 {
		slug, ok := slugs[row.App]
		if !ok {
			// The app was deleted: no such slug exists, so everybody is denied.
			slug = "deleted app " + strconv.FormatInt(int64(row.App), 10)
		}
		c.app = slug
	}
	secrets, err := s.directory.RADIUSSecrets(row)
	if err != nil {
		return nil, fmt.Errorf("open its secrets: %w", err)
	}
	for _, secret := range secrets {
		if secret != "" {
			c.keys = append(c.keys, wire.NewKey([]byte(secret.Reveal())))
		}
	}
	if err := c.configure(row.Config); err != nil {
		return nil, err
	}
	if c.tls != nil {
		c.tls.uid = row.UID
	} else if len(c.keys) == 0 {
		return nil, fmt.Errorf("it has no secret")
	}
	return c, nil
}
