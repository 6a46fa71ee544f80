// Package web wires idp.
package web

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"gatehouse/cmd/internal/process"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/idp"
	"gatehouse/internal/daemon"
)

// Options are what differs between idp alone and idp among the others.
type Options struct {
	// SCIM returns the SCIM server of this process, when the Door is built. Nil:
	// there is none here, and scim.upstream gets the requests.
	SCIM func() http.Handler
	// SignedIn is called after each sign-in with the username; nil: nobody wants
	// to know.
	SignedIn func(username string)
}

// Door returns the web server.
func Door(o Options) process.Door {
	return process.Door{Name: "idp", Sockets: sockets, Build: func(p *process.Process) (daemon.Part, error) { return build(p, o) }}
}

func sockets(c config.Config) []process.Socket {
	return []process.Socket{
		{Key: "idp.listen", Addresses: c.IDP.Listen},
		{Key: "idp.listen_tls", Addresses: c.IDP.ListenTLS},
	}
}

func build(p *process.Process, o Options) (daemon.Part, error) {
	proxies, err := prefixes(p.Config.IDP.TrustedProxies)
	if err != nil {
		return daemon.Part{}, err
	}
	c := idp.Config{
		Directory: p.Core.Directory, Logger: p.Log.With("daemon", "idp"), Registry: p.Registry, PublicURL: p.Config.PublicURL,
		ListenersTLS: p.Streams("idp.listen_tls"), Listeners: p.Streams("idp.listen"),
		TLS: p.Certificate.ServerConfig("h2", "http/1.1"), TrustedProxies: proxies, SCIMUpstream: p.Config.SCIM.Upstream,
	}
	if o.SCIM != nil {
		c.SCIM = o.SCIM()
	}
	if o.SignedIn != nil {
		c.SignedIn = func(_ context.Context, u directory.User) { o.SignedIn(u.Username) }
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
