package radiusd

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"layeh.com/radius"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// overTLS is a client that takes requests on its own connection.
func overTLS() schema.RADIUSClient {
	return schema.RADIUSClient{CoA: schema.CoA{Via: schema.CoARadSec}}
}

// signIn has alice enter through a connection, at a NAS of this name.
func (n *nas) signIn(protocol, name string) {
	n.t.Helper()
	if protocol == protocolClear {
		n.send(clearPacket(wire.AccessRequest, 7, avp(wire.UserName, "alice"), avp(wire.UserPassword, alicePassword), avp(wire.NASIdentifier, name)))
	} else {
		p := radius.New(radius.CodeAccessRequest, []byte(radsec))
		hidden, err := radius.NewUserPassword([]byte(alicePassword), p.Secret, p.Authenticator[:])
		if err != nil {
			n.t.Fatal(err)
		}
		p.Add(1, []byte("alice"))
		p.Add(2, hidden)
		p.Add(32, []byte(name))
		n.send(signed(n.t, p))
	}
	if b := n.receive(); wire.Code(b[0]) != wire.AccessAccept {
		n.t.Fatalf("answered %x", b)
	}
}

// answer makes the answer to a request that came on a connection, as another implementation does where there is one.
func answer(tb testing.TB, protocol string, request []byte, code radius.Code, cause int) []byte {
	tb.Helper()
	if protocol == protocolClear {
		var attributes [][]byte
		if cause != 0 {
			attributes = append(attributes, avp(wire.ErrorCause, string(binary.BigEndian.AppendUint32(nil, uint32(cause)))))
		}
		return clearPacket(wire.Code(code), binary.BigEndian.Uint32(request[4:]), attributes...)
	}
	if !radius.IsAuthenticRequest(request, []byte(radsec)) {
		tb.Fatalf("%x is not signed with the secret of TLS", request)
	}
	if code == radius.Code(wire.ProtocolError) {
		return append([]byte{byte(code), request[1], 0, 20}, request[4:20]...) // which the other implementation does not know
	}
	p, err := radius.Parse(request, []byte(radsec))
	if err != nil {
		tb.Fatal(err)
	}
	return response(tb, p, code, cause)
}

// TestDisconnectOverTLS: a NAS is asked on the connection that it has opened, in both versions, and what it answers counts.
func TestDisconnectOverTLS(t *testing.T) {
	for _, tt := range []struct {
		name, protocol string
		code           radius.Code
		cause          int
		want           directory.DisconnectOutcome
	}{
		{"ended", protocolOld, radius.CodeDisconnectACK, 0, directory.DisconnectAcknowledged},
		{"refused", protocolOld, radius.CodeDisconnectNAK, 501, directory.DisconnectRefused},
		{"unknown", protocolOld, radius.CodeDisconnectNAK, 503, directory.DisconnectNotFound},
		{"ended, RADIUS/1.1", protocolClear, radius.CodeDisconnectACK, 0, directory.DisconnectAcknowledged},
		{"refused, RADIUS/1.1", protocolClear, radius.CodeDisconnectNAK, 501, directory.DisconnectRefused},
		{"not done, RADIUS/1.1", protocolClear, radius.Code(wire.ProtocolError), 406, directory.DisconnectRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newNASWorld(t, overTLS())
			n := connect(t, w.overTLS, *w.certificate(), tt.protocol)
			n.signIn(tt.protocol, "ap-1")
			// Another connection of this client, on which that NAS has not asked, is not asked either.
			other := connect(t, w.overTLS, *w.certificate(), tt.protocol)
			if r := w.lockdown(); len(r.Told) != 1 || len(r.Waiting) != 0 {
				t.Errorf("the lockdown says %+v", r)
			}
			request := n.receive()
			if request[0] != byte(radius.CodeDisconnectRequest) || !bytes.Contains(request, avp(wire.NASIdentifier, "ap-1")) || !bytes.Contains(request, avp(wire.UserName, "alice")) {
				t.Errorf("asked %x", request)
			}
			if has := bytes.Contains(request, []byte{byte(wire.MessageAuthenticator), 18}); has == (tt.protocol == protocolClear) {
				t.Errorf("Message-Authenticator: %t", has)
			}
			n.send(answer(t, tt.protocol, request, tt.code, tt.cause))
			if got := w.outcome().Disconnect; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			w.stop()
			other.closed()
		})
	}
}

