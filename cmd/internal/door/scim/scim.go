// Package scim wires scimd.
package scim

import (
	"crypto/tls"
	"net/http"

	"gatehouse/cmd/internal/process"
	"gatehouse/config"
	"gatehouse/internal/daemon"
	"gatehouse/scimd"
)

// Door returns the SCIM server. built gets its handler before the next Door of
// the process is built; nil: nobody wants it.
func Door(built func(http.Handler)) process.Door {
	return process.Door{Name: "scimd", Sockets: sockets, Build: func(p *process.Process) (daemon.Part, error) {
		server, err := build(p)
		if err != nil {
			return daemon.Part{}, err
		}
		if built != nil {
			built(server)
		}
		return daemon.Part{Run: server.Run, Ready: p.Core.Directory.Ready}, nil
	}}
}

func sockets(c config.Config) []process.Socket {
	return []process.Socket{
		{Key: "scim.listen", Addresses: c.SCIM.Listen},
		{Key: "scim.listen_tls", Addresses: c.SCIM.ListenTLS},
	}
}

func build(p *process.Process) (*scimd.Server, error) {
	listeners := p.Streams("scim.listen")
	for _, l := range p.Streams("scim.listen_tls") {
		listeners = append(listeners, tls.NewListener(l, p.Certificate.ServerConfig("http/1.1")))
	}
	return scimd.New(scimd.Config{
		Directory: p.Core.Directory, Logger: p.Log.With("daemon", "scimd"), Registry: p.Registry,
		PublicURL: p.Config.PublicURL, Listeners: listeners,
	})
}
