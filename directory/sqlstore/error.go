package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/directory"
)

// fault is what a database error means for us.
type fault int

const (
	faultOther       fault = iota
	faultUnique            // a unique value is taken
	faultRetry             // the transaction lost a race and may run again
	faultUnavailable       // the database cannot be reached, is full or is locked
)

// verdict is a classified database error. column is "table.column" or a
// constraint's name, with faultUnique.
type verdict struct {
	fault  fault
	column string
}

// retryable marks an error after which the whole transaction may run again.
type retryable struct{ error }

func (r retryable) Unwrap() error { return r.error }

// fail turns a driver's error into the store's. doing says what was being done.
func (d *dialect) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *directory.Error
	if errors.As(err, &known) {
		return err
	}
	v := d.classify(err)
	switch v.fault {
	case faultUnique:
		entity, field := constraintField(v.column)
		return &directory.Error{
			Kind: directory.Exists, Entity: entity, Field: field,
			Msg: "the value is taken", Err: fmt.Errorf("%s: %w", doing, err),
		}
	case faultRetry:
		return retryable{unavailable(doing, err)}
	case faultUnavailable:
		return unavailable(doing, err)
	case faultOther:
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return unavailable(doing, err)
	}
	return &directory.Error{Kind: directory.Internal, Err: fmt.Errorf("%s: %w", doing, err)}
}

func unavailable(doing string, err error) error {
	return &directory.Error{
		Kind: directory.Unavailable, Msg: "the directory store is not available",
		Err: fmt.Errorf("%s: %w", doing, err),
	}
}

func internal(format string, args ...any) error {
	return &directory.Error{Kind: directory.Internal, Err: fmt.Errorf(format, args...)}
}

// constraintField names the entity and field of a unique constraint, given as
// SQLite ("users.name_key") or as PostgreSQL ("users_name_key_key") calls it.
func constraintField(name string) (entity, field string) {
	for _, c := range []struct{ lite, pg, entity, field string }{
		{"users.name_key", "users_name_key_key", "user", "username"},
		{"users.uid", "users_uid_key", "user", "uid"},
		{"login_names.key", "login_names_pkey", "user", "username"},
		{"emails.user_id", "emails_pkey", "user", "emails"},
		{"groups.name_key", "groups_name_key_key", "group", "name"},
		{"groups.uid", "groups_uid_key", "group", "uid"},
		{"group_users.group_id", "group_users_pkey", "group", "members"},
		{"group_groups.parent_id", "group_groups_pkey", "group", "groups"},
		{"posix_ids.number", "posix_ids_pkey", "user", "uid_number"},
		{"credentials.lookup", "credentials_lookup_key", "credential", "lookup"},
		{"apps.slug", "apps_slug_key", "app", "slug"},
		{"facets.protocol", "facets_key_key", "app", "key"},
		{"policies.name", "policies_name_key", "policy", "name"},
		{"radius_clients.name", "radius_clients_name_key", "radius client", "name"},
		{"scim_sources.name", "scim_sources_name_key", "scim source", "name"},
		{"external_ids.source", "external_ids_pkey", "user", "external_id"},
		{"jobs.key", "jobs_key_key", "job", "key"},
		{"settings.name", "settings_pkey", "setting", "name"},
	} {
		if name == c.lite || name == c.pg {
			return c.entity, c.field
		}
	}
	return "", name
}
