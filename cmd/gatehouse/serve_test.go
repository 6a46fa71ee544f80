package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"gatehouse/cmd/gatehouse/doctor"
)

// free is a loopback address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serving runs `gatehouse serve` in an empty directory until the test ends, and
// returns the shell beside it.
func serving(t *testing.T) *shell {
	t.Helper()
	s := newShell(t)
	web, scim, metrics := free(t), free(t), free(t)
	_, port, err := net.SplitHostPort(web)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`public_url: https://localhost:%s
data_dir: data
ldap: {listen: [%q], listen_tls: [%q]}
radius: {listen_auth: [%q], listen_acct: [%q]}
scim: {listen: [%q], upstream: "http://%s"}
idp: {listen_tls: [%q]}
metrics: {listen: %q}
`, port, free(t), free(t), free(t), free(t), scim, scim, web, metrics)
	if err := os.WriteFile("gatehouse.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var log bytes.Buffer
	ended := make(chan int, 1)
	server := &tool{errs: &log, out: t.Output(), now: time.Now, uid: os.Getuid()}
	go func() { ended <- server.run(ctx, []string{"serve"}) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitDone || t.Failed() {
			t.Errorf("serve ends with %d\n%s", code, log.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); !ready(t, metrics); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not ready after 20 s")
		}
	}
	s.now = time.Now()
	return s
}

func ready(t *testing.T, metrics string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+metrics+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// A directory that serve has just made is healthy, and the command line works
// beside it.
func TestServeAndDoctor(t *testing.T) {
	s := serving(t)
	s.must(t, "user", "add", "jane")
	site := `radius_clients: [{name: here, networks: ["127.0.0.0/8"], secret: "0123456789abcdef0123"}]`
	if err := os.WriteFile("site.yaml", []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(t, "apply", "-f", "site.yaml")
	s.wantFailure(t, exitFailed, []string{"initialised already"}, "init")
	var findings []doctor.Finding
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, errs, code := s.run(t, "", "doctor", "--json")
		if err := json.Unmarshal([]byte(out), &findings); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		// radiusd hears of the client a moment later.
		if code == exitDone {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("exit code %d\n%s%s", code, out, errs)
		}
	}
	skipped := 0
	for _, f := range findings {
		if f.Outcome == doctor.Skipped {
			skipped++
		}
	}
	if len(findings) != 17 || skipped > 5 { // the group, GeoIP, imported CAs, certificates of RADIUS clients, and perhaps the clock
		t.Errorf("%+v", findings)
	}
	s.must(t, "backup", "copy")
	s.wantFailure(t, exitRefused, []string{"the store is in use"}, "restore", "copy")
}
