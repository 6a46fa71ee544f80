package eap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"gatehouse/directory"
)

const (
	// maxInner bounds what a device says inside a tunnel at once.
	maxInner = 16 << 10
	// usualInner is enough for most of that.
	usualInner = 512
)

// tunnel is EAP-TLS, EAP-TTLS and PEAP from the ClientHello on.
func (s *session) tunnel(config *tls.Config) *step {
	conn := tls.Server(s.pipe, config)
	// It outlives the round, whose context is not its own.
	if err := conn.HandshakeContext(context.WithoutCancel(s.ctx)); err != nil {
		return s.noHandshake(err)
	}
	s.open = true
	state := conn.ConnectionState()
	s.secrets.state = &state
	s.secrets.readHello(s.pipe.opening())
	keys, err := s.keys(&state)
	if err != nil {
		return s.broken(NoExtendedMasterSecret, "%v", err)
	}
	if state.DidResume {
		return s.resumed(conn, &state, keys)
	}
	switch s.typ {
	case TypeTLS:
		return s.certificate(conn, &state, keys)
	case TypeTTLS:
		return s.ttls(conn, keys)
	default:
		return s.peap(conn, keys)
	}
}

// noHandshake ends a conversation without a tunnel. The alert is sent first.
//
// RFC 5216 §2.1.3: the peer acknowledges it before EAP-Failure.
func (s *session) noHandshake(err error) *step {
	s.resume.settle(nil)
	if s.alert != 0 {
		// There is nobody to alert: the device has ended it.
		s.pipe.discard()
		err = &net.OpError{Op: "remote error", Err: s.alert}
	}
	f, detail := diagnose(err, s.shown, s.server.config.Now())
	return refuse(f, "%s", detail)
}

// certificateFor is tls.Config.GetCertificate: it remembers what was shown, to say
// what was wrong with it.
func (s *session) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := s.server.config.Certificate(hello)
	if err != nil || len(c.Certificate) == 0 {
		return c, err
	}
	if s.shown = c.Leaf; s.shown == nil {
		s.shown, err = x509.ParseCertificate(c.Certificate[0])
	}
	return c, err
}

// keyMaterial is what a tunnel is good for: MSK and EMSK.
type keyMaterial [128]byte

func (k *keyMaterial) msk() [64]byte { return [64]byte(k[:64]) }

// keys exports the key material of a tunnel.
func (s *session) keys(state *tls.ConnectionState) (k keyMaterial, err error) {
	// RFC 5216 §2.3 and RFC 5281 §8; PEAP takes the label of EAP-TLS.
	label, context := "client EAP encryption", []byte(nil)
	if s.typ == TypeTTLS {
		label = "ttls keying material"
	}
	if state.Version == tls.VersionTLS13 {
		// RFC 9190 §2.3, RFC 9427 §2.1.
		label, context = "EXPORTER_EAP_TLS_Key_Material", []byte{byte(s.typ)}
	}
	b, err := s.secrets.export(label, context, len(k))
	if err != nil {
		return k, err
	}
	return keyMaterial(b), nil
}

// certificate is EAP-TLS after a full handshake.
func (s *session) certificate(conn *tls.Conn, state *tls.ConnectionState, keys keyMaterial) *step {
	dec, end := s.decide(s.method, s.identity, directory.CertificateProof{Chain: state.PeerCertificates})
	if end != nil {
		return end
	}
	return s.commit(conn, state, dec, keys)
}

// commit ends EAP-TLS, and what is resumed without a second phase.
//
// RFC 9190 §2.5: with TLS 1.3 the server says by one octet of zero that it sends
// no more of the handshake and that the peer is let in. RFC 9427 §3.2 has the
// same for a resumed tunnel.
func (s *session) commit(conn *tls.Conn, state *tls.ConnectionState, dec directory.Decision, keys keyMaterial) *step {
	if state.Version == tls.VersionTLS13 {
		if _, err := conn.Write([]byte{0}); err != nil {
			return s.failed("send the commitment", err)
		}
	}
	return s.allowed(dec, keys.msk())
}

// resumed is a tunnel without a second phase: who opens it was proved before,
// and the directory decides whether that still counts.
func (s *session) resumed(conn *tls.Conn, state *tls.ConnectionState, keys keyMaterial) *step {
	p := s.resume.proven
	s.method = p.method
	if s.typ == TypeTLS && p.certificate == "" {
		// Of an imported CA: its list may have changed, and the name may be another's.
		dec, end := s.decide(p.method, s.identity, directory.CertificateProof{Chain: state.PeerCertificates})
		switch {
		case end != nil:
			return end
		case dec.User.ID != p.user:
			return s.broken(IdentityMismatch, "the certificate was somebody else's when the session was made")
		}
		return s.commit(conn, state, dec, keys)
	}
	dec, err := s.door.Authorize(s.ctx, p.method, directory.Admission{
		User: p.user, Epoch: p.epoch, Factors: p.factors,
		Resumed: directory.Resumed{Credential: p.credential, Version: p.version, Certificate: p.certificate},
	})
	if end := s.denied(dec, err); end != nil {
		return end
	}
	if s.typ == TypePEAP {
		return s.result(conn, dec, resumedBinding(keys), keys)
	}
	return s.commit(conn, state, dec, keys)
}

// receive waits for what the device says inside the tunnel, and returns all that
// it said in this flight.
func (s *session) receive(conn *tls.Conn) ([]byte, error) {
	b := make([]byte, usualInner)
	n, err := conn.Read(b)
	if err != nil {
		return nil, err
	}
	s.pipe.setEager(true)
	defer s.pipe.setEager(false)
	for {
		if n == len(b) {
			if n == maxInner {
				return nil, errors.New("more than fits")
			}
			b = append(b, make([]byte, maxInner-n)...)
		}
		more, err := conn.Read(b[n:])
		n += more
		if errors.Is(err, drained{}) {
			return b[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}
