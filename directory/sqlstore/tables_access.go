package sqlstore

import "gatehouse/directory"

func credentialsTable(c *conn) *table[directory.Credential, directory.CredentialQuery] {
	return (&table[directory.Credential, directory.CredentialQuery]{
		c: c, name: "credentials", entity: "credential", keys: 1,
		columns: "id user_id kind label version verifier sealed lookup params app_id protocol created last_used expires",
		fields: func(r *directory.Credential) []field {
			return []field{
				number(&r.ID), number(&r.User), text(&r.Kind), text(&r.Label), number(&r.Version), text(&r.Verifier),
				blob(&r.Sealed), blob(&r.Lookup), rawJSON(&r.Params), number(&r.App), text(&r.Protocol),
				micros(&r.Created), micros(&r.LastUsed), micros(&r.Expires),
			}
		},
		where: func(q *directory.CredentialQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyID(s, "user_id", "", q.Users)
			anyText(s, "kind", "", q.Kinds)
			sameBytes(s, "lookup", q.Lookup)
			if q.Sealed {
				s.always("sealed IS NOT NULL")
			}
			s.order = "user_id, id"
		},
	}).ready()
}

func grantsTable(c *conn) *table[directory.Grant, directory.GrantQuery] {
	return (&table[directory.Grant, directory.GrantQuery]{
		c: c, name: "grants", entity: "grant", keys: 2,
		columns: "user_id right_ expires",
		fields: func(r *directory.Grant) []field {
			return []field{number(&r.User), text(&r.Right), micros(&r.Expires)}
		},
		where: func(q *directory.GrantQuery, s *selection) {
			anyID(s, "user_id", "", q.Users)
			same(s, "right_", q.Right)
			s.order = "user_id, right_"
		},
	}).ready()
}

func activityTable(c *conn) *table[directory.Activity, directory.ActivityQuery] {
	return (&table[directory.Activity, directory.ActivityQuery]{
		c: c, name: "activity", entity: "activity", keys: 1,
		columns: "user_id last_login",
		fields: func(r *directory.Activity) []field {
			return []field{number(&r.User), micros(&r.LastLogin)}
		},
		where: func(q *directory.ActivityQuery, s *selection) {
			anyID(s, "user_id", "", q.Users)
			s.order = "user_id"
		},
	}).ready()
}

func deletedUsersTable(c *conn) *table[directory.DeletedUser, directory.DeletedUserQuery] {
	return (&table[directory.DeletedUser, directory.DeletedUserQuery]{
		c: c, name: "deleted_users", entity: "deleted user", keys: 1,
		columns: "user_id kept deleted",
		fields: func(r *directory.DeletedUser) []field {
			return []field{number(&r.User), rawJSON(&r.Rows), micros(&r.Deleted)}
		},
		where: func(q *directory.DeletedUserQuery, s *selection) {
			anyID(s, "user_id", "", q.Users)
			before(s, "deleted", q.Before)
			s.order = "deleted, user_id"
			s.page(q.Limit, 0)
		},
	}).ready()
}

func appsTable(c *conn) *table[directory.App, directory.AppQuery] {
	return (&table[directory.App, directory.AppQuery]{
		c: c, name: "apps", entity: "app", keys: 1,
		columns: "id uid slug name launch_url policy_mode require builtin source rev created updated",
		fields: func(r *directory.App) []field {
			return []field{
				number(&r.ID), text(&r.UID), text(&r.Slug), text(&r.Name), text(&r.LaunchURL), text(&r.PolicyMode),
				list(&r.Require), flag(&r.Builtin), text(&r.Source), number(&r.Rev), micros(&r.Created), micros(&r.Updated),
			}
		},
		where: func(q *directory.AppQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyText(s, "uid", "", q.UIDs)
			anyText(s, "slug", "", q.Slugs)
			s.order = "slug"
		},
	}).ready()
}

func facetsTable(c *conn) *table[directory.Facet, directory.FacetQuery] {
	return (&table[directory.Facet, directory.FacetQuery]{
		c: c, name: "facets", entity: "facet", keys: 1,
		columns: "id app_id protocol key config secret rev",
		fields: func(r *directory.Facet) []field {
			return []field{
				number(&r.ID), number(&r.App), text(&r.Protocol), text(&r.Key), rawJSON(&r.Config),
				blob(&r.Secret), number(&r.Rev),
			}
		},
		where: func(q *directory.FacetQuery, s *selection) {
			anyID(s, "app_id", "", q.Apps)
			same(s, "protocol", q.Protocol)
			same(s, "key", q.Key)
			s.order = "app_id, protocol, id"
		},
	}).ready()
}

func policiesTable(c *conn) *table[directory.Policy, directory.PolicyQuery] {
	return (&table[directory.Policy, directory.PolicyQuery]{
		c: c, name: "policies", entity: "policy", keys: 1,
		columns: "id uid name rule ready message source rev created updated",
		fields: func(r *directory.Policy) []field {
			return []field{
				number(&r.ID), text(&r.UID), text(&r.Name), text(&r.Rule), optional(&r.Ready), text(&r.Message),
				text(&r.Source), number(&r.Rev), micros(&r.Created), micros(&r.Updated),
			}
		},
		where: func(q *directory.PolicyQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyText(s, "name", "", q.Names)
			s.order = "name"
		},
	}).ready()
}

