package radiusd

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

const (
	// maxWays is how many connections are tried for one session.
	maxWays = 4
	// maxNames is how many network access servers are remembered of a connection,
	// behind which there may be a proxy.
	maxNames = 256
)

var errNotConnected = fmt.Errorf("%w: the NAS is not connected to this server", errSilence)

// way is how the NAS of a session can be asked to end it.
type way struct {
	nas netip.AddrPort
	// ask sends a request and returns the answer; the errors are those of exchange.run.
	ask func(context.Context, func(beginning) *wire.Encoder) (wire.Packet, error)
}

// ways are those to the NAS of a session, in the order of trying; none: it cannot be
// asked. c may be nil.
func (d *disconnector) ways(row *directory.RADIUSSession, c *client) []way {
	if c == nil {
		return nil
	}
	peer, _ := netip.ParseAddr(row.Peer)
	var ways []way
	if c.coa.Via != "" {
		for _, s := range d.server.transport.streams.reach(c.id, nasName(row.NASID, row.NASIP), peer) {
			ways = append(ways, way{s.peer, func(ctx context.Context, build func(beginning) *wire.Encoder) (wire.Packet, error) {
				return s.ask(ctx, build, d.table.giveUp)
			}})
		}
	}
	target, known := c.coa.Target(peer)
	if !known || len(c.keys) == 0 {
		return ways
	}
	local, _ := netip.ParseAddr(row.LocalAddr)
	return append(ways, way{target, func(ctx context.Context, build func(beginning) *wire.Encoder) (wire.Packet, error) {
		x := exchange{
			local: local, remote: target, keys: c.keys, table: d.table, build: build,
			ignored: d.server.transport.metrics.disconnectIgnored.Inc,
		}
		return x.run(ctx)
	}})
}

// nasName is how the connections of network access servers are told apart.
func nasName(identifier, address string) string { return cmp.Or(identifier, address) }

// meet remembers a NAS that asks on a connection.
func (c *stream) meet(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) < maxNames {
		c.names[name] = true
	}
}

// knows is how likely a NAS of this name and address is at the other end.
func (c *stream) knows(name string, peer netip.Addr) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.names[name]:
		return 2
	case c.peer.Addr() == peer:
		return 1
	default:
		return 0 // it may have moved since
	}
}

// reach returns the connections of a client on which a NAS is likeliest, the newest
// first: where one has asked under its name, another NAS is not asked about its
// sessions.
func (s *streams) reach(client directory.RADIUSClientID, name string, peer netip.Addr) []*stream {
	var found []*stream
	best := 0
	for _, c := range s.connections() {
		if c.client().id != client || c.ending() != "" {
			continue
		}
		n := c.knows(name, peer)
		if n > best {
			best, found = n, found[:0]
		}
		if n == best {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *stream) int { return cmp.Compare(b.link, a.link) })
	return found[:min(len(found), maxWays)]
}
