package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// connectLimit is how long a server may take to answer a new connection.
const connectLimit = 2 * time.Second

// postgresFiles is a PostgreSQL database, or one that speaks its protocol.
type postgresFiles struct {
	cfg  *pgx.ConnConfig
	name string // for messages, without secrets
}

func postgresDialect(raw string) (*dialect, error) {
	cfg, err := pgx.ParseConfig(raw)
	if err != nil {
		// pgx's message quotes the URL, with its password.
		return nil, badURL("it is not a PostgreSQL connection URL")
	}
	cfg.ConnectTimeout = connectLimit
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "gatehouse"
	}
	return &dialect{
		locks: locks{
			view: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", update: "BEGIN ISOLATION LEVEL READ COMMITTED",
			suffix: " FOR UPDATE",
		},
		in: func(column, param string, list any) (string, any) {
			return column + " = ANY (" + param + ")", list
		},
		load:     postgresCopy,
		rowKey:   "BIGINT",
		param:    func(n int) string { return "$" + strconv.Itoa(n) },
		classify: classifyPostgres,
		files:    &postgresFiles{cfg: cfg, name: withoutSecrets(raw)},
	}, nil
}

// postgresCopy loads rows by COPY on the connection's own transaction.
func postgresCopy(ctx context.Context, dc driver.Conn, table string, columns []string, rows [][]any) error {
	_, err := dc.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

// classifyPostgres reads SQLSTATE (PostgreSQL, appendix A).
func classifyPostgres(err error) verdict {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == "23505":
			return verdict{fault: faultUnique, column: pg.ConstraintName}
		case pg.Code == "40001", pg.Code == "40P01":
			return verdict{fault: faultRetry}
		case strings.HasPrefix(pg.Code, "08"), // connection
			strings.HasPrefix(pg.Code, "53"), // resources, too many connections
			strings.HasPrefix(pg.Code, "57"), // shutdown, starting up, cancelled
			strings.HasPrefix(pg.Code, "58"), // the system around it
			pg.Code == "25006",               // a standby: read-only
			pg.Code == "55P03":               // lock timeout
			return verdict{fault: faultUnavailable}
		}
		return verdict{}
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "conn closed") {
		return verdict{fault: faultUnavailable}
	}
	return verdict{}
}

func (f *postgresFiles) remote() bool { return true }

func (f *postgresFiles) catalogue() string {
	return "SELECT count(*) FROM information_schema.tables" +
		" WHERE table_schema = current_schema() AND table_name = 'schema_version'"
}

// create does nothing: the operator makes the database.
func (f *postgresFiles) create(context.Context) error { return nil }

func (f *postgresFiles) open(ctx context.Context) (*sql.DB, error) {
	db := stdlib.OpenDB(*f.cfg, stdlib.OptionAfterConnect(settings))
	db.SetMaxIdleConns(-1) // the store keeps its own
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		var pg *pgconn.PgError
		if errors.As(err, &pg) && (pg.Code == "28P01" || pg.Code == "28000" || pg.Code == "3D000") {
			return nil, &directory.Error{
				Kind: directory.Invalid, Entity: "configuration", Field: "database.url", Msg: f.name + ": " + pg.Message,
			}
		}
		return nil, unavailable("connect to "+f.name, err)
	}
	return db, nil
}

// settings prepares a new connection. An engine that speaks the protocol but
// lacks a setting is not refused for it.
func settings(ctx context.Context, c *pgx.Conn) error {
	for _, s := range [][2]string{
		{"lock_timeout", "5s"},
		// A writer that died without a word must not keep the feed locked.
		{"idle_in_transaction_session_timeout", "60s"},
		// Without statistics, on a new store, compiling a query takes 1,000 times
		// as long as running it.
		{"jit", "off"},
	} {
		_, err := c.Exec(ctx, "SELECT set_config($1, $2, false)", s[0], s[1])
		var pg *pgconn.PgError
		if err != nil && !errors.As(err, &pg) {
			return err
		}
	}
	return nil
}

// lock does nothing: the feed's row orders the writers of all hosts.
func (f *postgresFiles) lock(context.Context) (func(), error) { return func() {}, nil }

func (f *postgresFiles) close() error { return nil }
