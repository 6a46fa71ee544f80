package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// StaticPrefix is the path below which Pages.Static serves.
const StaticPrefix = "/static/"

// asset is one file that pages load. Its address carries its hash, so it may be
// cached for ever.
type asset struct {
	name    string
	url     string
	media   string
	content []byte
	zipped  func() []byte // made at the first request for it
}

func newAsset(name string, content []byte) (*asset, error) {
	media, ok := mediaTypes()[path.Ext(name)]
	if !ok {
		return nil, fmt.Errorf("asset %s: unknown media type", name)
	}
	sum := sha256.Sum256(content)
	return &asset{
		name:    name,
		url:     StaticPrefix + hex.EncodeToString(sum[:8]) + "/" + name,
		media:   media,
		content: content,
		zipped:  sync.OnceValue(func() []byte { return compress(content) }),
	}, nil
}

func mediaTypes() map[string]string {
	return map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
}

func compress(content []byte) []byte {
	var buf bytes.Buffer
	w, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression) // the level is valid
	_, _ = w.Write(content)                                 // a bytes.Buffer does not fail
	_ = w.Close()
	return buf.Bytes()
}

// loadAssets reads the embedded files and adds the style sheet of the brand.
func loadAssets(brand Brand) (map[string]*asset, error) {
	out := make(map[string]*asset)
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return nil, fmt.Errorf("read embedded assets: %w", err)
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == "" {
			continue
		}
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read embedded asset %s: %w", e.Name(), err)
		}
		if out[e.Name()], err = newAsset(e.Name(), content); err != nil {
			return nil, err
		}
	}
	css, err := brand.css()
	if err != nil {
		return nil, err
	}
	if out["brand.css"], err = newAsset("brand.css", css); err != nil {
		return nil, err
	}
	return out, nil
}

// ServeHTTP answers GET and HEAD with the file, compressed when the browser
// takes gzip. The files hold no secret, so compressing them leaks none.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.media)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Vary", "Accept-Encoding")
	body := a.content
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body = a.zipped()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the browser went away
}

// acceptsGzip reports whether an Accept-Encoding value names gzip.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			// RFC 9110 §12.5.3: a weight of 0 means "not acceptable".
			q := strings.ReplaceAll(strings.TrimSpace(params), " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
