package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatehouse/test/stage"
)

// changes is how many changes are followed into the projection.
const changes = 300

// askAgain is how long a client that does not see a change yet waits before it
// asks again: without a pause it would measure how the searches themselves keep
// the processors from everything else.
const askAgain = 200 * time.Microsecond

// projection loads a very large directory into ldapd, from SQLite and from
// PostgreSQL.
func (r *runner) projection(ctx context.Context) error {
	dir, err := r.scratch("projection")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	postgres, err := stage.NewPostgres(ctx, dir)
	if err != nil {
		return err
	}
	url, err := postgres.Database(ctx, "gatehouse")
	if err != nil {
		return errors.Join(err, postgres.Stop())
	}
	c, err := newCrowd(r.million)
	if err != nil {
		return errors.Join(err, postgres.Stop())
	}
	var lines []line
	for _, engine := range []struct{ name, url string }{{"SQLite", ""}, {"PostgreSQL", url}} {
		got, err := r.project(ctx, filepath.Join("projection", engine.name), engine.url, c)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", engine.name, err), postgres.Stop())
		}
		for _, l := range got {
			l.server = engine.name + ": " + l.server
			lines = append(lines, l)
		}
	}
	r.table.add(section{
		title: "Projection", lines: lines,
		note: fmt.Sprintf("%d people with %d attributes, %d groups, %d memberships.", c.count, crowdAttributes, c.groups, c.count*teams),
	})
	return postgres.Stop()
}

// foundCrowd makes an installation that a crowd can be loaded into.
func (r *runner) foundCrowd(ctx context.Context, name, url string, c crowd) (*stage.Gatehouse, error) {
	dir, err := r.scratch(name)
	if err != nil {
		return nil, err
	}
	g, err := stage.New(dir, r.binaries, url)
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("scim_sources:\n  - {name: bench, token: %q}\n", c.token())
	return g, r.found(ctx, g, []string{c.accounts() + source}, c.secret)
}

// token is what the SCIM source presents.
func (c crowd) token() string { return c.secret + c.reader }

// project measures one engine.
func (r *runner) project(ctx context.Context, name, url string, c crowd) ([]line, error) {
	g, err := r.foundCrowd(ctx, name, url, c)
	if err != nil {
		return nil, err
	}
	empty, err := settledAfterStart(ctx, g)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := c.load(ctx, g, url); err != nil {
		return nil, fmt.Errorf("load the store: %w", err)
	}
	stored := time.Since(begin)
	begin = time.Now()
	if err := g.StartWithin(ctx, 10*time.Minute, "ldapd"); err != nil {
		return nil, err
	}
	ready := time.Since(begin)
	loading, err := g.Process("ldapd").CPU()
	if err != nil {
		return nil, err
	}
	full, err := settled(ctx, g.Process("ldapd"))
	if err != nil {
		return nil, err
	}
	lines := []line{
		{server: "writing the store", fact: fmt.Sprintf("%.0f s", stored.Seconds())},
		{server: "ldapd, from its start to ready", fact: fmt.Sprintf("%.1f s (%.1f s of processor time)", ready.Seconds(), loading.Seconds()), target: "≤ 20 s"},
		{server: "ldapd, RSS", fact: mebibytes(full)},
		{server: "RSS above an empty ldapd, per person", fact: fmt.Sprintf("%d bytes", (full-empty)/int64(c.count))},
	}
	if err := g.Start(ctx, "scimd"); err != nil {
		return nil, err
	}
	lags, err := follow(ctx, g, c)
	if err != nil {
		return nil, err
	}
	lines = append(lines, line{
		server: "a change, from the answer of SCIM to LDAP search, p50 / p99", target: "p99 ≤ 100 ms",
		fact: fmt.Sprintf("%s / %s", micros(lags[len(lags)/2]), micros(lags[len(lags)*99/100])),
	})
	if url == "" {
		r.loaded, r.crowd = g, c
	}
	return lines, g.Stop("scimd", "ldapd")
}

// settledAfterStart is the RSS of ldapd with next to nobody in the directory.
func settledAfterStart(ctx context.Context, g *stage.Gatehouse) (int64, error) {
	if err := g.Start(ctx, "ldapd"); err != nil {
		return 0, err
	}
	rss, err := settled(ctx, g.Process("ldapd"))
	return rss, errors.Join(err, g.Stop("ldapd"))
}

// follow creates a person over SCIM, changes the title many times and returns
// how long each change took to show up in a search, sorted.
func follow(ctx context.Context, g *stage.Gatehouse, c crowd) ([]time.Duration, error) {
	token := c.token()
	url := "http://" + g.SCIM + "/scim/v2/Users"
	id, err := scim(ctx, http.MethodPost, url, token, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"followed"}`)
	if err != nil {
		return nil, err
	}
	conn, err := dialLDAP(g.LDAP, readerDN, c.reader)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var lags []time.Duration
	for i := range changes {
		title := fmt.Sprintf("title-%d", i)
		body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":%q}]}`, title)
		if _, err := scim(ctx, http.MethodPatch, url+"/"+id, token, body); err != nil {
			return nil, err
		}
		answered := time.Now()
		request := searchRequest(usersDN, subtree, tlv(tagAnd, equals("uid", "followed"), equals("title", title)))
		for found := 0; found == 0; {
			if found, _, err = conn.roundTrip(request); err != nil {
				return nil, err
			}
			if time.Since(answered) > 10*time.Second {
				return nil, fmt.Errorf("change %d is not visible after 10 s", i)
			}
			time.Sleep(askAgain)
		}
		lags = append(lags, time.Since(answered))
	}
	slices.Sort(lags)
	return lags, nil
}

// scim sends one request and returns the id in the answer.
func scim(ctx context.Context, method, url, token, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return idOf(resp)
}
