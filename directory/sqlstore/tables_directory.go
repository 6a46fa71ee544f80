package sqlstore

import (
	"gatehouse/directory"
)

// newTx describes every table, on connection c.
func newTx(c *conn) directory.Tx {
	return directory.Tx{
		Users:        usersTable(c),
		Emails:       emailsTable(c),
		LoginNames:   loginNamesTable(c),
		Groups:       groupsTable(c),
		Members:      membersTable(c),
		Nestings:     nestingsTable(c),
		PosixIDs:     posixIDsTable(c),
		Credentials:  credentialsTable(c),
		Grants:       grantsTable(c),
		Activity:     activityTable(c),
		DeletedUsers: deletedUsersTable(c),
		Apps:         appsTable(c),
		Facets:       facetsTable(c),
		Policies:     policiesTable(c),
		Bindings:     bindingsTable(c),
		ExternalIDs:  externalIDsTable(c),
		SCIMSources:  scimSourcesTable(c),
		Clients:      radiusClientsTable(c),
		SigningKeys:  signingKeysTable(c),
		Settings:     settingsTable(c),
		Certificates: certificatesTable(c),
		Sessions:     sessionsTable(c),
		SessionApps:  sessionAppsTable(c),
		Tokens:       tokensTable(c),
		Consents:     consentsTable(c),
		Network:      radiusSessionsTable(c),
		Accounting:   accountingTable(c),
		Failures:     failuresTable(c),
		Jobs:         jobsTable{jobRows(c)},
		Events:       eventsTable{eventRows(c)},
		Chains:       chainsTable(c),
		ChainRoots:   chainRootsTable(c),
		Graph:        graph{c},
		Snapshot:     snapshot{c},
		Feed:         feed{c},
	}
}

func usersTable(c *conn) *table[directory.User, directory.UserQuery] {
	return (&table[directory.User, directory.UserQuery]{
		c: c, name: "users", entity: "user", keys: 1,
		columns: "id uid kind username name_key status expires profile attrs networks source rev epoch created updated deleted_at",
		fields: func(u *directory.User) []field {
			return []field{
				number(&u.ID), text(&u.UID), text(&u.Kind), text(&u.Username), key(&u.NameKey), text(&u.Status),
				micros(&u.Expires), attributes(&u.Profile), attributes(&u.Attrs), list(&u.Networks), text(&u.Source),
				number(&u.Rev), number(&u.Epoch), micros(&u.Created), micros(&u.Updated), micros(&u.DeletedAt),
			}
		},
		where: whereUsers,
	}).ready()
}

func whereUsers(q *directory.UserQuery, s *selection) {
	// Not a parameter: SQLite would compare it with the condition of users_people,
	// and plan the statement again at every use.
	switch q.Kind {
	case "":
		s.always("kind = 'person'")
	case directory.Person, directory.ServiceAccount:
		s.restricted = true
		s.always("kind = '" + string(q.Kind) + "'")
	case directory.AnyKind:
	default:
		s.none = true
	}
	if q.Statuses == nil {
		s.always("status <> 'deleted'")
	}
	anyText(s, "status", "", q.Statuses)
	anyID(s, "id", "", q.IDs)
	anyText(s, "uid", "", q.UIDs)
	anyKey(s, "name_key", q.NameKeys)
	anyText(s, "key", "id IN (SELECT user_id FROM login_names WHERE ?)", q.Logins)
	anyText(s, "address_key", "id IN (SELECT user_id FROM emails WHERE ?)", q.EmailKeys)
	prefix(s, "name_key", q.NamePrefix)
	whereExternal(s, "user", q.ExternalID)
	same(s, "source", q.Source)
	if q.MemberOf != 0 {
		s.where("id IN (SELECT user_id FROM group_users WHERE group_id = ?)", int64(q.MemberOf))
	}
	since(s, "updated", q.Since)
	column := "id"
	switch q.Sort {
	case directory.SortUsername:
		column = "name_key"
	case directory.SortCreated:
		column = "created"
	case directory.SortUpdated:
		column = "updated"
	case directory.SortID:
	}
	s.orderBy(column, "id", q.Desc)
	if q.After != 0 && column == "id" {
		s.afterID("id", int64(q.After), q.Desc)
	}
	s.page(q.Limit, q.Offset)
}

// whereExternal restricts rows to the one that a SCIM source calls ref.
func whereExternal(s *selection, kind string, ref directory.ExternalRef) {
	if ref == (directory.ExternalRef{}) {
		return
	}
	s.restricted = true
	s.always("id IN (SELECT ref FROM external_ids WHERE kind = '" + kind + "' AND source = " +
		s.param(clean(ref.Source)) + " AND external_id = " + s.param(clean(ref.ID)) + ")")
}

// orderBy sorts by column and then by id.
func (s *selection) orderBy(column, id string, desc bool) {
	direction := ""
	if desc {
		direction = " DESC"
	}
	s.order = column + direction
	if column != id {
		s.order += ", " + id + direction
	}
}

// afterID continues behind id in the order of ids.
func (s *selection) afterID(column string, id int64, desc bool) {
	operator := " > "
	if desc {
		operator = " < "
	}
	s.after = column + operator + s.param(id)
}

