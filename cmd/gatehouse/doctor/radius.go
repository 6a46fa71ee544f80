package doctor

import (
	"context"
	"crypto/hmac"
	"crypto/md5" // RFC 3579 §3.2 prescribes HMAC-MD5.
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"

	"gatehouse/directory"
)

// radius asks by Status-Server (RFC 5997), as a NAS does to learn whether we are
// alive. It needs a client that covers this machine, for its secret.
func (p *Patient) radius(ctx context.Context) Finding {
	if len(p.Config.RADIUS.ListenAuth) == 0 {
		return skipped("radius.listen_auth is off")
	}
	if p.Directory == nil {
		return skipped("the secrets are in the store, which could not be opened")
	}
	where := reach(p.Config.RADIUS.ListenAuth[0])
	name, secret, err := p.ownSecret(ctx, where)
	if err != nil {
		return failed(err.Error(), "check the store and the keys")
	}
	if name == "" {
		return skipped("no RADIUS client covers this machine, so nothing answers it; add one for 127.0.0.1/32 to try")
	}
	code, err := statusServer(ctx, where, []byte(secret.Reveal()))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failed(fmt.Sprintf("radiusd does not answer at %s (udp)", where), "check that radiusd runs, and the firewall; it is silent while the store is away")
	case err != nil:
		return failed(fmt.Sprintf("no answer of radiusd at %s (udp): %v", where, err), "check that radiusd runs")
	case code != radius.CodeAccessAccept:
		return failed(fmt.Sprintf("%s answers a Status-Server with %v", where, code), "another server answers there; see ss -lunp")
	default:
		return fine("Status-Server at " + where + " is answered, with the secret of " + name)
	}
}

// ownSecret finds the RADIUS client that we are when we send to address, by the
// longest prefix. An empty name: there is none.
func (p *Patient) ownSecret(ctx context.Context, address string) (name string, secret directory.Secret, err error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "udp", address)
	if err != nil {
		return "", "", err
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if err := conn.Close(); err != nil {
		return "", "", err
	}
	var best directory.RADIUSClient
	longest := -1
	err = p.Directory.Read(ctx, directory.System("doctor"), func(r *directory.Reader) error {
		for c, err := range r.RADIUSClients(directory.RADIUSClientQuery{}) {
			if err != nil {
				return err
			}
			if len(c.Secrets[0]) == 0 {
				continue // it asks over TLS only
			}
			for _, n := range c.Networks {
				if prefix, err := netip.ParsePrefix(n); err == nil && prefix.Contains(local) && prefix.Bits() > longest {
					best, longest = c, prefix.Bits()
				}
			}
		}
		return nil
	})
	if err != nil || longest < 0 {
		return "", "", err
	}
	secrets, err := p.Directory.RADIUSSecrets(best)
	return best.Name, secrets[0], err
}

// statusServer sends a Status-Server and returns the code of the answer.
func statusServer(ctx context.Context, address string, secret []byte) (radius.Code, error) {
	packet := radius.New(radius.CodeStatusServer, secret)
	if err := rfc2869.MessageAuthenticator_Set(packet, make([]byte, md5.Size)); err != nil {
		return 0, err
	}
	raw, err := packet.MarshalBinary()
	if err != nil {
		return 0, err
	}
	mac := hmac.New(md5.New, secret)
	mac.Write(raw)
	if err := rfc2869.MessageAuthenticator_Set(packet, mac.Sum(nil)); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := (&radius.Client{Retry: time.Second}).Exchange(ctx, packet, address)
	if err != nil {
		return 0, err
	}
	return answer.Code, nil
}
