package test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// hr is an HR system: it sends exactly the bytes given.
type hr struct {
	base   string // …/scim/v2
	token  string
	client *http.Client
}

// answer is what a web server said.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// hr is the source of site.yaml at the public address.
func (w *world) hr(t *testing.T) hr {
	t.Helper()
	return hr{base: w.PublicURL + "/scim/v2", token: w.hrToken, client: w.http(t)}
}

func (h hr) send(t *testing.T, method, path, body string) answer {
	t.Helper()
	a, err := h.exchange(t, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// exchange is send for a server that may be gone.
func (h hr) exchange(t *testing.T, method, path, body string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return read(h.client.Do(req))
}

func read(resp *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, err
}

// want fails unless the answer has that status.
func (h hr) want(t *testing.T, status int, method, path, body string) answer {
	t.Helper()
	a := h.send(t, method, path, body)
	if a.status != status {
		t.Fatalf("%s %s: %v, want %d", method, path, a, status)
	}
	return a
}

type resource struct {
	ID          string
	UserName    string
	DisplayName string
	Active      bool
	Resources   []resource
	Total       int `json:"totalResults"`
	Emails      []struct{ Value string }
	Members     []struct{ Value string }
}

// create posts a resource and returns its id.
func (h hr) create(t *testing.T, path, body string) string {
	t.Helper()
	made := decode[resource](t, h.want(t, http.StatusCreated, http.MethodPost, path, body).body)
	if made.ID == "" {
		t.Fatalf("POST %s: no id", path)
	}
	return made.ID
}

// find returns the id of the one resource that matches the filter.
func (h hr) find(t *testing.T, path, filter string) string {
	t.Helper()
	a := h.want(t, http.StatusOK, http.MethodGet, path+"?filter="+url.QueryEscape(filter), "")
	found := decode[resource](t, a.body)
	if len(found.Resources) != 1 {
		t.Fatalf("%s: %d found, want 1", filter, len(found.Resources))
	}
	return found.Resources[0].ID
}

// patch sends one PATCH operation; value is JSON.
func (h hr) patch(t *testing.T, path, op, attribute, value string) {
	t.Helper()
	a := h.send(t, http.MethodPatch, path, patchBody(op, attribute, value))
	if a.status != http.StatusOK && a.status != http.StatusNoContent {
		t.Fatalf("PATCH %s %s %s: %v", path, op, attribute, a)
	}
}

func patchBody(op, attribute, value string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":%q,"path":%q,"value":%s}]}`, op, attribute, value)
}
