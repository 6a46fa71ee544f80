package sqlstore

import (
	"strings"

	"gatehouse/directory"
)

const eventColumns = "id at actor via ip verb entity ref name outcome reason app count detail chain n segment previous link"

func eventRows(c *conn) *table[directory.Event, directory.EventQuery] {
	return (&table[directory.Event, directory.EventQuery]{
		c: c, name: "audit", entity: "audit event", keys: 1,
		columns: eventColumns,
		fields:  eventFields,
		where: func(q *directory.EventQuery, s *selection) {
			anyID(s, "id", "", q.IDs)
			same(s, "chain", q.Chain)
			sameID(s, "n", q.N)
			eventUser(q, s)
			same(s, "verb", q.Verb)
			same(s, "app", q.App)
			same(s, "outcome", q.Outcome)
			same(s, "reason", q.Reason)
			since(s, "at", q.Since)
			if !q.Since.IsZero() { // ids rise with the time of writing, which is never before At
				s.where("id >= ?", eventIDAt(q.Since))
			}
			before(s, "at", q.Until)
			if q.Before != 0 {
				s.where("segment < ?", q.Before)
			}
			if q.Through != 0 {
				s.where("n <= ?", q.Through)
			}
			if q.After != 0 {
				s.afterID("id", q.After, q.Newest)
			}
			s.orderBy("id", "id", q.Newest)
			if q.ByChain {
				s.order = "chain, n"
			}
			s.page(q.Limit, 0)
		},
	}).ready()
}

// eventUser selects what is about a person, names them or was done by them.
func eventUser(q *directory.EventQuery, s *selection) {
	var any []string
	if q.User != 0 {
		any = append(any, "(entity = 'user' AND ref = "+s.param(int64(q.User))+")")
	}
	if q.Username != "" {
		name := clean(q.Username)
		any = append(any, "(entity = 'user' AND ref = 0 AND name = "+s.param(name)+")", "actor = "+s.param("person:"+name))
	}
	if len(any) > 0 {
		s.restricted = true
		s.always("(" + strings.Join(any, " OR ") + ")")
	}
}

func eventFields(e *directory.Event) []field {
	return []field{
		number(&e.ID), micros(&e.At), text(&e.Actor), text(&e.Via), text(&e.IP), text(&e.Verb), text(&e.Entity),
		number(&e.Ref), text(&e.Name), text(&e.Outcome), text(&e.Reason), text(&e.App), number(&e.Count),
		rawJSON(&e.Detail), text(&e.Chain), number(&e.N), number(&e.Segment), blob(&e.Previous), blob(&e.Link),
	}
}

// eventsTable links audit events when the transaction ends.
type eventsTable struct {
	*table[directory.Event, directory.EventQuery]
}

// Insert adds events. Their ids are set at once, the rest of the chain when the
// transaction commits; only then can they be found.
func (t eventsTable) Insert(rows ...directory.Event) error {
	if err := t.c.writable(); err != nil {
		return err
	}
	w := t.c.write
	for i := range rows {
		rows[i].ID = w.eventID()
		if rows[i].Count == 0 {
			rows[i].Count = 1
		}
	}
	w.events = append(w.events, rows...)
	return nil
}

func chainsTable(c *conn) *table[directory.Chain, directory.ChainQuery] {
	return (&table[directory.Chain, directory.ChainQuery]{
		c: c, name: "audit_chains", entity: "audit chain", keys: 1,
		columns: "chain n link segment since state mac stub_n stub_link stub_segment stub_cut stub_mac",
		fields: func(r *directory.Chain) []field {
			return []field{
				text(&r.Name), number(&r.N), blob(&r.Link), number(&r.Segment), micros(&r.Since), blob(&r.State), blob(&r.MAC),
				number(&r.Stub.N), blob(&r.Stub.Link), number(&r.Stub.Segment), micros(&r.Stub.Cut), blob(&r.Stub.MAC),
			}
		},
		where: func(q *directory.ChainQuery, s *selection) {
			anyText(s, "chain", "", q.Names)
			s.order = "chain"
		},
	}).ready()
}

func chainRootsTable(c *conn) *table[directory.ChainRoot, directory.ChainRootQuery] {
	return (&table[directory.ChainRoot, directory.ChainRootQuery]{
		c: c, name: "audit_roots", entity: "root of an audit chain", keys: 2,
		columns: "chain segment sealed",
		fields: func(r *directory.ChainRoot) []field {
			return []field{text(&r.Chain), number(&r.Segment), blob(&r.Sealed)}
		},
		where: func(q *directory.ChainRootQuery, s *selection) {
			anyText(s, "chain", "", q.Chains)
			s.order = "chain, segment"
		},
	}).ready()
}
