package radiusd

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/mikrotik"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// ask sends an access request with a right Message-Authenticator and returns
// the answer, checked by our own code and read by the other library.
func (w *world) ask(p *radius.Packet) *radius.Packet {
	w.t.Helper()
	a := dial(w.t, w.auth)
	raw := signed(w.t, p)
	a.send(raw)
	return parse(w.t, raw, a.receive())
}

func parse(tb testing.TB, request, b []byte) *radius.Packet {
	tb.Helper()
	reply, err := wire.Decode(b)
	if err != nil {
		tb.Fatal(err)
	}
	if !reply.VerifyReply([16]byte(request[4:]), wire.NewKey([]byte(testSecret))) {
		tb.Fatal("the answer does not verify")
	}
	if wire.Code(request[0]) == wire.AccessRequest && wire.Type(b[20]) != wire.MessageAuthenticator {
		tb.Errorf("the first attribute is %d, want Message-Authenticator", b[20])
	}
	p, err := radius.Parse(b, []byte(testSecret))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (w *world) sessions(q directory.RADIUSSessionQuery) []directory.RADIUSSession {
	w.t.Helper()
	var out []directory.RADIUSSession
	err := w.directory.ReadArtefacts(w.t.Context(), func(a *directory.Artefacts) error {
		out = nil
		for row, err := range a.Network.Find(q) {
			if err != nil {
				return err
			}
			out = append(out, row)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestAccept(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Reply: []schema.Reply{
		{Group: "nobody", VLAN: "666"},
		{
			Group: "Staff", VLAN: "101", FilterID: "staff-in", SessionTimeout: 3600,
			Attributes: map[string][]string{"Mikrotik-Group": {"full"}, "Acct-Interim-Interval": {"600"}},
		},
		{VLAN: "999"},
	}})
	p := accessRequest(t, "ALICE", alicePassword)
	_ = rfc2865.CallingStationID_SetString(p, "00:1a:2b:3c:4d:5e")
	_ = rfc2865.CalledStationID_SetString(p, "00-10-A4-23-19-C0:Office")
	_ = rfc2865.ProxyState_SetString(p, "first")
	p.Add(33, radius.Attribute("second"))
	reply := w.ask(p)
	if reply.Code != radius.CodeAccessAccept {
		t.Fatalf("got %v", reply.Code)
	}
	if got := rfc2865.UserName_GetString(reply); got != "alice" {
		t.Errorf("User-Name %q, want the canonical one", got)
	}
	_, vlan := rfc2868.TunnelPrivateGroupID_GetString(reply)
	if vlan != "101" || rfc2865.FilterID_GetString(reply) != "staff-in" || mikrotik.MikrotikGroup_GetString(reply) != "full" {
		t.Errorf("VLAN %q, filter %q, group %q", vlan, rfc2865.FilterID_GetString(reply), mikrotik.MikrotikGroup_GetString(reply))
	}
	if rfc2865.SessionTimeout_Get(reply) != 3600 || rfc2869.AcctInterimInterval_Get(reply) != 600 {
		t.Errorf("timeout %d, interim %d", rfc2865.SessionTimeout_Get(reply), rfc2869.AcctInterimInterval_Get(reply))
	}
	states, _ := rfc2865.ProxyState_GetStrings(reply)
	if !slices.Equal(states, []string{"first", "second"}) {
		t.Errorf("Proxy-State %q", states)
	}
	rows := w.sessions(directory.RADIUSSessionQuery{User: w.alice.ID})
	if len(rows) != 1 || rows[0].State != directory.RADIUSAccepted || rows[0].CallingStationID != "00-1A-2B-3C-4D-5E" ||
		rows[0].Username != "alice" || rows[0].Instance != "test" || rows[0].LocalAddr != "127.0.0.1" || rows[0].Epoch != w.alice.Epoch {
		t.Fatalf("sessions %+v", rows)
	}
	claimed, ok := parseClass(rfc2865.Class_Get(reply))
	if !ok || claimed.session != rows[0].ID || !w.server.classes.proves(claimed, &rows[0]) {
		t.Errorf("Class %q does not prove the session", rfc2865.Class_Get(reply))
	}
}

func TestRejects(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	tests := []struct {
		name    string
		request func() *radius.Packet
	}{
		{"wrong password", func() *radius.Packet { return accessRequest(t, "alice", "wrong") }},
		{"unknown user", func() *radius.Packet { return accessRequest(t, "mallory", alicePassword) }},
		{"not bound to the app", func() *radius.Packet { return accessRequest(t, "bob", alicePassword) }},
		{"no name", func() *radius.Packet {
			p := accessRequest(t, "alice", alicePassword)
			p.Del(rfc2865.UserName_Type)
			return p
		}},
		{"no password", func() *radius.Packet {
			p := accessRequest(t, "alice", alicePassword)
			p.Del(rfc2865.UserPassword_Type)
			return p
		}},
		{"password of a wrong size", func() *radius.Packet {
			p := accessRequest(t, "alice", alicePassword)
			p.Set(rfc2865.UserPassword_Type, radius.Attribute("short"))
			return p
		}},
		{"CHAP", func() *radius.Packet {
			p := accessRequest(t, "alice", alicePassword)
			p.Add(rfc2865.CHAPPassword_Type, make(radius.Attribute, 17))
			return p
		}},
		{"a name that is no text", func() *radius.Packet { return accessRequest(t, "\x00\xff", alicePassword) }},
	}
	t.Run("each", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				w.rejected(t, tt.request())
			})
		}
	})
	if rows := w.sessions(directory.RADIUSSessionQuery{Client: w.client.ID}); len(rows) != 0 {
		t.Errorf("rejects left %d sessions", len(rows))
	}
}

