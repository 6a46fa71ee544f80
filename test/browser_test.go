package test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is Chromium; each window has cookies of its own.
type browser struct{ ctx context.Context }

// window is one browser window. Its steps fail the test after 20 seconds.
type window struct{ ctx context.Context }

const (
	nameField     = chromedp.CSS(`input[autocomplete~="username"]`)
	passwordField = chromedp.CSS(`input[type="password"]`)
)

// openBrowser starts Chromium. It trusts, beside the public CAs, exactly the
// key that the server at addr shows under the installation's own CA.
func (w *world) openBrowser(t *testing.T) browser {
	t.Helper()
	return startBrowser(t, w.publicKeyHash(t))
}

// startBrowser starts Chromium; keyHash is the key it accepts without a CA.
func startBrowser(t *testing.T, keyHash string) browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run test/install-clients", err)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", keyHash),
		chromedp.UserDataDir(scratch(t)))
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error(err)
		}
		closeTab()
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return browser{ctx: ctx}
}

// publicKeyHash verifies the idp's certificate under the built-in CA and
// returns the hash of its key as Chromium wants it.
func (w *world) publicKeyHash(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.PublicURL, "https://"), w.tls(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// window opens a window without cookies.
func (b browser) window(t *testing.T) window {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	// The first step opens the tab, which lives as long as that step's context.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return window{ctx: ctx}
}

// do runs steps, which must succeed.
func (w window) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := w.try(steps...); err != nil {
		t.Fatalf("%v\non %s", err, w.describe())
	}
}

func (w window) try(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// ask returns the value of an expression in the page.
func ask[T any](w window, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// describe is where the window is and what a person reads there.
func (w window) describe() string {
	text, err := ask[string](w, `location.href + "\n" + document.title + "\n" + document.body.innerText`)
	if err != nil {
		return err.Error()
	}
	return text
}

// open navigates and returns the status of the page that it ends on.
func (w window) open(t *testing.T, url string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	resp, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	return int(resp.Status)
}

// signIn types name and password where the sign-in page asks for them, on one
// page or on two, and sends them.
func (w window) signIn(t *testing.T, name, password string) {
	t.Helper()
	w.do(t, chromedp.WaitVisible(nameField), chromedp.Clear(nameField), chromedp.SendKeys(nameField, name))
	together, err := ask[bool](w, fmt.Sprintf(`(e => e !== null && e.checkVisibility())(document.querySelector(%q))`, passwordField))
	if err != nil {
		t.Fatal(err)
	}
	if !together {
		w.do(t, chromedp.SendKeys(nameField, kb.Enter))
	}
	w.do(t, chromedp.WaitVisible(passwordField), chromedp.SendKeys(passwordField, password+kb.Enter))
}

// at waits until the window shows a page whose address starts with prefix and
// returns its text.
func (w window) at(t *testing.T, prefix string) string {
	t.Helper()
	poll(t, 20*time.Second, func() error {
		ready, err := ask[bool](w, fmt.Sprintf(`location.href.startsWith(%q) && document.readyState === "complete"`, prefix))
		if err != nil {
			return err
		}
		if !ready {
			return fmt.Errorf("not at %s but on %s", prefix, w.describe())
		}
		return nil
	})
	text, err := ask[string](w, `document.body.innerText`)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// refused waits until the sign-in page is shown again with an error and
// returns its text.
func (w window) refused(t *testing.T, publicURL string) string {
	t.Helper()
	w.do(t, chromedp.WaitVisible(chromedp.CSS(`[role="alert"]`)))
	return w.at(t, publicURL)
}

// text is what a person reads in an element.
func (w window) text(t *testing.T, sel chromedp.ID) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.TextContent(sel))
	if err != nil {
		t.Fatalf("%s: %v", sel, err)
	}
	return text
}
