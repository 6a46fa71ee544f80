package directory_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/sqlstore"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// auditors is a store with several daemons, and somebody who changes it behind
// their backs.
type auditors struct {
	t       *testing.T
	cfg     sqlstore.Config
	keys    directory.Keys
	clock   *directorytest.Clock
	db      *sql.DB
	mu      sync.Mutex
	sent    bytes.Buffer // checkpoints that left the machine
	daemons map[string]*auditor
}

// auditor is one process.
type auditor struct {
	*directory.Directory
	store  directory.Store
	linker *directory.ChainLinker
}

// Deliver is directory.Courier.
func (a *auditors) Deliver(_ context.Context, events []directory.Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range events {
		line, err := e.Line()
		if err != nil {
			return err
		}
		a.sent.Write(line)
	}
	return nil
}

func newAuditors(t *testing.T, cfg sqlstore.Config) *auditors {
	a := &auditors{t: t, cfg: cfg, keys: directorytest.Keys(t), clock: directorytest.NewClock(), daemons: map[string]*auditor{}}
	a.cfg.Now = a.clock.Now
	driver, url := "pgx", cfg.URL
	if strings.HasPrefix(url, "sqlite:") {
		driver, url = "sqlite", "file:"+cfg.DataDir+"/directory.db?_pragma=busy_timeout(5000)"
	}
	var err error
	if a.db, err = sql.Open(driver, url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.db.Close() })
	return a
}

// open starts a process.
func (a *auditors) open(daemon string) *auditor {
	a.t.Helper()
	linker, err := directory.NewLinker(a.keys, daemon, "Host")
	if err != nil {
		a.t.Fatal(err)
	}
	cfg := a.cfg
	cfg.Linker = linker
	store := directorytest.Open(a.t, cfg)
	d := directorytest.Join(a.t, store, a.keys, func(c *directory.Config) {
		c.Now, c.Daemon, c.Instance, c.Checkpoints, c.AuditKeep = a.clock.Now, daemon, "Host", a, 24*time.Hour
	})
	if daemon != "cli" {
		if err := d.Started(a.t.Context(), "1"); err != nil {
			a.t.Fatal(err)
		}
		linker.Forget()
	}
	p := &auditor{d, store, linker}
	a.daemons[daemon] = p
	return p
}

// write appends n events.
func (a *auditors) write(daemon string, n int) {
	a.t.Helper()
	if err := a.daemons[daemon].write(a.t.Context(), a.clock.Now(), n); err != nil {
		a.t.Fatal(err)
	}
}

func (p *auditor) write(ctx context.Context, at time.Time, n int) error {
	return p.store.Record(ctx, func(tx *directory.Tx) error {
		events := make([]directory.Event, n)
		for i := range events {
			events[i] = directory.Event{
				At: at, Actor: "person:eve", Via: "ldap", IP: "192.0.2.1", Verb: "authenticate", Entity: "user", Ref: 7, Name: "eve",
				Outcome: "deny", Reason: directory.ReasonWrongPassword, App: "wiki", Detail: fmt.Appendf(nil, `{"device":"%d <b>"}`, i),
			}
		}
		return tx.Events.Insert(events...)
	})
}

func (a *auditors) exec(statements ...string) {
	a.t.Helper()
	for _, s := range statements {
		if _, err := a.db.ExecContext(a.t.Context(), s); err != nil {
			a.t.Fatalf("%s: %v", s, err)
		}
	}
}