// TestASessionEndsWithTheMembershipThatLetItIn: the NAS asks again at that second.
func TestASessionEndsWithTheMembershipThatLetItIn(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.write(func(tx *directory.Writer) error {
		return tx.ReplaceMembers(w.staff.ID, directory.Membership{User: w.alice.ID, Ends: time.Now().Add(10 * time.Minute)})
	})
	reply := w.ask(accessRequest(t, "alice", alicePassword))
	if got := rfc2865.SessionTimeout_Get(reply); reply.Code != radius.CodeAccessAccept || got > 600 || got < 300 {
		t.Errorf("%v with Session-Timeout %d, want at most 600", reply.Code, got)
	}
}

// rejected checks that a request is rejected at its tick and without a word.
func (w *world) rejected(t *testing.T, p *radius.Packet) {
	t.Helper()
	start := time.Now()
	_ = rfc2865.ProxyState_SetString(p, "state")
	reply := (&world{t: t, auth: w.auth}).ask(p)
	if reply.Code != radius.CodeAccessReject || rfc2865.ProxyState_GetString(reply) != "state" || len(reply.Attributes) != 2 {
		t.Errorf("%v with %d attributes", reply.Code, len(reply.Attributes))
	}
	if took := time.Since(start); took < 990*time.Millisecond {
		t.Errorf("the reject left after %v, before its tick", took)
	}
}

