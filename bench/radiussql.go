package main

import (
	"context"
	"database/sql"
	"errors"

	_ "modernc.org/sqlite"
)

// sqlPeople makes the tables of FreeRADIUS's sql module, with its index.
func sqlPeople(ctx context.Context, path string, p people) (err error) {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	for _, table := range []string{"radcheck", "radreply"} {
		for _, statement := range []string{
			"CREATE TABLE " + table + " (id INTEGER PRIMARY KEY, username TEXT NOT NULL, attribute TEXT NOT NULL, op TEXT NOT NULL, value TEXT NOT NULL)",
			"CREATE INDEX " + table + "_username ON " + table + " (username)",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
	}
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