func bindingsTable(c *conn) *table[directory.Binding, directory.BindingQuery] {
	return (&table[directory.Binding, directory.BindingQuery]{
		c: c, name: "bindings", entity: "binding", keys: 1,
		columns: "id app_id kind ref_id ref_name order_ negate disabled",
		fields: func(r *directory.Binding) []field {
			return []field{
				number(&r.ID), number(&r.App), text(&r.Kind), number(&r.Ref), text(&r.RefName), number(&r.Order),
				flag(&r.Negate), flag(&r.Disabled),
			}
		},
		where: func(q *directory.BindingQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyID(s, "app_id", "", q.Apps)
			same(s, "kind", q.Kind)
			sameID(s, "ref_id", q.Ref)
			s.order = "app_id, order_, id"
		},
	}).ready()
}

func sessionsTable(c *conn) *table[directory.Session, directory.SessionQuery] {
	return (&table[directory.Session, directory.SessionQuery]{
		c: c, name: "sessions", entity: "session", keys: 1,
		columns: "hash user_id epoch auth_time factors ip user_agent created last_seen idle_until expires revoked",
		fields: func(r *directory.Session) []field {
			return []field{
				blob(&r.Hash), number(&r.User), number(&r.Epoch), micros(&r.AuthTime), list(&r.Factors), text(&r.IP),
				text(&r.UserAgent), micros(&r.Created), micros(&r.LastSeen), micros(&r.IdleUntil), micros(&r.Expires),
				micros(&r.Revoked),
			}
		},
		where: func(q *directory.SessionQuery, s *selection) {
			anyBytes(s, "hash", q.Hashes)
			sameID(s, "user_id", q.User)
			if !q.LiveAt.IsZero() {
				at := stamp(q.LiveAt)
				s.where("revoked = 0 AND (expires = 0 OR expires > ?)", at)
				s.where("(idle_until = 0 OR idle_until > ?)", at)
			}
			if !q.DeadBefore.IsZero() {
				p := s.param(stamp(q.DeadBefore))
				s.restricted = true
				s.always("((expires <> 0 AND expires < " + p + ") OR (idle_until <> 0 AND idle_until < " + p +
					") OR (revoked <> 0 AND revoked < " + p + "))")
			}
			s.order = "created DESC, hash"
			s.page(q.Limit, 0)
		},
	}).ready()
}

func sessionAppsTable(c *conn) *table[directory.SessionApp, directory.SessionAppQuery] {
	return (&table[directory.SessionApp, directory.SessionAppQuery]{
		c: c, name: "session_apps", entity: "session", keys: 2,
		columns: "session app_id sid created",
		fields: func(r *directory.SessionApp) []field {
			return []field{blob(&r.Session), number(&r.App), text(&r.SID), micros(&r.Created)}
		},
		where: func(q *directory.SessionAppQuery, s *selection) {
			anyBytes(s, "session", q.Sessions)
			same(s, "sid", q.SID)
			s.order = "session, app_id"
		},
	}).ready()
}

func tokensTable(c *conn) *table[directory.Token, directory.TokenQuery] {
	return (&table[directory.Token, directory.TokenQuery]{
		c: c, name: "tokens", entity: "token", keys: 1,
		columns: "hash kind family session app_id user_id epoch issuer audience scope data created expires consumed revoked",
		fields: func(r *directory.Token) []field {
			return []field{
				blob(&r.Hash), text(&r.Kind), text(&r.Family), blob(&r.Session), number(&r.App), number(&r.User),
				number(&r.Epoch), text(&r.Issuer), list(&r.Audience), list(&r.Scope), rawJSON(&r.Data),
				micros(&r.Created), micros(&r.Expires), micros(&r.Consumed), micros(&r.Revoked),
			}
		},
		where: func(q *directory.TokenQuery, s *selection) {
			anyBytes(s, "hash", q.Hashes)
			same(s, "kind", q.Kind)
			same(s, "family", q.Family)
			sameBytes(s, "session", q.Session)
			sameID(s, "user_id", q.User)
			sameID(s, "app_id", q.App)
			before(s, "expires", q.ExpiredBefore)
			s.order = "created, hash"
			s.page(q.Limit, 0)
		},
	}).ready()
}

func consentsTable(c *conn) *table[directory.Consent, directory.ConsentQuery] {
	return (&table[directory.Consent, directory.ConsentQuery]{
		c: c, name: "consents", entity: "consent", keys: 2,
		columns: "user_id app_id scope created",
		fields: func(r *directory.Consent) []field {
			return []field{number(&r.User), number(&r.App), list(&r.Scope), micros(&r.Created)}
		},
		where: func(q *directory.ConsentQuery, s *selection) {
			sameID(s, "user_id", q.User)
			sameID(s, "app_id", q.App)
			s.order = "user_id, app_id"
		},
	}).ready()
}

func failuresTable(c *conn) *table[directory.Failures, directory.FailuresQuery] {
	return (&table[directory.Failures, directory.FailuresQuery]{
		c: c, name: "limiter", entity: "limiter row", keys: 1,
		columns: "key bucket user_id source count pending until succeeded updated",
		fields: func(r *directory.Failures) []field {
			return []field{
				text(&r.Key), text(&r.Bucket), number(&r.User), text(&r.Source), number(&r.Count), number(&r.Pending),
				micros(&r.Until), micros(&r.Succeeded), micros(&r.Updated),
			}
		},
		where: func(q *directory.FailuresQuery, s *selection) {
			anyText(s, "key", "", q.Keys)
			sameID(s, "user_id", q.User)
			before(s, "updated", q.Before)
			if !q.SucceededBefore.IsZero() {
				s.where("succeeded < ?", stamp(q.SucceededBefore)) // 0 is never
			}
			since(s, "until", q.LimitedAt)
			s.order = "key"
		},
	}).ready()
}
