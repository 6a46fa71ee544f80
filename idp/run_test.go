package idp_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/idp"
)

// Run makes the first signing keys when they are asked for, serves both kinds of
// listeners, and ends in order.
func TestRun(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lender := newSite(t, nil) // of a certificate
	config := idp.Config{
		Directory: d, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), PublicURL: directorytest.PublicURL,
		Listeners: []net.Listener{plain}, ListenersTLS: []net.Listener{secure}, TLS: &tls.Config{Certificates: lender.http.TLS.Certificates},
	} //nolint:gosec // a test
	s, err := idp.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for _, url := range []string{"http://" + plain.Addr().String(), "https://" + secure.Addr().String()} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/oauth2/jwks", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := lender.http.Client().Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %v", url, resp, err)
		}
		_ = resp.Body.Close()
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("does not end")
	}
	states := map[directory.KeyState]int{}
	err = d.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		for k, err := range r.SigningKeys(directory.SigningKeyQuery{Use: "oidc"}) {
			if err != nil {
				return err
			}
			states[k.State]++
		}
		return nil
	})
	if err != nil || states[directory.KeyActive] != 2 || len(states) != 1 {
		t.Errorf("keys: %v, %v", states, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := idp.New(idp.Config{}); err == nil {
		t.Error("an empty Config was taken")
	}
}
