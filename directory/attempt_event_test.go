package directory

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAttemptEvent(t *testing.T) {
	a := &Attempt{
		Name: "alice", Proof: PasswordProof{Password: "tr0ub4dor"}, App: "wifi", Protocol: ProtocolRADIUS,
		Peer: netip.MustParseAddr("10.0.0.2"), Client: netip.MustParseAddr("192.0.2.7"), Device: "02-00-00-00-00-01",
		NAS: 1 << 60, Context: map[string]string{"ssid": "staff", "method": "pap", "port_type": ""},
	}
	alice := User{ID: 7, Username: "alice"}
	checks := []Check{{Name: "limiter", Outcome: "pass"}, {Name: `group "x"`, Outcome: "fail", Detail: "line\nüber\x01\\"}}
	want := AttemptDetail{
		Peer: "10.0.0.2", Device: a.Device, NAS: a.NAS, Context: map[string]string{"ssid": "staff", "method": "pap"},
		Factors: []Factor{FactorPassword}, Credential: 1<<62 + 1, Checks: checks,
	}
	for _, dec := range []*Decision{
		{Outcome: Allow, Reason: ReasonOK, User: alice, Factors: want.Factors, Credential: want.Credential, Trace: checks},
		{Outcome: Deny, Reason: ReasonPolicy, about: &alice, Factors: want.Factors, Credential: want.Credential, Trace: checks},
	} {
		e := attemptEvent(a, dec, time.Unix(1, 0))
		if e.Ref != 7 || e.Name != "alice" || e.IP != "192.0.2.7" || e.Outcome != string(dec.Outcome) || e.Reason != dec.Reason {
			t.Errorf("%s: event = %+v", dec.Outcome, e)
		}
		got, ok, err := e.Attempt()
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", dec.Outcome, ok, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", dec.Outcome, diff)
		}
		if strings.Contains(string(e.Detail), "tr0ub4dor") {
			t.Errorf("the password is in %s", e.Detail)
		}
	}
}

// TestAttemptEventIsBounded checks what strangers and policies can make of it.
func TestAttemptEventIsBounded(t *testing.T) {
	long := strings.Repeat("ü", 1<<16)
	checks := make([]Check, 1000)
	for i := range checks {
		checks[i] = Check{Name: long, Outcome: "fail", Detail: long}
	}
	a := &Attempt{Name: long, Device: long, Context: map[string]string{"user_agent": long}}
	e := attemptEvent(a, &Decision{Outcome: Deny, Trace: checks}, time.Unix(1, 0))
	if most := 64 << 10; len(e.Detail) > most || len(e.Name) > maxAuditName+4 {
		t.Errorf("%d bytes of detail and a name of %d", len(e.Detail), len(e.Name))
	}
	if !json.Valid(e.Detail) {
		t.Errorf("the detail is no JSON: %.100s", e.Detail)
	}
}

func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\x00\x1f\x7f", "ü€😀", "\xff\xc3", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendText(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if len(s) <= maxAuditText && got != strings.ToValidUTF8(s, "\uFFFD") && got != string([]rune(s)) {
			t.Errorf("%q came back as %q", s, got)
		}
	})
}

func BenchmarkAttemptEvent(b *testing.B) {
	a := &Attempt{
		Name: "alice", App: "wifi", Protocol: ProtocolRADIUS, Peer: netip.MustParseAddr("10.0.0.2"), Device: "02-00-00-00-00-01",
		NAS: 1 << 60, Context: map[string]string{"ssid": "staff", "method": "pap", "nas": "ap-hall"},
	}
	dec := &Decision{
		Outcome: Allow, Reason: ReasonOK, User: User{ID: 7, Username: "alice"}, Factors: []Factor{FactorPassword}, Credential: 1 << 60,
		Trace: []Check{
			{Name: "limiter", Outcome: "pass"},
			{Name: "password", Outcome: "pass", Detail: "password"},
			{Name: "status", Outcome: "pass", Detail: "active"},
			{Name: "bindings", Outcome: "pass", Detail: "a bound user or group matches"},
		},
	}
	b.ReportAllocs()
	for b.Loop() {
		attemptEvent(a, dec, time.Unix(1, 0))
	}
}
