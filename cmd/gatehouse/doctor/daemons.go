package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// client asks like a browser of this installation, without proxies and
// redirects.
func (p *Patient) client() (*http.Client, func()) {
	transport := &http.Transport{
		DialContext:     (&net.Dialer{Timeout: patience}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: p.roots(), MinVersion: tls.VersionTLS12},
	}
	return &http.Client{
		Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, transport.CloseIdleConnections
}

// get returns the status and the body of an answer.
func (p *Patient) get(ctx context.Context, url string) (int, []byte, error) {
	client, done := p.client()
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, errors.Join(err, resp.Body.Close())
}

// daemons asks /readyz: of `gatehouse serve`, or of the four daemons.
func (p *Patient) daemons(ctx context.Context) Finding {
	m := p.Config.Metrics
	if m.Listen != "" {
		if status, body, err := p.get(ctx, "http://"+reach(m.Listen)+"/readyz"); err == nil {
			return readiness("gatehouse serve", status, body)
		}
	}
	asked := 0
	for _, d := range []struct{ name, address string }{
		{"ldapd", m.LDAPD}, {"radiusd", m.RADIUSD}, {"scimd", m.SCIMD}, {"idp", m.IDP},
	} {
		if d.address == "" {
			continue
		}
		asked++
		status, body, err := p.get(ctx, "http://"+reach(d.address)+"/readyz")
		if err != nil {
			return failed(d.name+" does not run: nothing answers at "+reach(d.address),
				"start it: systemctl start gatehouse.target, or gatehouse serve; then look into its log")
		}
		if f := readiness(d.name, status, body); f.Outcome != Fine {
			return f
		}
	}
	if asked == 0 {
		return skipped("every address under metrics is off")
	}
	return fine("all run and are ready")
}

func readiness(name string, status int, body []byte) Finding {
	if status == http.StatusOK {
		return fine(name + " runs and is ready")
	}
	return failed(fmt.Sprintf("%s is not ready: %s", name, strings.TrimSpace(string(body))), "look into its log: journalctl -u 'gatehouse-*'")
}

// ports connects to every TCP address and unix socket of the configuration.
func (p *Patient) ports(ctx context.Context) Finding {
	c := p.Config
	asked := 0
	for _, l := range []struct {
		key       string
		addresses []string
	}{
		{"ldap.listen", c.LDAP.Listen},
		{"ldap.listen_tls", c.LDAP.ListenTLS},
		{"ldap.listen_unix", unixSocket(c.LDAP.ListenUnix)},
		{"radius.listen_tls", c.RADIUS.ListenTLS},
		{"scim.listen", c.SCIM.Listen},
		{"scim.listen_tls", c.SCIM.ListenTLS},
		{"idp.listen_tls", c.IDP.ListenTLS},
		{"idp.listen", c.IDP.Listen},
	} {
		for _, address := range l.addresses {
			asked++
			if err := connect(ctx, address); err != nil {
				return failed(fmt.Sprintf("nothing answers at %s (%s): %v", address, l.key, err),
					"start the daemon; when it runs, see in its log which address it could not open, and ss -ltnp who has it")
			}
		}
	}
	if asked == 0 {
		return skipped("every listener is off")
	}
	return fine(fmt.Sprintf("all %d addresses answer", asked))
}

func unixSocket(path string) []string {
	if path == "" {
		return nil
	}
	return []string{"unix:" + path}
}

func connect(ctx context.Context, address string) error {
	network, target := "tcp", reach(address)
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, target = "unix", path
	}
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, network, target)
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return errno
		}
		return err
	}
	return conn.Close()
}

// discovery reads the discovery document at public_url, which every OpenID
// Connect client does first.
func (p *Patient) discovery(ctx context.Context) Finding {
	url := p.Config.PublicURL + "/.well-known/openid-configuration"
	status, body, err := p.get(ctx, url)
	if err != nil {
		return failed(fmt.Sprintf("%s cannot be read: %v", url, unwrapURL(err)), p.webAdvice())
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &document) != nil {
		return failed(fmt.Sprintf("%s answers with status %d", url, status), p.webAdvice())
	}
	if document.Issuer != p.Config.PublicURL {
		return failed(fmt.Sprintf("the issuer at %s is %q", url, document.Issuer), "public_url leads to another installation: check the DNS and the reverse proxy")
	}
	return fine("the discovery document at " + p.Config.PublicURL + " is right")
}

func (p *Patient) webAdvice() string {
	if len(p.Config.IDP.ListenTLS) == 0 {
		return "check the reverse proxy in front of idp.listen, and that idp runs"
	}
	return "check that idp runs, that public_url has the port of idp.listen_tls, and that the certificate is trusted"
}

// unwrapURL drops the method and address that http puts in front.
func unwrapURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// scim asks for the SCIM service at public_url without a token.
func (p *Patient) scim(ctx context.Context) Finding {
	url := p.Config.PublicURL + "/scim/v2/ServiceProviderConfig"
	status, _, err := p.get(ctx, url)
	if err != nil {
		return failed(fmt.Sprintf("%s cannot be reached: %v", url, unwrapURL(err)), p.webAdvice())
	}
	// RFC 7644 §4: the document may be public or not.
	if !slices.Contains([]int{http.StatusOK, http.StatusUnauthorized}, status) {
		return failed(fmt.Sprintf("%s answers with status %d", url, status), "check that scimd runs and that scim.upstream leads to scim.listen")
	}
	return fine("answers at " + p.Config.PublicURL + "/scim/v2")
}
