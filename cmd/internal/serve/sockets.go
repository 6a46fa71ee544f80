package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// openSockets opens every socket of the daemons in this process, so that an
// address in use is noticed before anything else happens.
func (p *process) openSockets(ctx context.Context) error {
	c := p.Config
	p.streams, p.packets = map[string][]net.Listener{}, map[string][]net.PacketConn{}
	for _, s := range []struct {
		daemon, key string
		addresses   []string
	}{
		{daemon: "ldapd", key: "ldap.listen", addresses: c.LDAP.Listen},
		{daemon: "ldapd", key: "ldap.listen_tls", addresses: c.LDAP.ListenTLS},
		{daemon: "scimd", key: "scim.listen", addresses: c.SCIM.Listen},
		{daemon: "scimd", key: "scim.listen_tls", addresses: c.SCIM.ListenTLS},
		{daemon: "idp", key: "idp.listen", addresses: c.IDP.Listen},
		{daemon: "idp", key: "idp.listen_tls", addresses: c.IDP.ListenTLS},
	} {
		if !p.runs(s.daemon) {
			continue
		}
		opened, err := p.sockets.Streams(ctx, s.key, s.addresses)
		p.keep(s.key, opened)
		if err != nil {
			return err
		}
	}
	if p.runs("ldapd") {
		opened, err := p.sockets.Unix(ctx, "ldap.listen_unix", c.LDAP.ListenUnix, 0o666)
		p.keep("ldap.listen_unix", opened)
		if err != nil {
			return err
		}
	}
	if p.runs("radiusd") {
		if err := p.openPackets(ctx); err != nil {
			return err
		}
	}
	if err := p.openHealth(ctx); err != nil {
		return err
	}
	return p.unclaimed()
}

func (p *process) openPackets(ctx context.Context) error {
	if len(p.Config.RADIUS.ListenTLS) > 0 {
		return fmt.Errorf("radius.listen_tls: RADIUS over TLS is not served by this version; set it to []")
	}
	for key, addresses := range map[string][]string{
		"radius.listen_auth": p.Config.RADIUS.ListenAuth,
		"radius.listen_acct": p.Config.RADIUS.ListenAcct,
	} {
		opened, err := p.sockets.Packets(ctx, key, addresses)
		for _, conn := range opened {
			p.packets[key] = append(p.packets[key], conn)
			p.opened = append(p.opened, conn)
			p.Log.Info("listening", "key", key, "address", conn.LocalAddr().String())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *process) openHealth(ctx context.Context) error {
	key, address := p.Config.MetricsAddress(p.Daemon)
	if address == "" {
		return nil
	}
	opened, err := p.sockets.Streams(ctx, key, []string{address})
	p.keep(key, opened)
	p.health = opened
	return err
}

func (p *process) keep(key string, opened []net.Listener) {
	for _, l := range opened {
		p.streams[key] = append(p.streams[key], l)
		p.opened = append(p.opened, l)
		p.Log.Info("listening", "key", key, "address", l.Addr().String())
	}
}

// closeSockets closes what was opened; what a server closed before is fine.
func (p *process) closeSockets() error {
	var errs []error
	for _, socket := range p.opened {
		if err := socket.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
