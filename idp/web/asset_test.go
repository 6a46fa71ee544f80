package web

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ours are the embedded files that were made here: tabler.css by prune, which
// has a test of its own.
func ours() []string { return []string{"SHA256SUMS", "app.css", "app.js", "icon.svg", "tabler.css"} }

func TestVendoredFilesAreThePublishedOnes(t *testing.T) {
	listed := readSums(t, "static/SHA256SUMS")
	for _, name := range ours() {
		listed[name] = ""
	}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		want, ok := listed[e.Name()]
		delete(listed, e.Name())
		if !ok {
			t.Errorf("%s is embedded, but not listed with its source", e.Name())
		}
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(content); want != "" && hex.EncodeToString(got[:]) != want {
			t.Errorf("%s differs from the list: %x", e.Name(), got)
		}
	}
	for name := range listed {
		t.Errorf("%s is listed, but not embedded", name)
	}
	for name, want := range readSums(t, "browsertest/SHA256SUMS") {
		content, err := os.ReadFile(filepath.Join("browsertest", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s differs from the list: %x", name, got)
		}
	}
}

// readSums returns the hash by file of a list, each line of which names hash,
// file, package, path, hash of the package and licence.
func readSums(t *testing.T, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 6 || len(f[0]) != 64 || !strings.HasPrefix(f[2], "npm:") || len(f[4]) != 64 {
			t.Fatalf("%s: not understood: %q", file, line)
		}
		out[f[1]] = f[0]
	}
	return out
}

// The first page with all that it loads, headers left out, as a browser gets it.
func TestFirstPageIsSmall(t *testing.T) {
	s := serve(t, newPages(t, Brand{}))
	for _, name := range []string{"sign-in", "portal"} {
		page := fetch(t, s.URL+"/"+name)
		total, seen := len(page), 0
		for _, m := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(string(page), -1) {
			total += len(fetch(t, s.URL+m[1]))
			seen++
		}
		t.Logf("%s: %d bytes in %d requests", name, total, seen+1)
		if total > 100_000 || seen < 3 {
			t.Errorf("%s: %d bytes in %d requests, want at most 100,000", name, total, seen+1)
		}
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return body
}

func TestStatic(t *testing.T) {
	p := newPages(t, Brand{})
	url, err := p.assetURL("app.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path, accept, encoding string
		status                       int
	}{
		{"compressed", url, "br, gzip;q=0.8", "gzip", 200},
		{"plain", url, "", "", 200},
		{"refused coding", url, "gzip;q=0", "", 200},
		{"old hash", "/static/0000000000000000/app.css", "", "", 404},
		{"the list is not served", "/static/SHA256SUMS", "", "", 404},
		{"outside", "/static/../page.go", "", "", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.Header.Set("Accept-Encoding", tt.accept)
			w := httptest.NewRecorder()
			p.Static().ServeHTTP(w, r)
			if w.Code != tt.status || w.Header().Get("Content-Encoding") != tt.encoding {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Header().Get("Content-Encoding"), tt.status, tt.encoding)
			}
		})
	}
}

func TestNothingIsInlineOrElsewhere(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]|javascript:`)
	elsewhere := regexp.MustCompile(`(?i)(src|href|action)="(https?:)?//`)
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := templateFiles.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(strings.NewReader(string(raw)))
		for n := 1; sc.Scan(); n++ {
			if inline.MatchString(sc.Text()) || elsewhere.MatchString(sc.Text()) {
				t.Errorf("%s:%d: %s", f, n, sc.Text())
			}
		}
	}
}