// TestDisconnectWithoutConnection: a NAS that has none is silent, unless it has an address as well.
func TestDisconnectWithoutConnection(t *testing.T) {
	das := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	for name, tt := range map[string]struct {
		address string
		want    directory.DisconnectOutcome
	}{
		"no address": {"", directory.DisconnectSilent}, "an address": {das.conn.LocalAddr().String(), directory.DisconnectAcknowledged},
	} {
		t.Run(name, func(t *testing.T) {
			config := overTLS()
			config.CoA.Address = tt.address
			w := newNASWorld(t, config)
			w.login(stationA)
			w.lockdown()
			if got := w.outcome().Disconnect; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// asking is a connection on which the NAS was asked once.
func asking(t *testing.T, protocol string) (s *tlsTransport, n *nas, c *stream, request []byte, got chan wire.Packet) {
	t.Helper()
	s = startTLS(t, nil)
	n = s.connect(protocol)
	waitFor(t, func() bool { return len(s.streams.connections()) == 1 })
	c = s.streams.connections()[0]
	got = make(chan wire.Packet, 1)
	go func() {
		defer close(got)
		if p, err := c.ask(t.Context(), disconnectAlice, time.Minute); err == nil {
			got <- p
		}
	}()
	return s, n, c, n.receive(), got
}

func disconnectAlice(begin beginning) *wire.Encoder {
	e := begin(wire.DisconnectRequest)
	e.AddString(wire.UserName, "alice")
	return e
}

// TestAnswersOverTLS: what answers nothing is ignored and never answered, and whoever forges an answer loses the connection.
func TestAnswersOverTLS(t *testing.T) {
	for _, protocol := range []string{protocolOld, protocolClear} {
		s, n, _, request, got := asking(t, protocol)
		another := bytes.Clone(request)
		another[1]++
		another[7]++
		if protocol == protocolOld {
			another = encoded(t, &radius.Packet{Code: radius.CodeDisconnectRequest, Identifier: request[1] + 1, Secret: []byte(radsec)})
		}
		n.send(
			answer(t, protocol, another, radius.CodeDisconnectACK, 0), // to nothing that was asked
			answer(t, protocol, request, radius.CodeCoAACK, 0),        // of another kind
			answer(t, protocol, request, radius.CodeAccessAccept, 0),
			answer(t, protocol, another, radius.Code(wire.ProtocolError), 506), // two servers must not send these to and fro
			answer(t, protocol, request, radius.CodeDisconnectNAK, 501),
			answer(t, protocol, request, radius.CodeDisconnectACK, 0), // the second answer to one request
		)
		if p, ok := <-got; !ok || p.Code() != wire.DisconnectNAK || errorCause(p) != 501 {
			t.Errorf("%s: took %v, %t", protocol, p, ok)
		}
		n.send(plainOrClear(t, protocol))
		if b := n.receive(); wire.Code(b[0]) != wire.AccountingResponse {
			t.Errorf("%s: answered %x", protocol, b)
		}
		var m dto.Metric
		if err := s.metrics.disconnectIgnored.Write(&m); err != nil || m.GetCounter().GetValue() != 5 {
			t.Errorf("%s: %v were ignored, %v", protocol, m.GetCounter().GetValue(), err)
		}
	}
	s, n, _, request, got := asking(t, protocolOld)
	forged := answer(t, protocolOld, request, radius.CodeDisconnectACK, 0)
	forged[4] ^= 1
	n.send(forged)
	n.closed()
	s.ended(endForged, 1)
	if p, ok := <-got; ok {
		t.Errorf("took %v", p)
	}
}

func plainOrClear(t *testing.T, protocol string) []byte {
	t.Helper()
	if protocol == protocolClear {
		return clearPacket(wire.AccountingRequest, 1)
	}
	return plain(t, radius.CodeAccountingRequest, false)
}

// TestIdentifiersOverTLS: each request has a number that no other has before its answer, however late that is.
func TestIdentifiersOverTLS(t *testing.T) {
	for _, protocol := range []string{protocolOld, protocolClear} {
		_, n, c, first, _ := asking(t, protocol)
		seen := map[string]bool{"first": true}
		var third []byte
		for len(seen) < maxInquiries {
			q, err := c.inquire(disconnectAlice)
			if err != nil {
				t.Fatal(err)
			}
			key := string(q.request.Raw()[1:2])
			if c.clear {
				key = string(q.request.Raw()[4:8])
			}
			if len(seen) == 2 {
				third = q.request.Raw()
			}
			if seen[key] {
				t.Fatalf("%s: %x is used twice", protocol, key)
			}
			seen[key] = true
		}
		if _, err := c.ask(t.Context(), disconnectAlice, time.Minute); err != errCrowded { //nolint:errorlint // exactly this
			t.Errorf("%s: %v", protocol, err)
		}
		// Two numbers are free again, and between them is one that is not.
		n.send(answer(t, protocol, first, radius.CodeDisconnectACK, 0), answer(t, protocol, third, radius.CodeDisconnectACK, 0))
		for _, free := range [][]byte{first, third} {
			waitFor(t, func() bool {
				q, err := c.inquire(disconnectAlice)
				if err == nil && !c.clear && q.request.Identifier() != free[1] {
					t.Errorf("%s: number %d, which is not free", protocol, q.request.Identifier())
				}
				return err == nil
			})
		}
	}
}

// TestReach: a session is ended where its NAS has asked, else where its address is, else anywhere; never by a connection of
// another client.
func TestReach(t *testing.T) {
	s := newStreams()
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	add := func(link uint64, id directory.RADIUSClientID, peer netip.Addr, names ...string) {
		c := &stream{link: link, peer: netip.AddrPortFrom(peer, 1), names: map[string]bool{}}
		c.holder.Store(&client{id: id})
		for _, name := range names {
			c.meet(name)
		}
		s.open[c] = struct{}{}
	}
	add(1, 1, here, "ap-1")
	add(2, 1, there, "ap-2")
	add(3, 1, here, "ap-3", "ap-2")
	add(4, 2, here, "ap-1")
	for _, tt := range []struct {
		name string
		peer netip.Addr
		want []uint64
	}{
		{"ap-1", there, []uint64{1}},
		{"ap-2", here, []uint64{3, 2}},
		{"ap-9", here, []uint64{3, 1}},
		{"ap-9", netip.MustParseAddr("192.0.2.9"), []uint64{3, 2, 1}},
	} {
		var got []uint64
		for _, c := range s.reach(1, tt.name, tt.peer) {
			got = append(got, c.link)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s at %s (-want +got)\n%s", tt.name, tt.peer, diff)
		}
	}
}

// FuzzAnswers checks that nothing is taken for the answer to a Disconnect-Request that another implementation does not take
// for one, over UDP and over TLS.
func FuzzAnswers(f *testing.F) {
	key := wire.NewKey([]byte(radsec))
	remote := netip.MustParseAddrPort("192.0.2.1:3799")
	c := &stream{t: &transport{streams: newStreams()}}
	x := exchange{remote: remote, keys: []*wire.Key{key}, build: disconnectAlice}
	requests, err := x.requests()
	if err != nil {
		f.Fatal(err)
	}
	request := requests[0].packet
	// The octets of the identifier and of what the answer is computed over differ from run to run; a seed says what to do with them.
	for _, seed := range []struct {
		code  radius.Code
		cause int
	}{{radius.CodeDisconnectACK, 0}, {radius.CodeDisconnectNAK, 503}, {radius.CodeCoAACK, 0}} {
		f.Add(answer(f, protocolOld, request.Raw(), seed.code, seed.cause), true)
	}
	f.Add([]byte{byte(wire.DisconnectACK), 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false)
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if sign && len(b) >= 20 {
			// What a fuzzer cannot guess: the identifier, and the digest over the rest.
			b[1] = request.Identifier()
			if p, err := wire.Decode(b); err == nil {
				e := wire.NewReply(nil, p.Code(), request, false)
				for typ, v := range p.Attributes() {
					e.Add(typ, v)
				}
				if again, err := e.Finish(key); err == nil {
					b = again
				}
			}
		}
		p, err := wire.Decode(b)
		right := err == nil && (p.Code() == wire.DisconnectACK || p.Code() == wire.DisconnectNAK) && p.Identifier() == request.Identifier() &&
			radius.IsAuthenticResponse(p.Raw(), request.Raw(), []byte(radsec)) && !p.HasMessageAuthenticator()
		got, ok := x.answers(b, remote, requests)
		if ok != right && (err != nil || !p.HasMessageAuthenticator()) {
			t.Fatalf("%x over UDP: %t, want %t", b, ok, right)
		}
		if ok {
			errorCause(got)
			causeName(errorCause(got))
		}
		if err != nil {
			return
		}
		q := &inquiry{request: request, answer: make(chan wire.Packet, 1)}
		c.asked.open = map[uint32]*inquiry{uint32(request.Identifier()): q}
		if taken, _ := c.answered(p); taken != ok || len(q.answer) == 1 != ok {
			t.Fatalf("%x over TLS: %t, over UDP %t", b, taken, ok)
		}
	})
}
