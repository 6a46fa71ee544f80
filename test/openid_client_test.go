//go:build conformance

package test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// TestConformanceOpenIDClient signs Alice in to a relying party that is built
// on openid-client, a certified library.
func TestConformanceOpenIDClient(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, "idp")
	secret := rand.Text() + rand.Text()
	redirect, back := catchRedirect(t)
	w.apply(t, expand(`apps:
  - {slug: npm, name: npm, oidc: {client_id: npm, client_secret: "$secret", redirect_uris: ["$redirect"]}}
`, "secret", secret, "redirect", redirect))

	// node ends by itself, after the test's own context.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	dir := scratch(t)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "openid-client"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	node := exec.CommandContext(ctx, "node", "party.js", w.PublicURL+"/application/o/npm/", "npm", redirect)
	node.Dir = dir
	node.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+w.CAFile(), "CLIENT_SECRET="+secret)
	lines, answer := talk(t, node)

	window := w.openBrowser(t).window(t)
	window.open(t, <-lines)
	window.signIn(t, "alice", w.alicePassword)
	fmt.Fprintln(answer, <-back)
	got := decode[struct {
		Email, Username, UserinfoEmail    string
		Refreshed                         bool
		CodeAgain, RefreshAfterRevocation string
		SignOut                           string
	}](t, <-lines)
	if got.Email != "alice@example.com" || got.UserinfoEmail != got.Email || got.Username != "alice" || !got.Refreshed {
		t.Errorf("openid-client got %+v", got)
	}
	if got.CodeAgain != "invalid_grant" || got.RefreshAfterRevocation != "invalid_grant" {
		t.Errorf("a used code: %q, a revoked token: %q, want invalid_grant", got.CodeAgain, got.RefreshAfterRevocation)
	}
	window.open(t, got.SignOut)
	fresh := window
	fresh.open(t, w.PublicURL+"/")
	fresh.signIn(t, "alice", w.alicePassword)
}

// catchRedirect is a redirect URI; the address that the browser comes back
// with is sent on the channel.
func catchRedirect(t *testing.T) (uri string, back <-chan string) {
	t.Helper()
	port, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", stage.Loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	caught := make(chan string, 1)
	base := fmt.Sprintf("http://localhost:%d", port)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" {
			caught <- base + r.URL.RequestURI()
		}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return base + "/callback", caught
}

// talk starts a program and yields the lines that it prints.
func talk(t *testing.T, cmd *exec.Cmd) (lines <-chan string, stdin io.Writer) {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	printed := make(chan string)
	go func() {
		defer close(printed)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			printed <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", cmd.Args, err, errs.String())
		}
	})
	return printed, in
}
