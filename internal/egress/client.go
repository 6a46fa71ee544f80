package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	limit    = 10 * time.Second // of a request, the reading of its answer included
	maxBytes = 1 << 20          // of an answer
)

// Policy says what a Client may reach.
type Policy struct {
	Private   bool             // private addresses: only for a URL that an administrator entered
	Plain     bool             // http as well as https: only by a switch of the target
	Listeners []netip.AddrPort // of this installation; an unspecified address is every one of the machine
	Roots     *x509.CertPool   // that certificates lead to; nil: those of the system
}

// Client makes requests. It may be used by several goroutines.
type Client struct {
	policy Policy
	http   http.Client
}

// New returns a Client.
func New(p Policy) *Client {
	c := &Client{policy: p}
	c.http = http.Client{
		Timeout: limit,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: c.transport(c.control),
	}
	return c
}

func (c *Client) transport(control func(ctx context.Context, network, address string, raw syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: limit, ControlContext: control}
	return &http.Transport{
		Proxy:                  nil, // whatever the environment says
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.policy.Roots},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           8,
		IdleConnTimeout:        30 * time.Second,
		ResponseHeaderTimeout:  limit,
		TLSHandshakeTimeout:    limit,
	}
}

// control sees the address that a connection is about to be made to.
func (c *Client) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address: %w", address, err)
	}
	return c.policy.check(to)
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a request. A redirect is an answer like any other; a body of more
// than 1 MiB is an error. Errors name the host, never a path or a query, which
// may be secret.
func (c *Client) Do(req *http.Request) (*Answer, error) {
	if err := c.allowed(req.URL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), limit)
	defer cancel()
	response, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", req.URL.Host, withoutURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, withoutURL(err))
	}
	if len(body) > maxBytes {
		return nil, fmt.Errorf("the answer of %s is longer than %d bytes", req.URL.Host, maxBytes)
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// allowed checks what the URL itself says.
func (c *Client) allowed(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !c.policy.Plain):
		return fmt.Errorf("%s: the URL must begin with https://", u.Host)
	case u.User != nil:
		return fmt.Errorf("%s: a URL must not hold a user or a password", u.Host)
	case u.Hostname() == "":
		return errors.New("the URL names no host")
	}
	// The resolver would turn ::ffff:127.0.0.1 into 127.0.0.1 before control sees it.
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return c.policy.literal(a)
	}
	return nil
}

func (p *Policy) literal(a netip.Addr) error {
	if a.Is4In6() {
		return refused(netip.AddrPortFrom(a, 0), "it is an IPv4 address written as IPv6")
	}
	return nil
}

// withoutURL takes the URL out of an error of net/http.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
