package directory

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sampleEvent() Event {
	return Event{
		ID: 1<<62 + 1, At: time.Date(2026, 3, 2, 9, 0, 0, 123_000, time.UTC), Actor: "person:eve", Via: "ldap", IP: "::1", Verb: "authenticate",
		Entity: "user", Ref: 1<<61 + 1, Name: "a<b>\u2028", Outcome: "deny", Reason: ReasonPolicy, App: "wiki", Count: 3,
		Detail: []byte(`{"a":"<&>\u003c","n":1.0}`), Chain: "ldapd@host", N: 7, Segment: 2, Previous: []byte{1}, Link: []byte{2, 3},
	}
}

func TestParseEvent(t *testing.T) {
	want := sampleEvent()
	line, err := want.Line()
	if err != nil {
		t.Fatal(err)
	}
	var text, object strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info("audit checkpoint", checkpointKey, want.logValue())
	slog.New(slog.NewJSONHandler(&object, nil)).Info("audit checkpoint", checkpointKey, want.logValue(), "more", 1)
	for name, in := range map[string]string{
		"export": string(line), "syslog": "<110>1 2026-03-02T09:00:00Z host ldapd 7 - - " + string(line), "spaces": "  " + string(line) + " \r",
		"text log": text.String(), "json log": object.String(), "journal": "Mar 02 09:00:00 host ldapd[7]: " + text.String(),
	} {
		got, found, err := ParseEvent([]byte(in))
		if err != nil || !found {
			t.Fatalf("%s: found %v, %v in %s", name, found, err, in)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, in := range map[string]string{
		"nothing": "", "a word": "hello", "other JSON": `{"level":"INFO","msg":"x"}`, "cut": string(line[:len(line)/2]),
		"no link": `{"chain":"x","n":1}`, "an array": "[1]",
	} {
		if e, found, err := ParseEvent([]byte(in)); found || err != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	for name, in := range map[string]string{
		"too long": strings.Repeat("x", maxEventLine+1), "a damaged checkpoint": "checkpoint=e",
	} {
		if _, _, err := ParseEvent([]byte(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	e := sampleEvent()
	line, err := e.Line()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(line), "checkpoint=" + e.logValue(), `{"checkpoint":"` + e.logValue() + `"}`, "{", "checkpoint=", `{"id":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, found, err := ParseEvent(line)
		if err != nil || !found {
			return
		}
		text, err := e.Line()
		if err != nil {
			return // a year that JSON cannot hold
		}
		again, found, err := ParseEvent(text)
		if err != nil || !found {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Error(diff)
		}
	})
}