func emailsTable(c *conn) *table[directory.EmailRow, directory.EmailQuery] {
	return (&table[directory.EmailRow, directory.EmailQuery]{
		c: c, name: "emails", entity: "email", keys: 2,
		columns: "user_id address_key order_ address type verified is_primary source",
		fields: func(e *directory.EmailRow) []field {
			return []field{
				number(&e.User), text(&e.AddressKey), number(&e.Order), text(&e.Address), text(&e.Type),
				flag(&e.Verified), flag(&e.Primary), text(&e.Source),
			}
		},
		where: func(q *directory.EmailQuery, s *selection) {
			anyID(s, "user_id", "", q.Users)
			anyText(s, "address_key", "", q.Keys)
			s.order = "user_id, order_, address_key"
		},
	}).ready()
}

func loginNamesTable(c *conn) *table[directory.LoginName, directory.LoginNameQuery] {
	return (&table[directory.LoginName, directory.LoginNameQuery]{
		c: c, name: "login_names", entity: "login name", keys: 1,
		columns: "key user_id kind held_till held_for",
		fields: func(l *directory.LoginName) []field {
			return []field{text(&l.Key), number(&l.User), text(&l.Kind), micros(&l.HeldTill), text(&l.HeldFor)}
		},
		where: func(q *directory.LoginNameQuery, s *selection) {
			anyText(s, "key", "", q.Keys)
			sameID(s, "user_id", q.User)
			s.order = "key"
		},
	}).ready()
}

func groupsTable(c *conn) *table[directory.Group, directory.GroupQuery] {
	return (&table[directory.Group, directory.GroupQuery]{
		c: c, name: "groups", entity: "group", keys: 1,
		columns: "id uid name name_key attrs source rev created updated",
		fields: func(g *directory.Group) []field {
			return []field{
				number(&g.ID), text(&g.UID), text(&g.Name), key(&g.NameKey), attributes(&g.Attrs), text(&g.Source),
				number(&g.Rev), micros(&g.Created), micros(&g.Updated),
			}
		},
		where: func(q *directory.GroupQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyText(s, "uid", "", q.UIDs)
			anyKey(s, "name_key", q.NameKeys)
			prefix(s, "name_key", q.NamePrefix)
			whereExternal(s, "group", q.ExternalID)
			same(s, "source", q.Source)
			if q.HasUser != 0 {
				s.where("id IN (SELECT group_id FROM group_users WHERE user_id = ?)", int64(q.HasUser))
			}
			since(s, "updated", q.Since)
			column := "id"
			if q.ByName {
				column = "name_key"
			}
			s.orderBy(column, "id", q.Desc)
			if q.After != 0 && !q.ByName {
				s.afterID("id", int64(q.After), q.Desc)
			}
			s.page(q.Limit, q.Offset)
		},
	}).ready()
}

func membersTable(c *conn) *table[directory.Membership, directory.MembershipQuery] {
	return (&table[directory.Membership, directory.MembershipQuery]{
		c: c, name: "group_users", entity: "membership", keys: 3,
		columns: "group_id user_id source starts ends",
		fields:  membershipFields,
		where: func(q *directory.MembershipQuery, s *selection) {
			anyID(s, "group_id", "", q.Groups)
			anyID(s, "user_id", "", q.Users)
			same(s, "source", q.Source)
			if a := q.After; a.Group != 0 || a.User != 0 || a.Source != "" {
				s.after = "(group_id, user_id, source) > (" + s.param(int64(a.Group)) + ", " +
					s.param(int64(a.User)) + ", " + s.param(clean(a.Source)) + ")"
			}
			s.order = "group_id, user_id, source"
			s.page(q.Limit, 0)
		},
	}).ready()
}

func membershipFields(m *directory.Membership) []field {
	return []field{number(&m.Group), number(&m.User), text(&m.Source), micros(&m.Starts), micros(&m.Ends)}
}

func nestingsTable(c *conn) *table[directory.Nesting, directory.NestingQuery] {
	return (&table[directory.Nesting, directory.NestingQuery]{
		c: c, name: "group_groups", entity: "nesting", keys: 3,
		columns: "parent_id child_id source starts ends",
		fields:  nestingFields,
		where: func(q *directory.NestingQuery, s *selection) {
			anyID(s, "parent_id", "", q.Parents)
			anyID(s, "child_id", "", q.Children)
			same(s, "source", q.Source)
			s.order = "parent_id, child_id, source"
		},
	}).ready()
}

func nestingFields(n *directory.Nesting) []field {
	return []field{number(&n.Parent), number(&n.Child), text(&n.Source), micros(&n.Starts), micros(&n.Ends)}
}

func posixIDsTable(c *conn) *table[directory.PosixID, directory.PosixIDQuery] {
	return (&table[directory.PosixID, directory.PosixIDQuery]{
		c: c, name: "posix_ids", entity: "posix number", keys: 1,
		columns: "number owner_uid released",
		fields: func(p *directory.PosixID) []field {
			return []field{number(&p.Number), text(&p.OwnerUID), micros(&p.Released)}
		},
		where: func(q *directory.PosixIDQuery, s *selection) {
			anyText(s, "owner_uid", "", q.Owners)
			anyID(s, "number", "", q.Numbers)
			s.order = "number"
			if q.Highest {
				s.order = "number DESC"
				s.page(1, 0)
			}
		},
	}).ready()
}