func (a *auditors) checkpoint(daemon string) {
	a.t.Helper()
	if err := a.daemons[daemon].Checkpoint(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// verify returns the problems and notices, one a line.
func (a *auditors) verify(lines string) string {
	a.t.Helper()
	var in *strings.Reader
	report, err := directory.AuditReport{}, error(nil)
	if lines == "" {
		report, err = a.daemons["cli"].VerifyAudit(a.t.Context(), directorytest.Operator(), nil)
	} else {
		in = strings.NewReader(lines)
		report, err = a.daemons["cli"].VerifyAudit(a.t.Context(), directorytest.Operator(), in)
	}
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, p := range report.Problems {
		fmt.Fprintln(&b, p)
	}
	for _, n := range report.Notices {
		fmt.Fprintln(&b, "notice: "+n)
	}
	return b.String()
}

// away waits for the checkpoints that were sent and returns them.
func (a *auditors) away(n int) string {
	a.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		text := a.sent.String()
		a.mu.Unlock()
		if strings.Count(text, "\n") >= n {
			return text
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("%d checkpoints were sent, want %d", strings.Count(text, "\n"), n)
		}
	}
}

func onEngines(t *testing.T, fn func(t *testing.T, cfg sqlstore.Config)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, directorytest.SQLiteConfig(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, directorytest.PostgresConfig(t)) })
}

// history is three hours of two daemons and a command line. ldapd: 1 start,
// 2-5, 6 close, 7-9, 10 close, 11-12; idp: 1 start, 2 close, 3 checkpoint.
func history(t *testing.T, cfg sqlstore.Config) *auditors {
	t.Helper()
	a := newAuditors(t, cfg)
	a.open("cli")
	a.write("cli", 1)
	a.open("ldapd")
	a.open("idp")
	a.write("ldapd", 4)
	a.clock.Advance(61 * time.Minute)
	a.write("ldapd", 3)
	a.clock.Advance(61 * time.Minute)
	a.checkpoint("idp")
	a.write("ldapd", 2)
	return a
}

// TestTampering changes a store behind the back of its daemons, without their
// keys, in every way there is.
func TestTampering(t *testing.T) {
	onEngines(t, func(t *testing.T, cfg sqlstore.Config) {
		a := history(t, cfg)
		away := a.away(3)
		for _, table := range []string{"audit", "audit_chains", "audit_roots"} {
			a.exec("CREATE TABLE saved_" + table + " AS SELECT * FROM " + table)
		}
		if got := a.verify(""); got != "" {
			t.Fatalf("before: %s", got)
		}
		if got := a.verify(away); got != "" {
			t.Fatalf("before, with checkpoints: %s", got)
		}
		for _, tt := range tamperings() {
			t.Run(tt.name, func(t *testing.T) {
				a.t = t
				a.exec(tt.statements...)
				lines := ""
				if tt.outside {
					if got := a.verify(""); got != "" {
						t.Errorf("found without the checkpoints, so that they are not tested: %s", got)
					}
					lines = away
				}
				if got := a.verify(lines); !strings.Contains(got, tt.want) {
					t.Errorf("verify says %q, want %q", got, tt.want)
				}
				for _, table := range []string{"audit", "audit_chains", "audit_roots"} {
					a.exec("DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM saved_"+table)
				}
			})
		}
	})
}

type tampering struct {
	name       string
	statements []string
	want       string
	outside    bool // only what left the machine shows it
}

