// Package radius wires radiusd.
package radius

import (
	"fmt"
	"os"

	"gatehouse/cmd/internal/process"
	"gatehouse/config"
	"gatehouse/internal/daemon"
	"gatehouse/radiusd"
)

// Door returns the RADIUS server.
func Door() process.Door {
	return process.Door{Name: "radiusd", Sockets: sockets, Build: build}
}

func sockets(c config.Config) []process.Socket {
	return []process.Socket{
		{Key: "radius.listen_auth", Addresses: c.RADIUS.ListenAuth, Packets: true},
		{Key: "radius.listen_acct", Addresses: c.RADIUS.ListenAcct, Packets: true},
		{Key: "radius.listen_tls", Addresses: c.RADIUS.ListenTLS},
	}
}

func build(p *process.Process) (daemon.Part, error) {
	host, err := os.Hostname()
	if err != nil {
		return daemon.Part{}, fmt.Errorf("name this host: %w", err)
	}
	server, err := radiusd.New(radiusd.Config{
		Directory: p.Core.Directory, Auth: p.Packets("radius.listen_auth"), Acct: p.Packets("radius.listen_acct"),
		TLS: p.Streams("radius.listen_tls"), TLSConfig: p.Certificate.ServerConfig(),
		Certificate: p.EAPCertificate.GetCertificate, Logger: p.Log.With("daemon", "radiusd"), Registry: p.Registry, Instance: host,
	})
	if err != nil {
		return daemon.Part{}, err
	}
	return daemon.Part{Run: server.Run, Ready: server.Ready}, nil
}
