package process

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/internal/egress"
)

func TestCourier(t *testing.T) {
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	// The webhook is on this machine, so it is refused, whatever is configured.
	cfg.Audit.Checkpoints = []string{"syslog+udp://" + udp.LocalAddr().String(), "https://127.0.0.1:1/hook"}
	cfg.Audit.WebhookTokenFile = token
	p := &Process{Options: Options{Config: cfg, Daemon: "idp", Now: time.Now}, Registry: prometheus.NewRegistry()}
	out, err := p.courier()
	if err != nil {
		t.Fatal(err)
	}
	e := directory.Event{ID: 5, Chain: "idp@host", N: 1, Link: []byte{1}, Verb: "audit.checkpoint"}
	for range 2 {
		var refused *egress.RefusedError
		if err := out.Deliver(t.Context(), []directory.Event{e}); !errors.As(err, &refused) {
			t.Fatalf("a webhook on loopback: %v", err)
		}
	}
	e.ID = 6
	if err := out.Deliver(t.Context(), []directory.Event{e}); err == nil {
		t.Error("no error")
	}
	b := make([]byte, 4000)
	for _, want := range []string{`"id":"5"`, `"id":"6"`} { // not 5 again, because the other way failed
		n, _, err := udp.ReadFrom(b)
		if err != nil || !strings.Contains(string(b[:n]), want) || !strings.Contains(string(b[:n]), " idp ") {
			t.Errorf("%q, %v", b[:n], err)
		}
		got, found, err := directory.ParseEvent(b[:n])
		if err != nil || !found || got.Chain != e.Chain {
			t.Errorf("%+v, %v, %v", got, found, err)
		}
	}
}

func TestWebhook(t *testing.T) {
	status := http.StatusNoContent
	send := webhook("https://collector.example/audit?key=secret", "hunter2", func(r *http.Request) (*egress.Answer, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "line\n" || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer hunter2" ||
			r.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s %v %q, %v", r.Method, r.Header, body, err)
		}
		return &egress.Answer{Status: status}, nil
	})
	if err := send(t.Context(), nil, []byte("line\n")); err != nil {
		t.Error(err)
	}
	for _, status = range []int{http.StatusFound, http.StatusForbidden, http.StatusInternalServerError} {
		if err := send(t.Context(), nil, []byte("line\n")); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