func tamperings() []tampering {
	const ldapd = " WHERE chain = 'ldapd@host'"
	out := []tampering{
		{name: "deleted", statements: []string{"DELETE FROM audit" + ldapd + " AND n = 4"}, want: "ldapd@host: event 4 is missing before event 5 "},
		{name: "some deleted", statements: []string{"DELETE FROM audit" + ldapd + " AND n IN (3, 4)"}, want: "events 3 to 4 are missing"},
		{name: "the first deleted", statements: []string{"DELETE FROM audit" + ldapd + " AND n = 1"}, want: "event 1 is missing"},
		{name: "cut off", statements: []string{"DELETE FROM audit" + ldapd + " AND n >= 11"}, want: "events 11 to 12 are missing from its end"},
		{
			name: "cut off with the record", want: "the record of its end, number 11, was changed",
			statements: []string{
				"DELETE FROM audit" + ldapd + " AND n = 12",
				"UPDATE audit_chains SET n = 11, link = (SELECT link FROM audit" + ldapd + " AND n = 11)" + ldapd,
			},
		},
		{name: "moved", want: "event 4 (", statements: []string{
			"UPDATE audit SET n = 100" + ldapd + " AND n = 4", "UPDATE audit SET n = 4" + ldapd + " AND n = 5",
			"UPDATE audit SET n = 5" + ldapd + " AND n = 100",
		}},
		{name: "put in", want: "event 13 (", statements: []string{
			"INSERT INTO audit SELECT id + 1000000000, at, actor, via, ip, verb, entity, ref, name, outcome, reason, app, count, detail," +
				" chain, 13, segment, previous, link FROM audit" + ldapd + " AND n = 12", "UPDATE audit_chains SET n = 13" + ldapd,
		}},
		{name: "behind the end", want: "behind number 12", statements: []string{
			"INSERT INTO audit SELECT id + 1000000000, at, actor, via, ip, verb, entity, ref, name, outcome, reason, app, count, detail," +
				" chain, 13, segment, previous, link FROM audit" + ldapd + " AND n = 12",
		}},
		{name: "events of a chain", statements: []string{"DELETE FROM audit" + ldapd}, want: "all its events, up to number 12, are missing"},
		{name: "the record of a chain", statements: []string{"DELETE FROM audit_chains" + ldapd}, want: "the record of the chain's end is missing"},
		{name: "a chain but its root", statements: []string{"DELETE FROM audit" + ldapd, "DELETE FROM audit_chains" + ldapd}, want: "ldapd@host: the chain is missing"},
		{
			name: "a chain", want: "ldapd@host: the checkpoint that is event 3 of idp@host says that the chain had reached event 9",
			statements: []string{"DELETE FROM audit" + ldapd, "DELETE FROM audit_chains" + ldapd, "DELETE FROM audit_roots" + ldapd},
		},
		{
			name: "every chain but the CLI's", want: "idp@host: line 2 of the checkpoints, event 1, is of a chain that is not there", outside: true,
			statements: []string{
				"DELETE FROM audit WHERE chain <> 'cli@host'", "DELETE FROM audit_chains WHERE chain <> 'cli@host'",
				"DELETE FROM audit_roots WHERE chain <> 'cli@host'",
			},
		},
		{name: "the root", statements: []string{"DELETE FROM audit_roots" + ldapd}, want: "the chain has no key for its hour"},
		{name: "another's root", want: "ldapd@host: the root of its keys was changed", statements: []string{
			"UPDATE audit_roots SET sealed = (SELECT sealed FROM audit_roots WHERE chain = 'idp@host')" + ldapd,
		}},
		{name: "a stub", want: "was not written by a daemon", statements: []string{
			"DELETE FROM audit" + ldapd + " AND n <= 6",
			"UPDATE audit_chains SET stub_n = 6, stub_segment = 2, stub_cut = 1, stub_mac = mac, stub_link = (SELECT previous FROM audit" + ldapd + " AND n = 7)" + ldapd,
		}},
		{name: "a segment of a century", statements: []string{"UPDATE audit SET segment = 1000000000000" + ldapd + " AND n = 5"}, want: "event 5 ("},
	}
	for _, column := range []string{"actor", "via", "ip", "verb", "entity", "name", "outcome", "reason", "app", "detail"} {
		out = append(out, tampering{
			name: "edited " + column, statements: []string{"UPDATE audit SET " + column + " = '{}'" + ldapd + " AND n = 5"},
			want: "ldapd@host: event 5 (",
		})
	}
	for _, column := range []string{"at", "ref", "count", "segment"} {
		out = append(out, tampering{
			name: "edited " + column, statements: []string{"UPDATE audit SET " + column + " = " + column + " + 1" + ldapd + " AND n = 5"},
			want: "ldapd@host: event 5 (",
		})
	}
	for _, column := range []string{"previous", "link"} {
		out = append(out, tampering{
			name: "edited " + column, want: "ldapd@host: event 5 (",
			statements: []string{"UPDATE audit SET " + column + " = (SELECT link FROM audit" + ldapd + " AND n = 2)" + ldapd + " AND n = 5"},
		})
	}
	return out
}
