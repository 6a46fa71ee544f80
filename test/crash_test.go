package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	_ "modernc.org/sqlite"

	"gatehouse/test/stage"
)

// ledger is what servers have acknowledged. Safe for concurrent use.
type ledger struct {
	mu    sync.Mutex
	names []string
}

func (l *ledger) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names = append(l.names, name)
}

func (l *ledger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.names...)
}

// wantGrowth waits until more have been acknowledged, so that a kill hits a
// server at work.
func (l *ledger) wantGrowth(t *testing.T, by int) {
	t.Helper()
	start := len(l.all())
	poll(t, 20*time.Second, func() error {
		if n := len(l.all()) - start; n < by {
			return fmt.Errorf("%d acknowledged, want %d", n, by)
		}
		return nil
	})
}

// load runs workers until the returned function is called, which waits for
// their end.
func load(t *testing.T, workers int, work func(ctx context.Context, worker, n int)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				work(ctx, worker, n)
			}
		})
	}
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// kill ends a daemon with SIGKILL and starts it again.
func (w *world) kill(t *testing.T, name string) {
	t.Helper()
	if err := w.Process(name).Kill(); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// query returns the one text column of a statement, read past the product.
func (w *world) query(t *testing.T, database, statement string) []string {
	t.Helper()
	driver, source := "pgx", database
	if database == "" {
		driver, source = "sqlite", "file:"+filepath.Join(w.Data, "directory.db")+"?mode=ro"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		found = append(found, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// wantAll fails for every acknowledged name that is not found.
func wantAll(t *testing.T, acknowledged, found []string) {
	t.Helper()
	have := make(map[string]bool, len(found))
	for _, name := range found {
		have[name] = true
	}
	lost := 0
	for _, name := range acknowledged {
		if !have[name] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes are lost", lost, len(acknowledged))
	}
	t.Logf("%d acknowledged, %d found", len(acknowledged), len(found))
}

// TestAccountingSurvivesKills kills radiusd 50 times while access points send
// accounting: every record that was acknowledged is in the store.
func TestAccountingSurvivesKills(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.start(t, "radiusd")
		var acknowledged ledger
		stop := load(t, 8, func(ctx context.Context, worker, n int) {
			id := fmt.Sprintf("%d-%d", worker, n)
			if w.account(ctx, id) == nil {
				acknowledged.add(id)
			}
		})
		for range 50 {
			acknowledged.wantGrowth(t, 20)
			w.kill(t, "radiusd")
		}
		stop()
		wantAll(t, acknowledged.all(), w.query(t, database, "SELECT acct_session_id FROM radius_accounting"))
	})
}

// account sends the start of a session; nil means that it was acknowledged.
func (w *world) account(ctx context.Context, id string) error {
	packet := radius.New(radius.CodeAccountingRequest, []byte(w.radiusSecret))
	for _, err := range []error{
		rfc2866.AcctStatusType_Set(packet, rfc2866.AcctStatusType_Value_Start),
		rfc2866.AcctSessionID_SetString(packet, id),
		rfc2865.UserName_SetString(packet, "alice"),
		rfc2865.NASIPAddress_Set(packet, net.IPv4(127, 0, 0, 1)),
	} {
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	client := radius.Client{Retry: 100 * time.Millisecond}
	answer, err := client.Exchange(ctx, packet, w.Acct)
	if err != nil {
		return err
	}
	if answer.Code != radius.CodeAccountingResponse {
		return fmt.Errorf("code %v", answer.Code)
	}
	return nil
}

// TestWritesSurviveKills kills scimd, and `gatehouse serve`, while HR creates
// people: whoever was acknowledged is there, and one who was not can be sent
// again.
func TestWritesSurviveKills(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		for _, name := range []string{"scimd", stage.AllInOne} {
			t.Run(name, func(t *testing.T) {
				w.start(t, name)
				source := hr{base: "http://" + w.SCIM + "/scim/v2", token: w.hrToken, client: w.http(t)}
				var acknowledged ledger
				stop := load(t, 4, func(_ context.Context, worker, n int) {
					user := fmt.Sprintf("%s-%d-%d", name, worker, n)
					if a, err := source.exchange(t, http.MethodPost, "/Users", strings.ReplaceAll(janeBody, "jane", user)); err == nil && a.status == http.StatusCreated {
						acknowledged.add(user)
					}
				})
				for range 10 {
					acknowledged.wantGrowth(t, 10)
					w.kill(t, name)
				}
				stop()
				wantAll(t, acknowledged.all(), w.usernames(t))
			})
		}
	})
}

// usernames is who is in the directory, as the command line lists them.
func (w *world) usernames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, u := range decode[[]struct{ Username string }](t, w.cli(t, "", "user", "list", "--json").Stdout) {
		names = append(names, u.Username)
	}
	return names
}

