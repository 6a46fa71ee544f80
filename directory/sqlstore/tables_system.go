package sqlstore

import (
	"time"

	"gatehouse/directory"
)

func externalIDsTable(c *conn) *table[directory.ExternalID, directory.ExternalIDQuery] {
	return (&table[directory.ExternalID, directory.ExternalIDQuery]{
		c: c, name: "external_ids", entity: "external id", keys: 3,
		columns: "source kind external_id ref",
		fields: func(r *directory.ExternalID) []field {
			return []field{text(&r.Source), text(&r.Kind), text(&r.ExternalID), number(&r.Ref)}
		},
		where: func(q *directory.ExternalIDQuery, s *selection) {
			same(s, "source", q.Source)
			anyText(s, "external_id", "", q.ExternalIDs)
			same(s, "kind", q.Kind)
			anyID(s, "ref", "", q.Refs)
			s.order = "kind, ref, source"
		},
	}).ready()
}

func scimSourcesTable(c *conn) *table[directory.SCIMSource, directory.SCIMSourceQuery] {
	return (&table[directory.SCIMSource, directory.SCIMSourceQuery]{
		c: c, name: "scim_sources", entity: "scim source", keys: 1,
		columns: "id uid name token_1 token_2 config source rev created updated",
		fields: func(r *directory.SCIMSource) []field {
			return []field{
				number(&r.ID), text(&r.UID), text(&r.Name), blob(&r.Tokens[0]), blob(&r.Tokens[1]), rawJSON(&r.Config),
				text(&r.Source), number(&r.Rev), micros(&r.Created), micros(&r.Updated),
			}
		},
		where: func(q *directory.SCIMSourceQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyText(s, "name", "", q.Names)
			if len(q.Token) > 0 {
				p := s.param(q.Token)
				s.restricted = true
				s.always("(token_1 = " + p + " OR token_2 = " + p + ")")
			}
			s.order = "name"
		},
	}).ready()
}

func radiusClientsTable(c *conn) *table[directory.RADIUSClient, directory.RADIUSClientQuery] {
	return (&table[directory.RADIUSClient, directory.RADIUSClientQuery]{
		c: c, name: "radius_clients", entity: "radius client", keys: 1,
		columns: "id uid name networks secret_1 secret_2 app_id config source rev created updated",
		fields: func(r *directory.RADIUSClient) []field {
			return []field{
				number(&r.ID), text(&r.UID), text(&r.Name), list(&r.Networks), blob(&r.Secrets[0]), blob(&r.Secrets[1]),
				number(&r.App), rawJSON(&r.Config), text(&r.Source), number(&r.Rev), micros(&r.Created), micros(&r.Updated),
			}
		},
		where: func(q *directory.RADIUSClientQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyText(s, "name", "", q.Names)
			sameID(s, "app_id", q.App)
			s.order = "name"
		},
	}).ready()
}

func radiusSessionsTable(c *conn) *table[directory.RADIUSSession, directory.RADIUSSessionQuery] {
	return (&table[directory.RADIUSSession, directory.RADIUSSessionQuery]{
		c: c, name: "radius_sessions", entity: "network session", keys: 1,
		columns: "id client_id user_id username epoch acct_session_id state calling_station_id called_station_id nas_ip nas_port" +
			" framed_ip instance local_addr input_octets output_octets session_time terminate_cause accepted updated ended" +
			" nas_id peer admission terms expires until disconnect",
		fields: func(r *directory.RADIUSSession) []field {
			return []field{
				number(&r.ID), number(&r.Client), number(&r.User), text(&r.Username), number(&r.Epoch),
				text(&r.AcctSessionID), text(&r.State), text(&r.CallingStationID), text(&r.CalledStationID), text(&r.NASIP),
				text(&r.NASPort), text(&r.FramedIP), text(&r.Instance), text(&r.LocalAddr), number(&r.InputOctets),
				number(&r.OutputOctets), number(&r.SessionTime), text(&r.TerminateCause), micros(&r.Accepted),
				micros(&r.Updated), micros(&r.Ended), text(&r.NASID), text(&r.Peer), rawJSON(&r.Admission), text(&r.Terms),
				micros(&r.Expires), micros(&r.Until), text(&r.Disconnect),
			}
		},
		where: func(q *directory.RADIUSSessionQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			sameID(s, "client_id", q.Client)
			sameID(s, "user_id", q.User)
			same(s, "acct_session_id", q.AcctSessionID)
			same(s, "calling_station_id", q.Calling)
			if q.Open {
				s.restricted = true
				s.always("state IN ('accepted', 'started')")
			}
			if !q.LiveAfter.IsZero() {
				s.where("(state IN ('accepted', 'started') OR state = 'presumed-ended' AND ended >= ?)", stamp(q.LiveAfter))
			}
			s.order = "id DESC"
			// In the order of their index, or SQLite would rather go through all rows in
			// theirs.
			if before(s, "until", q.UntilBefore); !q.UntilBefore.IsZero() {
				s.order = "until, id"
			}
			if before(s, "ended", q.EndedBefore); !q.EndedBefore.IsZero() {
				s.order = "ended, id"
			}
			s.page(q.Limit, 0)
		},
	}).ready()
}

