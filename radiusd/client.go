package radiusd

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// client is a NAS as it is configured: immutable, replaced at a reload.
type client struct {
	id          directory.RADIUSClientID
	name        string
	rev         int64       // of its configuration
	keys        []*wire.Key // current and, during a rotation, next; none: only over TLS
	tls         *identity   // nil: only over UDP
	networks    []netip.Prefix
	app         string   // slug of the app that decides
	auto        bool     // Message-Authenticator required from the first one on, not from the start
	methods     []string // allowed ones, in order
	realms      []string // taken off names
	networkOnly bool     // network passwords only
	legacyTLS   bool     // TLS 1.2 without Extended Master Secret is let pass
	challenge   bool     // may be asked for a code by Access-Challenge
	limit       int      // requests a second; 0: none
	rules       []replyRule
	onReject    []attribute // in every Access-Reject
	coa         schema.CoA
	maxDevices  int           // of one person at once; 0: any number
	session     time.Duration // Session-Timeout where no rule says otherwise
	silence     time.Duration // after which an open session is presumed to have ended
	*clientState
}

// clientState is what is remembered about a client across reloads.
type clientState struct {
	replays replays
	rate    bucket
	access  lane
	account lane
	// protected is set by the first right Message-Authenticator.
	protected atomic.Bool
}

// unprotected reports whether an Access-Request without Message-Authenticator
// may be looked at.
func (c *client) unprotected() bool { return c.auto && !c.protected.Load() }

// allows reports whether the client's methods include m.
func (c *client) allows(m string) bool { return slices.Contains(c.methods, m) }

// local strips a realm that the client lists: "DOMAIN\user" and "user@realm".
func (c *client) local(name string) string {
	if realm, user, ok := strings.Cut(name, `\`); ok && c.lists(realm) {
		return user
	}
	if at := strings.LastIndexByte(name, '@'); at >= 0 && c.lists(name[at+1:]) {
		return name[:at]
	}
	return name
}

// foreign returns the realm of a name that the client does not list; empty: none.
func (c *client) foreign(name string) string {
	if c.local(name) != name {
		return ""
	}
	if realm, _, ok := strings.Cut(name, `\`); ok {
		return realm
	}
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		return name[at+1:]
	}
	return ""
}

func (c *client) lists(realm string) bool {
	return slices.ContainsFunc(c.realms, func(have string) bool { return strings.EqualFold(have, realm) })
}

// configure fills in what the stored configuration says.
func (c *client) configure(stored []byte) (err error) {
	var config schema.RADIUSClient
	if len(stored) > 0 {
		if err := json.Unmarshal(stored, &config); err != nil {
			return fmt.Errorf("read its configuration: %w", err)
		}
	}
	config = config.WithDefaults()
	c.auto = config.MessageAuthenticator == schema.AuthenticatorAuto
	c.methods, c.realms, c.networkOnly = config.Methods, config.Realms, config.Passwords == "network"
	c.challenge, c.legacyTLS, c.coa, c.limit = config.Challenge, config.LegacyTLS, config.CoA, config.RateLimit
	c.maxDevices = config.MaxDevices
	if c.tls, err = newIdentity(config.TLS); err != nil {
		return err
	}
	if c.onReject, err = attributesOf(config.RejectAttributes); err != nil {
		return fmt.Errorf("reject_attributes: %w", err)
	}
	c.session = time.Duration(config.SessionTimeout) * time.Second
	longest, interim := c.session, len(config.Reply) > 0
	c.silence = 0
	for i, row := range config.Reply {
		rule := newReplyRule(row)
		if rule.broken != nil {
			rule.broken = fmt.Errorf("reply row %d: %w", i+1, rule.broken)
		}
		c.rules = append(c.rules, rule)
		longest = max(longest, rule.session)
		interim = interim && rule.interim > 0
		c.silence = max(c.silence, 3*rule.interim)
	}
	if !interim {
		// Not every session was asked for interim updates: one may be silent for
		// as long as a session lasts, and a margin.
		c.silence = longest + silenceMargin
	}
	return nil
}

// silenceMargin is how much later than its Session-Timeout a session that was
// not heard of is presumed to have ended.
const silenceMargin = 30 * time.Minute

// protect makes Message-Authenticator required for good, because the client has
// shown that it sends it. It is called once per client and process, and must
// not wait.
func (s *Server) protect(c *client) {
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(s.lifetime, storeWithin)
		defer cancel()
		_, err := s.directory.Write(ctx, directory.System("radiusd"), func(w *directory.Writer) error {
			for row, err := range w.RADIUSClients(directory.RADIUSClientQuery{IDs: []directory.RADIUSClientID{c.id}}) {
				if err != nil {
					return err
				}
				var config schema.RADIUSClient
				if err := json.Unmarshal(row.Config, &config); err != nil {
					return fmt.Errorf("read the configuration of RADIUS client %s: %w", row.Name, err)
				}
				config.MessageAuthenticator = schema.AuthenticatorRequired
				_, err := w.SaveRADIUSClient(directory.NewRADIUSClient{Name: row.Name, Networks: row.Networks, App: row.App, Config: config})
				return err
			}
			return nil
		})
		if err != nil {
			// In this process it is required all the same; another start tries again.
			s.log.LogAttrs(ctx, slog.LevelWarn, "could not record that a RADIUS client sends Message-Authenticator",
				slog.String("client", c.name), slog.Any("err", err))
			return
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "RADIUS client sends Message-Authenticator; required from now on",
			slog.String("client", c.name))
	})
}
