package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"gatehouse/test/stage"
)

// lockdowns is how many people are shut out, one after the other.
const lockdowns = 100

// lockdown measures how long after HR was told that somebody is deactivated their
// bound LDAP connection ends, and that the next attempt is refused at once.
func (r *runner) lockdown(ctx context.Context) error {
	p := newPeople(0)
	dir, err := r.scratch("lockdown")
	if err != nil {
		return err
	}
	g, err := stage.New(dir, r.binaries, "")
	if err != nil {
		return err
	}
	token := p.secret + p.reader
	if err := r.found(ctx, g, []string{fmt.Sprintf(`radius_clients:
  - {name: bench, networks: ["127.0.0.1/32"], secret: %q}
scim_sources:
  - {name: bench, token: %q, writable: [password]}
`, p.radius, token)}, p.secret); err != nil {
		return err
	}
	if err := g.Start(ctx, "ldapd", "radiusd", "scimd"); err != nil {
		return err
	}
	var lags []time.Duration
	entered := 0
	for i := range lockdowns {
		lag, in, err := shutOut(ctx, g, p, token, i)
		if err != nil {
			return fmt.Errorf("person %d: %w", i, err)
		}
		lags, entered = append(lags, lag), entered+in
	}
	slices.Sort(lags)
	r.table.add(section{
		title: "Deactivation",
		note:  fmt.Sprintf("%d people with a bound LDAP connection, deactivated by SCIM one after the other; three separate daemons on SQLite.", lockdowns),
		lines: []line{
			{
				server: "from the answer of SCIM to the end of the LDAP connection, p50 / p99", target: "p99 ≤ 1 s",
				fact: fmt.Sprintf("%s / %s", micros(lags[len(lags)/2]), micros(lags[len(lags)*99/100])),
			},
			{server: "let in afterwards, at LDAP or RADIUS", fact: fmt.Sprintf("%d of %d attempts", entered, 2*lockdowns), target: "0"},
		},
	})
	return g.Stop("scimd", "radiusd", "ldapd")
}

// shutOut creates somebody, binds as them, deactivates them, and returns how long
// the connection outlived the answer and how many of two later attempts got in.
func shutOut(ctx context.Context, g *stage.Gatehouse, p people, token string, i int) (lag time.Duration, entered int, err error) {
	url := "http://" + g.SCIM + "/scim/v2/Users"
	name := fmt.Sprintf("leaver%03d", i)
	id, err := scim(ctx, http.MethodPost, url, token, fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"password":%q}`, name, p.secret))
	if err != nil {
		return 0, 0, err
	}
	dn := "uid=" + name + "," + usersDN
	conn, err := dialLDAP(g.LDAP, dn, p.secret)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	ended := make(chan time.Time, 1)
	go func() {
		_, _ = io.Copy(io.Discard, conn) // the notice, and the end
		ended <- time.Now()
	}()
	if _, err := scim(ctx, http.MethodPatch, url+"/"+id, token,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`); err != nil {
		return 0, 0, err
	}
	answered := time.Now()
	if again, err := dialLDAP(g.LDAP, dn, p.secret); err == nil {
		entered++
		_ = again.Close()
	}
	in, err := accepted(g.Auth, p.radius, name, p.secret)
	if err != nil {
		return 0, 0, err
	}
	if in {
		entered++
	}
	select {
	case at := <-ended:
		return max(at.Sub(answered), 0), entered, nil
	case <-time.After(10 * time.Second):
		return 0, 0, errors.New("the connection was still open after 10 s")
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
}

// accepted reports whether an access point gets an Access-Accept for somebody.
func accepted(addr, secret, name, password string) (bool, error) {
	conn, err := dialNAS("", addr)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	request := papRequest(1, secret, name, password, "")
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false, err
	}
	if _, err := conn.Write(request); err != nil {
		return false, err
	}
	n, err := conn.Read(conn.buf[:])
	if err != nil {
		return false, fmt.Errorf("no answer: %w", err)
	}
	return n > 0 && conn.buf[0] == accessAccept, nil
}