func accountingTable(c *conn) *table[directory.RADIUSAccounting, directory.RADIUSAccountingQuery] {
	return (&table[directory.RADIUSAccounting, directory.RADIUSAccountingQuery]{
		c: c, name: "radius_accounting", entity: "accounting record", keys: 1,
		columns: "id day at client_id session_id status acct_session_id username packet",
		fields: func(r *directory.RADIUSAccounting) []field {
			return []field{
				number(&r.ID), number(&r.Day), micros(&r.At), number(&r.Client), number(&r.Session), text(&r.Status),
				text(&r.SessionID), text(&r.Username), blob(&r.Packet),
			}
		},
		where: func(q *directory.RADIUSAccountingQuery, s *selection) {
			sameID(s, "client_id", q.Client)
			if q.BeforeDay != 0 { // ids rise with the time of writing
				s.where("day < ?", q.BeforeDay)
				s.where("id < ?", eventIDAt(time.Unix(q.BeforeDay*86_400, 0)))
			}
			s.order = "id"
			s.page(q.Limit, 0)
		},
	}).ready()
}

func signingKeysTable(c *conn) *table[directory.SigningKey, directory.SigningKeyQuery] {
	return (&table[directory.SigningKey, directory.SigningKeyQuery]{
		c: c, name: "signing_keys", entity: "signing key", keys: 1,
		columns: "kid use alg state sealed public_key not_before not_after",
		fields: func(r *directory.SigningKey) []field {
			return []field{
				text(&r.KID), text(&r.Use), text(&r.Alg), text(&r.State), blob(&r.Sealed), blob(&r.Public),
				micros(&r.NotBefore), micros(&r.NotAfter),
			}
		},
		where: func(q *directory.SigningKeyQuery, s *selection) {
			anyText(s, "kid", "", q.KIDs)
			same(s, "use", q.Use)
			same(s, "state", q.State)
			s.order = "not_before DESC, kid"
		},
	}).ready()
}

func certificatesTable(c *conn) *table[directory.Certificate, directory.CertificateQuery] {
	return (&table[directory.Certificate, directory.CertificateQuery]{
		c: c, name: "certificates", entity: "certificate", keys: 1,
		columns: "serial kind subject label user_id created expires revoked",
		fields: func(r *directory.Certificate) []field {
			return []field{
				text(&r.Serial), text(&r.Kind), text(&r.Subject), text(&r.Label), number(&r.User),
				micros(&r.Created), micros(&r.Expires), micros(&r.Revoked),
			}
		},
		where: func(q *directory.CertificateQuery, s *selection) {
			anyText(s, "serial", "", q.Serials)
			same(s, "kind", q.Kind)
			same(s, "subject", q.Subject)
			sameID(s, "user_id", q.User)
			s.order = "created DESC, serial"
		},
	}).ready()
}

func settingsTable(c *conn) *table[directory.Setting, directory.SettingQuery] {
	return (&table[directory.Setting, directory.SettingQuery]{
		c: c, name: "settings", entity: "setting", keys: 1,
		columns: "name value rev",
		fields: func(r *directory.Setting) []field {
			return []field{text(&r.Name), text(&r.Value), number(&r.Rev)}
		},
		where: func(q *directory.SettingQuery, s *selection) {
			anyText(s, "name", "", q.Names)
			s.order = "name"
		},
	}).ready()
}

func jobRows(c *conn) *table[directory.Job, directory.JobQuery] {
	return (&table[directory.Job, directory.JobQuery]{
		c: c, name: "jobs", entity: "job", keys: 1,
		columns: "id kind key payload run_at attempts reserved_for reserved_til lease_owner lease_until last_error created",
		fields: func(r *directory.Job) []field {
			return []field{
				number(&r.ID), text(&r.Kind), text(&r.Key), blob(&r.Payload), micros(&r.RunAt), number(&r.Attempts),
				text(&r.ReservedFor), micros(&r.ReservedTil), text(&r.LeaseOwner), micros(&r.LeaseUntil),
				text(&r.LastError), micros(&r.Created),
			}
		},
		where: func(q *directory.JobQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			anyText(s, "kind", "", q.Kinds)
			same(s, "key", q.Key)
			if !q.DueAt.IsZero() {
				p := s.param(stamp(q.DueAt))
				s.restricted = true
				s.always("run_at <= " + p + " AND lease_until <= " + p)
			}
			s.order = "run_at, id"
			s.page(q.Limit, 0)
		},
	}).ready()
}

// jobsTable rings the doorbell for new jobs.
type jobsTable struct {
	*table[directory.Job, directory.JobQuery]
}

// Insert adds jobs.
func (t jobsTable) Insert(rows ...directory.Job) error {
	if t.c.write != nil {
		t.c.write.ring = true
	}
	return t.table.Insert(rows...)
}
