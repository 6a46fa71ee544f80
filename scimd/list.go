package scimd

import (
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strings"

	"gatehouse/directory"
	"gatehouse/scimd/filter"
)

// scanChunk is how many resources are rendered at once when a filter must be
// checked in memory.
const scanChunk = 500

// lister lists the rows of one kind.
type lister[R any] struct {
	// rows yields what the store selects, with its paging; a limit of 0 is all.
	rows func(offset, limit int) iter.Seq2[R, error]
	// count counts what the store selects.
	count func() (int, error)
	// render renders rows; full says that everything is wanted that the
	// answer has, otherwise what the filter and the order look at.
	render func(rows []R, full bool) ([]*object, error)
	// ordered says that rows come in the order that was asked for.
	ordered bool
	rest    filter.Expr
	// narrow says that few rows are selected, so that counting them costs more
	// than reading them.
	narrow bool
}

// list answers a list request.
func list[R any](rq *request, l lister[R]) (answer, error) {
	q := rq.params
	var page []R
	var total int
	var err error
	switch {
	case l.rest == nil && l.ordered && !l.narrow:
		page, total, err = l.fromStore(q)
	case l.ordered:
		page, total, err = l.scan(rq)
	default:
		page, total, err = l.sortInMemory(rq)
	}
	if err != nil {
		return answer{}, err
	}
	objects, err := l.render(page, true)
	if err != nil {
		return answer{}, err
	}
	for i, o := range objects {
		objects[i] = q.fields.apply(o)
	}
	return answer{status: http.StatusOK, body: listResponse(objects, total, q.start)}, nil
}

func (l lister[R]) fromStore(q params) ([]R, int, error) {
	total, err := l.count()
	if err != nil || q.count == 0 || q.start > total {
		return nil, total, err
	}
	page := make([]R, 0, min(q.count, total))
	for row, err := range l.rows(q.start-1, q.count) {
		if err != nil {
			return nil, 0, err
		}
		page = append(page, row)
	}
	return page, total, nil
}