func TestEAPIsRefusedAsEAP(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Methods: []string{schema.MethodPAP}})
	p := accessRequest(t, "alice", alicePassword)
	p.Del(rfc2865.UserPassword_Type)
	_ = rfc2869.EAPMessage_Set(p, []byte{2, 42, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'})
	reply := w.ask(p)
	if got := rfc2869.EAPMessage_Get(reply); reply.Code != radius.CodeAccessReject || !bytes.Equal(got, []byte{4, 42, 0, 4}) {
		t.Errorf("%v with EAP %v, want EAP-Failure", reply.Code, got)
	}
}

func TestClientOptions(t *testing.T) {
	tests := []struct {
		name   string
		config schema.RADIUSClient
		user   string
		want   radius.Code
	}{
		{"PAP is not listed", schema.RADIUSClient{Methods: []string{schema.MethodEAPTLS}}, "alice", radius.CodeAccessReject},
		{"network passwords only", schema.RADIUSClient{Passwords: "network"}, "alice", radius.CodeAccessReject},
		{"listed realm", schema.RADIUSClient{Realms: []string{"corp.example.com"}}, "alice@CORP.example.com", radius.CodeAccessAccept},
		{"listed domain", schema.RADIUSClient{Realms: []string{"CORP"}}, `corp\alice`, radius.CodeAccessAccept},
		{"unlisted domain", schema.RADIUSClient{}, `corp\alice`, radius.CodeAccessReject},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.config)
			reply := w.ask(accessRequest(t, tt.user, alicePassword))
			if reply.Code != tt.want {
				t.Errorf("got %v, want %v", reply.Code, tt.want)
			}
			if tt.want == radius.CodeAccessAccept && rfc2865.SessionTimeout_Get(reply) != 8*3600 {
				t.Errorf("Session-Timeout %d", rfc2865.SessionTimeout_Get(reply))
			}
		})
	}
}

func TestDisableIsEffectiveAtOnce(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	if reply := w.ask(accessRequest(t, "alice", alicePassword)); reply.Code != radius.CodeAccessAccept {
		t.Fatal(reply.Code)
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(w.alice.ID, "test"); return err })
	if reply := w.ask(accessRequest(t, "alice", alicePassword)); reply.Code != radius.CodeAccessReject {
		t.Errorf("disabled: %v", reply.Code)
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.EnableUser(w.alice.ID, false); return err })
	if reply := w.ask(accessRequest(t, "alice", alicePassword)); reply.Code != radius.CodeAccessAccept {
		t.Errorf("enabled again: %v", reply.Code)
	}
	w.write(func(tx *directory.Writer) error { return tx.DeleteGroup(w.staff.ID, true) })
	if reply := w.ask(accessRequest(t, "alice", alicePassword)); reply.Code != radius.CodeAccessReject {
		t.Errorf("the app's only group is gone: %v", reply.Code)
	}
}

// A disable that lands between the decision and the stored session must win.
func TestDisableWhileTheSessionIsStored(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.stop()
	s := w.server
	s.opener = newOpener(w.directory)
	r := &request{packet: mustPacket(t), client: s.clients.get(w.client.ID), key: wire.NewKey([]byte(testSecret)), origin: &arrival{socket: s.transport.sockets[0]}, received: time.Now()}
	answers := make(chan datagram, 1)
	s.transport.sockets[0].out = answers
	dec, err := w.directory.Authenticate(t.Context(), s.attempt(r, "pap", "alice", directory.PasswordProof{Password: alicePassword}))
	if err != nil || !dec.Allowed() {
		t.Fatalf("%v %v", dec.Outcome, err)
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(w.alice.ID, "test"); return err })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.opener.run(ctx)
	s.transport.open.Add(1)
	r.client.replays.begin(r.id, r.received)
	s.accept(ctx, r, visit{name: "alice"}, &dec)
	if d := <-answers; wire.Code(d.bytes[0]) != wire.AccessReject {
		t.Errorf("answered with %v", wire.Code(d.bytes[0]))
	}
}

