package browsertest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed axe.min.js
var axe string

// Open starts a browser that ends with the test and that takes any certificate.
// The test fails when there is no Chromium.
func Open(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return ctx
}

// View is a size and a colour scheme to look at a page in.
type View struct {
	Width int64
	Dark  bool
}

// Views are the sizes and schemes that every page must hold up in.
func Views() []View {
	return []View{{360, false}, {360, true}, {1440, false}, {1440, true}}
}

// String names the view for screenshots and failures.
func (v View) String() string {
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	return fmt.Sprintf("%d-%s", v.Width, scheme)
}

// Use makes the browser look like v from now on.
func (v View) Use(t *testing.T, ctx context.Context) {
	t.Helper()
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err == nil {
		err = chromedp.Do(ctx, chromedp.EmulateViewport(v.Width, 900))
	}
	if err != nil {
		t.Fatalf("set view %s: %v", v, err)
	}
}

// Audit fails the test when the page that the browser shows has an
// accessibility violation or is wider than the window. With SCREENSHOTS set to
// a directory it leaves a picture of the page there.
func Audit(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600)
		}
		if err != nil {
			t.Errorf("%s: screenshot: %v", name, err)
		}
	}
	overflow, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - window.innerWidth`))
	if err != nil || overflow > 0 {
		t.Errorf("%s: the page is %d px wider than the window (%v)", name, overflow, err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]violation](axe+`;axe.run(document, {resultTypes: ["violations"]}).then(r =>
		r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => n.html + " " + n.failureSummary)})))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: run axe: %v", name, err)
	}
	for _, v := range found {
		t.Errorf("%s: axe %s: %s\n%s", name, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
	}
}

type violation struct {
	ID, Help string
	Nodes    []string
}

// Complaints collects what pages write to the console as warning, error or
// exception, among it every violation of the Content-Security-Policy, until the
// returned function is called for the list.
func Complaints(ctx context.Context) func() []string {
	ctx, stop := context.WithCancel(ctx)
	ready, done := make(chan struct{}), make(chan []string, 1)
	go func() {
		var out []string
		messages := chromedp.Console(ctx)
		close(ready)
		for m, err := range messages {
			if err != nil {
				break
			}
			if m.Type == chromedp.ConsoleWarning || m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException {
				out = append(out, m.Text)
			}
		}
		done <- out
	}()
	<-ready
	return func() []string {
		stop()
		return <-done
	}
}
