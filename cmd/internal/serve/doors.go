package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"gatehouse/directory"
	"gatehouse/idp"
	"gatehouse/internal/buildinfo"
	"gatehouse/internal/daemon"
	"gatehouse/ldapd"
	"gatehouse/ldapd/projection"
	"gatehouse/radiusd"
	"gatehouse/scimd"
)

// doors builds the daemons of this process.
func (p *process) doors() ([]daemon.Part, error) {
	var parts []daemon.Part
	add := func(name string, build func() (daemon.Part, error)) error {
		if !p.runs(name) {
			return nil
		}
		part, err := build()
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		part.Name = name
		parts = append(parts, part)
		return nil
	}
	var scim *scimd.Server
	for _, err := range []error{
		add("ldapd", p.ldapd),
		add("radiusd", p.radiusd),
		add("scimd", func() (part daemon.Part, err error) {
			scim, part, err = p.scimd()
			return part, err
		}),
		add("idp", func() (daemon.Part, error) { return p.idp(scim) }),
	} {
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func (p *process) ldapd() (daemon.Part, error) {
	log := p.Log.With("daemon", "ldapd")
	index, err := projection.New(projection.Config{Directory: p.core.Directory, Domain: p.Config.Domain, Logger: log, Registerer: p.registry})
	if err != nil {
		return daemon.Part{}, err
	}
	var listeners []ldapd.Listener
	for _, l := range slices.Concat(p.streams["ldap.listen"], p.streams["ldap.listen_unix"]) {
		listeners = append(listeners, ldapd.Listener{Listener: l, Kind: ldapd.Plain})
	}
	for _, l := range p.streams["ldap.listen_tls"] {
		listeners = append(listeners, ldapd.Listener{Listener: l, Kind: ldapd.TLS})
	}
	server, err := ldapd.New(ldapd.Config{
		Directory: p.core.Directory, Index: index, Domain: p.Config.Domain, Listeners: listeners,
		TLS: p.certificate.ServerConfig(), Version: buildinfo.Version(),
		Logger: log, Registry: p.registry, Now: p.Now,
	})
	if err != nil {
		return daemon.Part{}, err
	}
	return daemon.Part{
		Run: func(ctx context.Context) error { return together(ctx, index.Run, server.Run) },
		Ready: func(ctx context.Context) error {
			if !index.Ready() {
				return projection.ErrNotReady
			}
			return p.core.Directory.Ready(ctx)
		},
	}, nil
}

func (p *process) radiusd() (daemon.Part, error) {
	host, err := os.Hostname()
	if err != nil {
		return daemon.Part{}, fmt.Errorf("name this host: %w", err)
	}
	server, err := radiusd.New(radiusd.Config{
		Directory: p.core.Directory, Auth: p.packets["radius.listen_auth"], Acct: p.packets["radius.listen_acct"],
		Logger: p.Log.With("daemon", "radiusd"), Registry: p.registry, Instance: host,
	})
	if err != nil {
		return daemon.Part{}, err
	}
	return daemon.Part{Run: server.Run, Ready: p.core.Directory.Ready}, nil
}

func (p *process) scimd() (*scimd.Server, daemon.Part, error) {
	listeners := slices.Clone(p.streams["scim.listen"])
	for _, l := range p.streams["scim.listen_tls"] {
		listeners = append(listeners, tls.NewListener(l, p.certificate.ServerConfig("http/1.1")))
	}
	server, err := scimd.New(scimd.Config{
		Directory: p.core.Directory, Logger: p.Log.With("daemon", "scimd"), Registry: p.registry,
		PublicURL: p.Config.PublicURL, Listeners: listeners,
	})
	if err != nil {
		return nil, daemon.Part{}, err
	}
	return server, daemon.Part{Run: server.Run, Ready: p.core.Directory.Ready}, nil
}

// idp forwards SCIM to the server in this process, else to scim.upstream.
func (p *process) idp(scim *scimd.Server) (daemon.Part, error) {
	proxies, err := prefixes(p.Config.IDP.TrustedProxies)
	if err != nil {
		return daemon.Part{}, err
	}
	c := idp.Config{
		Directory: p.core.Directory, Logger: p.Log.With("daemon", "idp"), Registry: p.registry, PublicURL: p.Config.PublicURL,
		ListenersTLS: p.streams["idp.listen_tls"], Listeners: p.streams["idp.listen"],
		TLS: p.certificate.ServerConfig("h2", "http/1.1"), TrustedProxies: proxies, SCIMUpstream: p.Config.SCIM.Upstream,
	}
	if scim != nil {
		c.SCIM = scim
	}
	if p.SignedIn != nil {
		c.SignedIn = func(_ context.Context, u directory.User) { p.SignedIn(u.Username) }
	}
	server, err := idp.New(c)
	if err != nil {
		return daemon.Part{}, err
	}
	return daemon.Part{Run: server.Run, Ready: server.Ready}, nil
}

// prefixes reads trusted_proxies: addresses and networks.
func prefixes(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("idp.trusted_proxies: %w", err)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, prefix)
	}
	return all, nil
}

// together runs all until ctx ends or one of them does, and returns their
// errors.
func together(ctx context.Context, runs ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(runs))
	for _, run := range runs {
		go func() { ended <- run(ctx) }()
	}
	var errs []error
	for range runs {
		errs = append(errs, <-ended)
		cancel()
	}
	return errors.Join(errs...)
}
