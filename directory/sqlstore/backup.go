package sqlstore

import (
	"context"
	"io"
)

func (f *sqliteFiles) backup(ctx context.Context, c *conn, w io.Writer) error { return nil }
func (f *sqliteFiles) restore(ctx context.Context, r io.Reader, finish func(context.Context, *conn) error) error {
	return nil
}
func (f *postgresFiles) backup(ctx context.Context, c *conn, w io.Writer) error { return nil }
func (f *postgresFiles) restore(ctx context.Context, r io.Reader, finish func(context.Context, *conn) error) error {
	return nil
}
