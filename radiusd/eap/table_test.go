package eap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

func TestStateBelongsToItsPlace(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Round)
		want Verdict
		left int // conversations
	}{
		{"another client", func(r *Round) { r.Client = 2 }, Rejected, 1},
		{"another device", func(r *Round) { r.Station = "02-00-00-00-00-02" }, Rejected, 1},
		{"another State", func(r *Round) { r.State = bytes.Repeat([]byte{1}, stateSize) }, Rejected, 1},
		{"a shorter State", func(r *Round) { r.State = r.State[:8] }, Rejected, 1},
		{"wrong identifier", func(r *Round) { r.Packet[1]++ }, Discarded, 1},
		{"a request", func(r *Round) { r.Packet[0] = byte(Request) }, Discarded, 1},
		{"half a packet", func(r *Round) { r.Packet = r.Packet[:4] }, Discarded, 1},
		{"another type", func(r *Round) { r.Packet[4] = byte(TypeGTC) }, Rejected, 0},
		{"a start", func(r *Round) { r.Packet[5] = flagStart }, Rejected, 0},
		{"version 1", func(r *Round) { r.Packet[5] = 1 }, Rejected, 0},
		{"as it should be", func(*Round) {}, Challenge, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(TypeTTLS, nil)
			if a := p.identify(); a.Verdict != Challenge {
				t.Fatalf("%+v", a)
			}
			round := p.round
			round.Packet = packet{code: Response, id: p.id, typ: TypeTTLS, data: []byte{flagMore, 22, 3, 1}}.encode()
			right := round
			right.Packet = bytes.Clone(round.Packet)
			tt.edit(&round)
			if a := f.Respond(t.Context(), round); a.Verdict != tt.want || f.Open() != tt.left {
				t.Errorf("%+v, %d left", a, f.Open())
			}
			if tt.left == 1 && tt.want != Challenge {
				// Nobody can spoil a conversation from elsewhere.
				if a := f.Respond(t.Context(), right); a.Verdict != Challenge {
					t.Errorf("the device itself: %+v", a)
				}
			}
			if tt.want == Challenge {
				if a := f.Respond(t.Context(), right); a.Verdict != Rejected {
					t.Errorf("a State was good twice: %+v", a)
				}
			}
		})
	}
}

func TestBounds(t *testing.T) {
	fragment := func(data ...byte) []byte { return append([]byte{flagMore}, data...) }
	for _, tt := range []struct {
		name   string
		data   func(i int) []byte
		rounds int // within which it is over
		detail string
	}{
		{"rounds", func(int) []byte { return fragment(1) }, maxRounds, "rounds"},
		{"octets", func(int) []byte { return fragment(make([]byte, 3000)...) }, 25, "octets"},
		{"empty fragments", func(int) []byte { return fragment() }, 1, "do not add up"},
		{"announced more than fits", func(int) []byte { return []byte{flagLength | flagMore, 0, 1, 0, 1, 22} }, 1, "do not add up"},
		{"announced less than came", func(int) []byte { return []byte{flagLength, 0, 0, 0, 1, 22, 3} }, 1, "do not add up"},
		{"more fragments than announced", func(int) []byte { return []byte{flagLength | flagMore, 0, 0, 0, 1, 22, 3} }, 1, "do not add up"},
		{"announced more than came", func(int) []byte { return []byte{flagLength, 0, 0, 0, 9, 22, 3} }, 1, "do not add up"},
		{"announced anew", func(i int) []byte {
			return binary.BigEndian.AppendUint32([]byte{flagLength | flagMore}, uint32(100+i))[:6:6]
		}, 2, "do not add up"},
		{"no length", func(int) []byte { return []byte{flagLength, 0} }, 1, "do not add up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(TypeTTLS, nil)
			p.identify()
			for i := range tt.rounds {
				if a := p.send(TypeTTLS, tt.data(i)); a.Verdict == Rejected {
					if !strings.Contains(a.Detail, tt.detail) || f.Open() != 0 {
						t.Errorf("%q, %d open", a.Detail, f.Open())
					}
					return
				}
			}
			t.Errorf("not over after %d rounds", tt.rounds)
		})
	}
}

func TestConversationsEnd(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, nil)
	p.identify()
	f.clock.Advance(maxLife)
	if a := p.send(TypeTTLS, []byte{0, 22}); a.Verdict != Rejected {
		t.Errorf("%+v", a)
	}
	f.sweep(f.clock.Now())
	if f.Open() != 0 || len(f.table.clients) != 0 || len(f.table.stations) != 0 {
		t.Errorf("%d left", f.Open())
	}
}

