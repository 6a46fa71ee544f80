package test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// party is a relying party that keeps its tokens: /start sends the browser to
// the idp (code + PKCE, offline_access), /callback redeems the code and shows
// "signed in" with the answer of the token endpoint.
type party struct {
	url      string
	id       string
	secret   string
	client   *http.Client
	provider provider

	mu       sync.Mutex
	state    string
	verifier string
	tokens   tokens
}

// provider is what the discovery document says.
type provider struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Userinfo      string `json:"userinfo_endpoint"`
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
}

// newParty starts the web server; discover must be called before /start.
func (w *world) newParty(t *testing.T, id string) *party {
	t.Helper()
	port, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", stage.Loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	p := &party{url: fmt.Sprintf("http://localhost:%d", port), id: id, secret: rand.Text() + rand.Text(), client: w.http(t)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /start", p.start)
	mux.HandleFunc("GET /callback", p.callback)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return p
}

// discover reads the issuer's discovery document.
func (p *party) discover(t *testing.T, issuer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := read(p.client.Do(req))
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("discovery of %s: %v %v", issuer, a, err)
	}
	p.provider = decode[provider](t, a.body)
	if p.provider.Issuer != issuer {
		t.Fatalf("issuer %q, want %q", p.provider.Issuer, issuer)
	}
}

func (p *party) start(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.state, p.verifier = rand.Text(), rand.Text()+rand.Text()
	challenge := sha256.Sum256([]byte(p.verifier))
	query := url.Values{
		"client_id": {p.id}, "redirect_uri": {p.url + "/callback"}, "response_type": {"code"},
		"scope": {"openid email offline_access"}, "state": {p.state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	p.mu.Unlock()
	http.Redirect(w, r, p.provider.Authorization+"?"+query.Encode(), http.StatusFound)
}

func (p *party) callback(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	state, verifier := p.state, p.verifier
	p.mu.Unlock()
	if r.FormValue("state") != state || r.FormValue("code") == "" {
		http.Error(w, "refused by the idp: "+r.URL.RawQuery, http.StatusForbidden)
		return
	}
	a, err := p.post(r.Context(), p.provider.Token, url.Values{
		"grant_type": {"authorization_code"}, "code": {r.FormValue("code")},
		"redirect_uri": {p.url + "/callback"}, "code_verifier": {verifier},
	})
	if err != nil || a.status != http.StatusOK {
		http.Error(w, fmt.Sprintf("token endpoint: %v %v", a, err), http.StatusBadGateway)
		return
	}
	got, err := parseTokens(a.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	p.mu.Lock()
	p.tokens = got
	p.mu.Unlock()
	fmt.Fprintln(w, "signed in")
}

func (p *party) post(ctx context.Context, endpoint string, form url.Values) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(p.id), url.QueryEscape(p.secret))
	return read(p.client.Do(req))
}

// current are the tokens of the last sign-in or refresh.
func (p *party) current() tokens {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens
}

// refresh redeems a refresh token; a success replaces the current tokens.
func (p *party) refresh(ctx context.Context, refreshToken string) (answer, error) {
	a, err := p.post(ctx, p.provider.Token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
	if err != nil || a.status != http.StatusOK {
		return a, err
	}
	got, err := parseTokens(a.body)
	if err == nil {
		p.mu.Lock()
		p.tokens = got
		p.mu.Unlock()
	}
	return a, err
}

// userinfo asks with an access token.
func (p *party) userinfo(ctx context.Context, accessToken string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.provider.Userinfo, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	return read(p.client.Do(req))
}

func parseTokens(body string) (tokens, error) {
	var got tokens
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		return tokens{}, err
	}
	if got.Access == "" || got.ID == "" || got.Refresh == "" {
		return tokens{}, fmt.Errorf("an access, an ID or a refresh token is missing")
	}
	return got, nil
}