// TestCommandsSurviveKills kills `gatehouse user add` at any moment: exit code
// 0 means that the user is there, and the store stays usable.
func TestCommandsSurviveKills(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		var acknowledged ledger
		begin := time.Now()
		w.cli(t, "", "user", "add", "the-first")
		usual := time.Since(begin)
		const rounds = 20
		for n := range rounds {
			user := fmt.Sprintf("typed-%d", n)
			ctx, cancel := context.WithTimeout(t.Context(), 3*usual/2*time.Duration(n)/rounds)
			r, err := w.CLI(ctx, "", "user", "add", user)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if err == nil && r.Code == 0 {
				acknowledged.add(user)
			}
		}
		w.cli(t, "", "user", "add", "the-last")
		acknowledged.add("the-last")
		wantAll(t, acknowledged.all(), w.usernames(t))
	})
}

// TestPostgreSQLSurvivesKills kills the database itself under HR's writes.
func TestPostgreSQLSurvivesKills(t *testing.T) {
	w := newWorld(t, newDatabase(t))
	w.start(t, "scimd", "ldapd")
	source := hr{base: "http://" + w.SCIM + "/scim/v2", token: w.hrToken, client: w.http(t)}
	var acknowledged ledger
	stop := load(t, 4, func(_ context.Context, worker, n int) {
		user := fmt.Sprintf("kept-%d-%d", worker, n)
		if a, err := source.exchange(t, http.MethodPost, "/Users", strings.ReplaceAll(janeBody, "jane", user)); err == nil && a.status == http.StatusCreated {
			acknowledged.add(user)
		}
	})
	for range 3 {
		acknowledged.wantGrowth(t, 20)
		if err := shared.postgres.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := shared.postgres.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	acknowledged.wantGrowth(t, 20)
	stop()
	names := w.usernames(t)
	wantAll(t, acknowledged.all(), names)
	poll(t, 10*time.Second, func() error {
		n, err := count(w.reader(t), usersDN, "(uid=*)")
		if err == nil && n != len(names) {
			return fmt.Errorf("LDAP lists %d people, the command line %d", n, len(names))
		}
		return err
	})
}

// TestRefreshSurvivesKills kills the idp while a client rotates its refresh
// token: the client is never locked out by an answer that it did not get.
func TestRefreshSurvivesKills(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.start(t, "idp")
		p := w.newParty(t, "notes")
		w.apply(t, expand(`apps:
  - {slug: notes, name: Notes, oidc: {client_id: notes, client_secret: "$secret", redirect_uris: ["$url/callback"]}}
`, "secret", p.secret, "url", p.url))
		p.discover(t, w.PublicURL+"/application/o/notes/")
		window := w.openBrowser(t).window(t)
		window.open(t, p.url+"/start")
		window.signIn(t, "alice", w.alicePassword)
		window.at(t, p.url)
		var refreshed ledger
		var refusal error
		stop := load(t, 1, func(ctx context.Context, _, n int) {
			a, err := p.refresh(ctx, p.current().Refresh)
			switch {
			case err == nil && a.status == http.StatusOK:
				refreshed.add(fmt.Sprint(n))
			case err == nil && refusal == nil:
				refusal = fmt.Errorf("refresh: %v", a)
			}
		})
		for range 10 {
			refreshed.wantGrowth(t, 3)
			w.kill(t, "idp")
		}
		refreshed.wantGrowth(t, 1)
		stop()
		if refusal != nil {
			t.Error(refusal)
		}
	})
}
