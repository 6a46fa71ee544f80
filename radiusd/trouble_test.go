package radiusd

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
	"gatehouse/radiusd/eap"
	"gatehouse/radiusd/wire"
)

// refusals returns the audit of what was refused.
func (w *world) refusals() []directory.Event {
	w.t.Helper()
	var out []directory.Event
	err := w.directory.Read(w.t.Context(), operator, func(r *directory.Reader) error {
		out = nil
		for e, err := range r.Events(directory.EventQuery{Outcome: string(directory.Deny)}) {
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// wantAudited waits for a refusal of somebody with a reason and a check that says
// want.
func (w *world) wantAudited(t *testing.T, name string, reason directory.Reason, fault, want string) {
	t.Helper()
	var seen strings.Builder
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		seen.Reset()
		for _, e := range w.refusals() {
			d, ok, err := e.Attempt()
			if err != nil || !ok {
				t.Fatalf("event %+v: %v", e, err)
			}
			for _, c := range d.Checks {
				fmt.Fprintf(&seen, "%s %s %s %s\n", e.Name, e.Reason, d.Context[directory.ContextFault], c.Detail)
				if e.Name == name && e.Reason == reason && d.Context[directory.ContextFault] == fault && strings.Contains(c.Detail, want) {
					return
				}
			}
		}
	}
	t.Errorf("no refusal of %q with %s, %s and %q, but\n%s", name, reason, fault, want, seen.String())
}

// TestUsualMistakes: each of the usual mistakes is recognised in the log and in
// the audit, by a sentence that says what to do.
func TestUsualMistakes(t *testing.T) {
	var log lockedBuffer
	w := newEAPWorld(t, schema.RADIUSClient{Methods: []string{schema.MethodPAP, schema.MethodMSCHAPv2, schema.MethodEAPTTLS, schema.MethodEAPTLS}})
	w.stop()
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	w.start()
	network := func(t *testing.T, s *supplicant, lines ...string) {
		t.Helper()
		s.run(t, s.network(t, "1.3", lines...)...)
	}
	ask := func(edit func(*radius.Packet)) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			p := accessRequest(t, "alice", alicePassword)
			edit(p)
			w.rejected(t, p)
		}
	}
	discard := func(raw func(*testing.T) []byte) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			a := dial(t, w.auth)
			a.send(raw(t))
			a.barrier()
		}
	}
	expired := w.device(w.alice, "old", -time.Minute)
	for _, tt := range []struct {
		what   string
		do     func(*testing.T)
		name   string
		reason directory.Reason
		fault  string
		want   string
	}{
		{"wrong secret", discard(func(t *testing.T) []byte {
			p := radius.New(radius.CodeAccessRequest, []byte("another secret"))
			_ = rfc2865.UserName_SetString(p, "alice")
			return signed(t, p)
		}), "", directory.ReasonMethodNotAllowed, "wrong_authenticator", "the shared secret of ap-hall is another one"},
		{
			"no Message-Authenticator", discard(func(t *testing.T) []byte { return encoded(t, accessRequest(t, "alice", alicePassword)) }),
			"", directory.ReasonMethodNotAllowed, "no_message_authenticator", "message_authenticator: auto for ap-hall",
		},
		{
			"CHAP", ask(func(p *radius.Packet) { p.Add(rfc2865.CHAPPassword_Type, make(radius.Attribute, 17)) }),
			"alice", directory.ReasonMethodNotAllowed, "no_common_method", "the NAS sends CHAP",
		},
		{"no proof", ask(func(p *radius.Packet) { p.Del(rfc2865.UserPassword_Type) }), "alice", directory.ReasonMethodNotAllowed, "no_common_method", "neither a password nor EAP"},
		{"no name", ask(func(p *radius.Packet) { p.Del(rfc2865.UserName_Type) }), "", directory.ReasonMethodNotAllowed, "protocol", "no User-Name"},
		{
			"unknown realm", ask(func(p *radius.Packet) { _ = rfc2865.UserName_SetString(p, "alice@corp.example") }),
			"alice@corp.example", directory.ReasonUnknownUser, "", `"corp.example" is no realm of ap-hall`,
		},
		{
			"unknown domain", ask(func(p *radius.Packet) { _ = rfc2865.UserName_SetString(p, `CORP\alice`) }),
			`CORP\alice`, directory.ReasonUnknownUser, "", `"CORP" is no realm of ap-hall`,
		},
		{"MS-CHAPv2 without a network password", func(t *testing.T) {
			p, _ := msRequest(t, "bob", "bob", alicePassword)
			w.rejected(t, p)
		}, "bob", directory.ReasonWrongPassword, "", "gatehouse network-password create bob"},
		{"MS-CHAPv2 with the sign-in password", func(t *testing.T) {
			p, _ := msRequest(t, "alice", "alice", alicePassword)
			w.rejected(t, p)
		}, "alice", directory.ReasonWrongPassword, "", "a sign-in password never does"},
		{"nothing in common", func(t *testing.T) {
			w.supplicant(t).run(t, append(login("alice", w.phone), "eap=PEAP")...)
		}, "somebody", directory.ReasonMethodNotAllowed, "no_common_method", "the device would take PEAP"},
		{"CHAP inside", func(t *testing.T) {
			network(t, w.supplicant(t), append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=CHAP"`)...)
		}, "somebody", directory.ReasonMethodNotAllowed, "protocol", "mandatory and not known"},
		{"server certificate not trusted", func(t *testing.T) {
			s := w.supplicant(t)
			other, err := certs.NewAuthority("Other", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			mine := *w.world
			mine.serverCA = other.Certificate()
			s.w = &mine
			network(t, s, append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=PAP"`)...)
		}, "somebody", directory.ReasonCertificateInvalid, "server_not_trusted", "it must trust the CA"},
		{"expired client certificate", func(t *testing.T) {
			s := w.supplicant(t)
			network(t, s, append(s.certificate(t, expired), "eap=TLS", `identity="whoever"`)...)
		}, "whoever", directory.ReasonCertificateInvalid, "", "gatehouse device-cert create makes a new one"},
		{"device falls silent", func(t *testing.T) {
			r := &request{packet: w.decode(t, accessRequest(t, "somebody", "")), client: w.server.clients.get(w.client.ID), received: time.Now()}
			door{w.server, r}.Abandoned(t.Context(), eap.Answer{Fault: eap.DeviceSilent, Identity: "somebody", Method: "eap-tls", Detail: "the device stopped"})
		}, "somebody", directory.ReasonMethodNotAllowed, "device_silent", "the device stopped"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			tt.do(t)
			w.wantAudited(t, tt.name, tt.reason, tt.fault, tt.want)
			if said := fmt.Sprintf("%q", tt.want); !strings.Contains(log.String(), said[1:len(said)-1]) {
				t.Errorf("not in the log:\n%s", log.String())
			}
		})
	}
}

// decode makes a request as the server sees it.
func (w *world) decode(t *testing.T, p *radius.Packet) wire.Packet {
	t.Helper()
	decoded, err := wire.Decode(encoded(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// An expired server certificate is what is wrong, whatever the device says of it.
func TestExpiredServerCertificate(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{})
	w.stop()
	w.serverLife = -time.Minute
	w.start()
	s := w.supplicant(t)
	s.run(t, s.network(t, "1.2", append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=PAP"`)...)...)
	w.wantAudited(t, "somebody", directory.ReasonCertificateInvalid, "server_certificate", "renew the files of radius.eap")
}

// A wrong secret shows by the password where nothing else proves it.
func TestWrongSecretInPAP(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{MessageAuthenticator: schema.AuthenticatorAuto})
	p := radius.New(radius.CodeAccessRequest, []byte("another secret"))
	_ = rfc2865.UserName_SetString(p, "alice")
	_ = rfc2865.UserPassword_SetString(p, alicePassword)
	a := dial(t, w.auth)
	a.send(encoded(t, p))
	if b := a.receive(); wire.Code(b[0]) != wire.AccessReject {
		t.Fatalf("%v", wire.Code(b[0]))
	}
	w.wantAudited(t, "alice", directory.ReasonWrongPassword, "", "the shared secret is another one on the NAS")
	w.rejected(t, accessRequest(t, "alice", "wrong"))
	for _, e := range w.refusals()[1:] {
		if bytes.Contains(e.Detail, []byte("shared secret")) {
			t.Errorf("a password that is merely wrong: %s", e.Detail)
		}
	}
}

// Packets without an answer cost a line a while for each client, and a few for
// all the addresses in the world.
func TestTroublesAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var log lockedBuffer
	told := newTroubles(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	hall, yard := &client{id: 1, name: "hall"}, &client{id: 2, name: "yard"}
	for i := range 1000 {
		told.say(t.Context(), unknownClient, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), nil)
		told.say(t.Context(), wrongSecret, netip.MustParseAddr("192.0.2.1"), hall)
	}
	told.say(t.Context(), wrongSecret, netip.MustParseAddr("192.0.2.2"), yard)
	if lines := strings.Count(log.String(), "\n"); lines != maxStrangers+1+2 {
		t.Errorf("%d lines", lines)
	}
	if n := len(told.seen); n != maxStrangers+1+2 {
		t.Errorf("%d are kept", n)
	}
	now = now.Add(saidAgain)
	told.say(t.Context(), wrongSecret, netip.MustParseAddr("192.0.2.1"), hall)
	if !strings.Contains(log.String(), "packets=1000") {
		t.Errorf("those held back are not told of:\n%s", log.String())
	}
	now = now.Add(strangerAgain)
	told.say(t.Context(), unknownClient, netip.MustParseAddr("203.0.113.9"), nil)
	if !strings.Contains(log.String(), "networks: [203.0.113.9]") {
		t.Errorf("a stranger is not told of after a while:\n%s", log.String())
	}
	if got := len(told.out); got != maxStrangers+1+2+2 {
		t.Errorf("%d for the audit", got)
	}
}

func TestUnknownClientIsAudited(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.write(func(tx *directory.Writer) error { return tx.DeleteRADIUSClient(w.client.ID) })
	waitFor(t, func() bool { return w.server.clients.len() == 0 })
	dial(t, w.auth).send(signed(t, accessRequest(t, "alice", alicePassword)))
	w.wantAudited(t, "", directory.ReasonMethodNotAllowed, "unknown_client", "no RADIUS client has the address 127.0.0.1")
}