func mustPacket(t *testing.T) wire.Packet {
	t.Helper()
	p, err := wire.Decode(signed(t, accessRequest(t, "alice", alicePassword)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestClientsFollowTheFeed(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	const next = "the secret after the rotation"
	w.write(func(tx *directory.Writer) error {
		_, err := tx.SaveRADIUSClient(directory.NewRADIUSClient{
			Name: "ap-hall", Networks: []string{"127.0.0.1/32"}, Next: next, App: w.client.App,
		})
		return err
	})
	keys := func() int { return len(w.server.clients.get(w.client.ID).keys) }
	waitFor(t, func() bool { return keys() == 2 })
	w.ask(accessRequest(t, "alice", alicePassword)) // the old secret still counts
	w.write(func(tx *directory.Writer) error { return tx.DeleteRADIUSClient(w.client.ID) })
	waitFor(t, func() bool { return w.server.clients.len() == 0 })
	a := dial(t, w.auth)
	a.send(signed(t, accessRequest(t, "alice", alicePassword)))
	waitFor(t, func() bool { return w.counted(unknownClient) == 1 })
}

func (w *world) counted(why discard) int {
	return (&testTransport{transport: w.server.transport}).discarded(why)
}

// The app of a client was deleted: nobody gets in, rather than by the rules of
// another app.
func TestDeletedAppFailsClosed(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	c, err := w.server.client(w.client, nil)
	if err != nil || c.app == directory.AppNetwork || c.app == "" || !strings.Contains(c.app, " ") {
		t.Errorf("app %q, %v: must be a slug that cannot exist", c.app, err)
	}
}

func TestAutoClientBecomesRequired(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{MessageAuthenticator: schema.AuthenticatorAuto})
	a := dial(t, w.auth)
	bare := encoded(t, accessRequest(t, "alice", alicePassword))
	a.send(bare)
	if reply := parse(t, bare, a.receive()); reply.Code != radius.CodeAccessAccept {
		t.Errorf("bare request: %v", reply.Code)
	}
	w.ask(accessRequest(t, "alice", alicePassword))
	waitFor(t, func() bool { c := w.server.clients.get(w.client.ID); return !c.auto })
	w.stop()
	w.start()
	dial(t, w.auth).send(encoded(t, accessRequest(t, "alice", alicePassword)))
	waitFor(t, func() bool { return w.counted(noAuthenticator) == 1 })
}

func TestStoreGoneMeansSilence(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.ask(accessRequest(t, "alice", alicePassword))
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	a := dial(t, w.auth)
	a.send(signed(t, accessRequest(t, "alice", alicePassword)))
	waitFor(t, func() bool { return w.counted(undecided) == 1 })
	waitFor(t, func() bool { return !w.server.transport.ready.Load() })
	a.send(signed(t, radius.New(radius.CodeStatusServer, []byte(testSecret))))
	waitFor(t, func() bool { return w.counted(notReady) == 1 })
	_ = a.conn.SetReadDeadline(time.Now().Add(1200 * time.Millisecond))
	if n, err := a.conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("got an answer of %d octets", n)
	}
}

func TestRenderIsExhaustive(t *testing.T) {
	want := map[directory.Kind]rendering{
		directory.Internal: silence, directory.Invalid: reject, directory.NotFound: reject, directory.Exists: silence,
		directory.Stale: silence, directory.Denied: reject, directory.Throttled: silence, directory.Unavailable: silence,
	}
	for k, r := range want {
		if got := render(k); got != r {
			t.Errorf("%v: %v, want %v", k, got, r)
		}
	}
	if got := render(directory.Kind(99)); got != silence {
		t.Errorf("an unknown kind: %v", got)
	}
}

// TestReady: who waits for radiusd waits for its clients as well: a request that came before would be a stranger's.
func TestReady(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.stop()
	auth := listenUDP(t, "127.0.0.1:0")
	s, err := New(Config{
		Directory: w.directory, Auth: []net.PacketConn{auth}, Certificate: w.serverCertificate(), Logger: w.log,
		Registry: prometheus.NewRegistry(), Instance: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.transport.receive(t.Context(), s.transport.sockets[0], encoded(t, accessRequest(t, "alice", alicePassword)), nil, auth.LocalAddr().(*net.UDPAddr))
	var m dto.Metric
	if err := s.transport.metrics.discarded[notReady].Write(&m); err != nil || m.GetCounter().GetValue() != 1 {
		t.Errorf("%v packets were too early, %v", m.GetCounter().GetValue(), err)
	}
	if err := s.Ready(t.Context()); err != errNoClients { //nolint:errorlint // exactly this
		t.Errorf("ready before it has clients: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	waitFor(t, func() bool { return s.Ready(t.Context()) == nil })
	if s.transport.clients.Load().lookup(mustAddr(t, "127.0.0.1")) == nil {
		t.Error("ready without its client")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