func TestNegotiation(t *testing.T) {
	all := []string{schema.MethodPAP, schema.MethodEAPTTLS, schema.MethodEAPTLS, schema.MethodPEAP}
	for _, tt := range []struct {
		name    string
		methods []string
		naks    [][]byte
		want    Type // proposed at last; 0: rejected
	}{
		{"first of the client", all, nil, TypeTTLS},
		{"what the device wants", all, [][]byte{{byte(TypePEAP)}}, TypePEAP},
		{"in the order of the client", all, [][]byte{{byte(TypePEAP), byte(TypeTLS)}}, TypeTLS},
		{"another time", all, [][]byte{{byte(TypeTLS)}, {byte(TypePEAP)}}, TypePEAP},
		{"nothing", all, [][]byte{{0}}, 0},
		{"what is not allowed", all, [][]byte{{byte(TypeMSCHAPv2), byte(TypeGTC), 4}}, 0},
		{"what was proposed", all, [][]byte{{byte(TypeTTLS)}}, 0},
		{"no EAP", []string{schema.MethodPAP, schema.MethodMSCHAPv2}, nil, 0},
		{"bare", []string{schema.MethodEAPMSCHAPv2, schema.MethodEAPTLS}, nil, TypeMSCHAPv2},
		{"rather than bare", []string{schema.MethodEAPMSCHAPv2, schema.MethodEAPTLS}, [][]byte{{byte(TypeTLS)}}, TypeTLS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(0, nil)
			p.round.Methods = tt.methods
			a := p.send(TypeIdentity, []byte("anonymous"))
			for _, wanted := range tt.naks {
				a = p.send(TypeNAK, wanted)
			}
			got := Type(0)
			if a.Verdict == Challenge {
				got = Type(a.Packet[4])
			}
			if got != tt.want || (got == 0) != (a.Verdict == Rejected) {
				t.Errorf("type %d, %+v", got, a)
			}
		})
	}
	f := newFixture(t)
	p := f.peer(TypeTTLS, nil)
	p.identify()
	p.send(TypeTTLS, []byte{flagMore, 22})
	if a := p.send(TypeNAK, []byte{byte(TypePEAP)}); a.Verdict != Rejected {
		t.Errorf("a NAK in the middle: %+v", a)
	}
}

// A hundred thousand devices at one client that begin and never go on cost a
// bounded amount of memory, and others get in meanwhile.
func TestHalfOpen(t *testing.T) {
	f := newFixture(t)
	hello := clientHello(t, f)
	other := f.peer(TypeTTLS, pap("alice", secret))
	other.round.Client = 2
	slow := f.peer(TypeTTLS, nil) // has come further than those that flood its client
	slow.identify()
	slow.send(TypeTTLS, append([]byte{flagMore}, hello[:100]...))
	slow.send(TypeTTLS, append([]byte{flagMore}, hello[100:101]...))
	before := runtime.NumGoroutine()
	for i := range 100_000 {
		p := f.peer(TypeTTLS, nil)
		p.round.Station = fmt.Sprintf("device %d", i)
		p.round.Methods = []string{schema.MethodEAPTTLS}
		p.identify()
		if i%50 == 0 { // a tunnel is begun as well
			p.send(TypeTTLS, append([]byte{0}, hello...))
		}
		if open := f.Open(); open > maxPerClient {
			t.Fatalf("%d conversations of one client", open)
		}
	}
	if a := other.run(); a.Verdict != Accepted {
		t.Errorf("somebody at another client: %+v", a)
	}
	if a := slow.send(TypeTTLS, []byte{flagMore, 0}); a.Verdict != Challenge {
		t.Errorf("who was under way was given up: %+v", a)
	}
	if more := runtime.NumGoroutine() - before; more > maxPerClient+maxResting+10 {
		t.Errorf("%d goroutines", more)
	}
	f.sweep(f.clock.Now().Add(maxLife * 2))
	if f.Open() != 0 {
		t.Errorf("%d left", f.Open())
	}
}

func TestOneDeviceAndAllClients(t *testing.T) {
	f := newFixture(t)
	for range 100 {
		f.peer(TypeTTLS, nil).identify()
	}
	if f.Open() != maxPerStation {
		t.Errorf("%d conversations of one device", f.Open())
	}
	for i := range 2 * maxConversations {
		p := f.peer(TypeTTLS, nil)
		p.round.Client, p.round.Station = directory.RADIUSClientID(i%8+2), ""
		p.identify()
	}
	if f.Open() != maxConversations {
		t.Errorf("%d conversations in all", f.Open())
	}
}

func TestTicketsAreBounded(t *testing.T) {
	f := newFixture(t)
	for i := range 3 * maxTickets {
		h, err := f.tickets.issue(TypeTTLS, []byte{1})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			f.tickets.forget(h)
		}
	}
	if len(f.tickets.byID) > maxTickets || len(f.tickets.order) > 2*maxTickets {
		t.Errorf("%d tickets, %d in order", len(f.tickets.byID), len(f.tickets.order))
	}
}

// EAP-MSCHAPv2 answers for the name that the conversation began with, or for
// nobody.
func TestTwoNames(t *testing.T) {
	for who, detail := range map[string]string{"bob": "two names", "": "two names", `CORP\alice`: "two names", "alice": ""} {
		f := newFixture(t)
		p := f.peer(TypeMSCHAPv2, nil)
		p.round.Methods = []string{schema.MethodEAPMSCHAPv2}
		p.id = 1
		a := p.send(TypeIdentity, []byte("alice"))
		if a.Verdict != Challenge {
			t.Fatalf("%+v", a)
		}
		value := append([]byte{msValueSize}, make([]byte, msValueSize)...)
		a = p.send(TypeMSCHAPv2, msMessage(msResponse, a.Packet[6], value, who))
		if a.Verdict != Rejected || !strings.Contains(a.Detail, detail) || (detail == "") != (len(f.gate.asked) == 1) {
			t.Errorf("%s: %+v", who, a)
		}
	}
}