// walk calls visit with every row that matches, in the store's order.
func (l lister[R]) walk(rq *request, visit func(R, *object) error) error {
	m := filter.Matcher{CaseExact: rq.resourceType().caseExact}
	look := func(chunk []R) error {
		objects, err := l.render(chunk, false)
		if err != nil {
			return err
		}
		for i, o := range objects {
			if l.rest != nil && !m.Match(l.rest, o) {
				continue
			}
			if err := visit(chunk[i], o); err != nil {
				return err
			}
		}
		return rq.http.Context().Err()
	}
	chunk := make([]R, 0, scanChunk)
	for row, err := range l.rows(0, 0) {
		if err != nil {
			return err
		}
		if chunk = append(chunk, row); len(chunk) == scanChunk {
			if err := look(chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	return look(chunk)
}

// scan goes through what the store selects and checks the rest in memory.
func (l lister[R]) scan(rq *request) (page []R, total int, err error) {
	q := rq.params
	err = l.walk(rq, func(row R, _ *object) error {
		total++
		if total >= q.start && len(page) < q.count {
			page = append(page, row)
		}
		return nil
	})
	return page, total, err
}

// sortInMemory orders all matches by an attribute that the store does not
// order by.
func (l lister[R]) sortInMemory(rq *request) ([]R, int, error) {
	q := rq.params
	type keyed struct {
		row R
		key any
	}
	var all []keyed
	err := l.walk(rq, func(row R, o *object) error {
		all = append(all, keyed{row, sortKey(q.sort, rq.resourceType(), o)})
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		c := compareKeys(a.key, b.key)
		if q.desc {
			return -c
		}
		return c
	})
	var page []R
	for i := q.start - 1; i < len(all) && len(page) < q.count; i++ {
		page = append(page, all[i].row)
	}
	return page, len(all), nil
}

// sortKey returns the value that o is ordered by: of a multi-valued attribute
// the primary or else the first one (RFC 7644 §3.4.2.3).
func sortKey(t target, rt *resourceType, o *object) any {
	holder := o
	if t.schema != rt.core {
		holder, _ = o.get(t.schema.urn).(*object)
		if holder == nil {
			return nil
		}
	}
	v := holder.get(t.attr.name)
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
		for _, el := range list {
			if c, ok := el.(*object); ok && c.get("primary") == true {
				v = c
			}
		}
	}
	if c, ok := v.(*object); ok {
		sub := "value"
		if t.sub != nil {
			sub = t.sub.name
		}
		v = c.get(sub)
	}
	if s, ok := v.(string); ok && !t.attr.caseExact {
		return strings.ToLower(s)
	}
	return v
}

// compareKeys orders two keys; what is unassigned comes last.
func compareKeys(a, b any) int {
	switch a := a.(type) {
	case nil:
		if b == nil {
			return 0
		}
		return 1
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case bool:
		if b, ok := b.(bool); ok && a != b {
			if b {
				return -1
			}
			return 1
		}
	case json.Number:
		x, _ := a.Float64()
		if b, ok := b.(json.Number); ok {
			y, _ := b.Float64()
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
		}
	}
	if b == nil {
		return -1
	}
	return 0
}

func (s *Server) listUsers(rq *request) (a answer, err error) {
	p := planUsers(rq.source.label, rq.params.filter)
	err = s.directory.Read(rq.http.Context(), rq.source.actor, func(r *directory.Reader) error {
		if p.none {
			a = answer{status: http.StatusOK, body: listResponse(nil, 0, rq.params.start)}
			return nil
		}
		q := p.query
		l := lister[directory.User]{rest: p.rest, narrow: p.narrow}
		q.Sort, q.Desc, l.ordered = userOrder(rq.params)
		looksAtGroups := p.rest != nil && mentions(p.rest, "groups") || rq.params.sort.attr != nil && rq.params.sort.attr.name == "groups"
		l.rows = func(offset, limit int) iter.Seq2[directory.User, error] {
			page := q
			page.Offset, page.Limit = offset, limit
			return r.Users(page)
		}
		l.count = func() (int, error) { return r.CountUsers(q) }
		l.render = func(users []directory.User, full bool) ([]*object, error) {
			return rq.renderUsers(r, users, full && rq.params.fields.wants("groups") || !full && looksAtGroups)
		}
		a, err = list(rq, l)
		return err
	})
	return a, err
}

// userOrder returns the store's order for sortBy, and whether it has one.
func userOrder(q params) (directory.UserSort, bool, bool) {
	if q.sort.attr == nil {
		return directory.SortID, false, true
	}
	name := q.sort.attr.name
	if q.sort.sub != nil {
		name += "." + q.sort.sub.name
	}
	switch name {
	case "userName":
		return directory.SortUsername, q.desc, true
	case "meta.created":
		return directory.SortCreated, q.desc, true
	case "meta.lastModified":
		return directory.SortUpdated, q.desc, true
	}
	return directory.SortID, false, false
}

func (s *Server) listGroups(rq *request) (a answer, err error) {
	p, member, err := planGroups(rq.source.label, rq.params.filter)
	if err != nil {
		return a, err
	}
	err = s.directory.Read(rq.http.Context(), rq.source.actor, func(r *directory.Reader) error {
		q := p.query
		none := p.none
		if member != "" && !none {
			if none, err = withMember(r, &q, member); err != nil {
				return err
			}
		}
		if none {
			a = answer{status: http.StatusOK, body: listResponse(nil, 0, rq.params.start)}
			return nil
		}
		l := lister[directory.Group]{rest: p.rest, narrow: p.narrow, ordered: true}
		if sort := rq.params.sort.attr; sort != nil {
			q.ByName, q.Desc = sort.name == "displayName", rq.params.desc
			l.ordered = q.ByName
			q.Desc = q.Desc && q.ByName
		}
		l.rows = func(offset, limit int) iter.Seq2[directory.Group, error] {
			page := q
			page.Offset, page.Limit = offset, limit
			return r.Groups(page)
		}
		l.count = func() (int, error) { return r.CountGroups(q) }
		l.render = func(groups []directory.Group, full bool) ([]*object, error) {
			return rq.renderGroups(r, groups, full && rq.params.fields.wants("members"))
		}
		a, err = list(rq, l)
		return err
	})
	return a, err
}

// withMember restricts q to the groups that the user or group with this id is
// a direct member of. none: there is no such user or group, or it is in none.
func withMember(r *directory.Reader, q *directory.GroupQuery, uid string) (none bool, err error) {
	u, err := r.UserByUID(uid)
	if err == nil {
		q.HasUser = u.ID
		return false, nil
	}
	if !directory.Is(err, directory.NotFound) {
		return false, err
	}
	g, err := r.GroupByUID(uid)
	if directory.Is(err, directory.NotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for n, err := range r.Nestings(directory.NestingQuery{Children: []directory.GroupID{g.ID}}) {
		if err != nil {
			return false, err
		}
		q.IDs = append(q.IDs, n.Parent)
	}
	return len(q.IDs) == 0, nil
}
