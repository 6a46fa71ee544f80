package main

import (
	"context"
	"database/sql"
	"errors"
	"os"

	_ "modernc.org/sqlite"
)

// sqliteSchema is Debian's, with the tables that FreeRADIUS reads people from and
// the one that it writes accounting to.
const sqliteSchema = "/etc/freeradius/3.0/mods-config/sql/main/sqlite/schema.sql"

// sqlPeople makes the database of FreeRADIUS's sql module. It keeps a write-ahead
// log, as ours does: FreeRADIUS itself would sync two files for each record.
func sqlPeople(ctx context.Context, path string, p people) (err error) {
	schema, err := os.ReadFile(sqliteSchema)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range []string{"PRAGMA journal_mode = WAL", string(schema)} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO radcheck (username, attribute, op, value) VALUES ($1, 'Cleartext-Password', ':=', $2)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range p.count {
		if _, err := insert.ExecContext(ctx, p.name(i), p.password(i)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
