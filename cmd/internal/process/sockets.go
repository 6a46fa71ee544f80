package process

import (
	"context"
	"errors"
	"net"
)

// openSockets opens every socket of the doors, so that an address in use is
// noticed before anything else happens.
func (p *Process) openSockets(ctx context.Context, doors []Door) error {
	p.streams, p.packets = map[string][]net.Listener{}, map[string][]net.PacketConn{}
	for _, door := range doors {
		for _, s := range door.Sockets(p.Config) {
			if err := p.openSocket(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := p.openHealth(ctx); err != nil {
		return err
	}
	return p.unclaimed()
}

func (p *Process) openSocket(ctx context.Context, s Socket) error {
	if s.Packets {
		opened, err := p.sockets.Packets(ctx, s.Key, s.Addresses)
		for _, conn := range opened {
			p.packets[s.Key] = append(p.packets[s.Key], conn)
			p.opened = append(p.opened, conn)
			p.Log.Info("listening", "key", s.Key, "address", conn.LocalAddr().String())
		}
		return err
	}
	var opened []net.Listener
	var err error
	if s.Mode != 0 {
		opened, err = p.sockets.Unix(ctx, s.Key, s.Addresses[0], s.Mode)
	} else {
		opened, err = p.sockets.Streams(ctx, s.Key, s.Addresses)
	}
	p.keep(s.Key, opened)
	return err
}

func (p *Process) openHealth(ctx context.Context) error {
	key, address := p.Config.MetricsAddress(p.Daemon)
	if address == "" {
		return nil
	}
	opened, err := p.sockets.Streams(ctx, key, []string{address})
	p.keep(key, opened)
	p.health = opened
	return err
}

func (p *Process) keep(key string, opened []net.Listener) {
	for _, l := range opened {
		p.streams[key] = append(p.streams[key], l)
		p.opened = append(p.opened, l)
		p.Log.Info("listening", "key", key, "address", l.Addr().String())
	}
}

// closeSockets closes what was opened; what a server closed before is fine.
func (p *Process) closeSockets() error {
	var errs []error
	for _, socket := range p.opened {
		if err := socket.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
