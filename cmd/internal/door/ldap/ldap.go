// Package ldap wires ldapd.
package ldap

import (
	"context"
	"errors"
	"net/netip"

	"gatehouse/cmd/internal/process"
	"gatehouse/config"
	"gatehouse/internal/buildinfo"
	"gatehouse/internal/daemon"
	"gatehouse/ldapd"
	"gatehouse/ldapd/projection"
)

// Door returns the LDAP server.
func Door() process.Door {
	return process.Door{Name: "ldapd", Sockets: sockets, Build: build}
}

func sockets(c config.Config) []process.Socket {
	return []process.Socket{
		{Key: "ldap.listen", Addresses: c.LDAP.Listen},
		{Key: "ldap.listen_tls", Addresses: c.LDAP.ListenTLS},
		// Everybody on the machine may ask, as over loopback.
		{Key: "ldap.listen_unix", Addresses: []string{c.LDAP.ListenUnix}, Mode: 0o666},
	}
}

func build(p *process.Process) (daemon.Part, error) {
	log := p.Log.With("daemon", "ldapd")
	index, err := projection.New(projection.Config{Directory: p.Core.Directory, Domain: p.Config.Domain, Logger: log, Registerer: p.Registry})
	if err != nil {
		return daemon.Part{}, err
	}
	profiles := p.Config.LDAP.AddressProfiles()
	var listeners []ldapd.Listener
	for key, kind := range map[string]ldapd.ListenerKind{
		"ldap.listen": ldapd.Plain, "ldap.listen_tls": ldapd.TLS, "ldap.listen_unix": ldapd.Unix,
	} {
		for _, l := range p.Streams(key) {
			listeners = append(listeners, ldapd.Listener{Listener: l, Kind: kind, Profile: profileAt(l.Addr(), profiles)})
		}
	}
	server, err := ldapd.New(ldapd.Config{
		Directory: p.Core.Directory, Index: index, Domain: p.Config.Domain, Listeners: listeners,
		Proxies: proxies(p.Config.LDAP.Proxies),
		TLS:     p.Certificate.ServerConfig(), Version: buildinfo.Version(),
		Logger: log, Registry: p.Registry, Now: p.Now,
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
			return p.Core.Directory.Ready(ctx)
		},
	}, nil
}

// proxies reads ldap.proxies, which were checked: addresses and networks.
func proxies(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err == nil {
			out = append(out, prefix)
		}
	}
	return out
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
