package scimd

import (
	"net/url"
	"strconv"
	"strings"

	"gatehouse/scimd/filter"
)

// How many resources a page has when the client does not say, and at most.
const (
	defaultCount = 100
	maxCount     = 1000
)

// params are the query parameters of a request (RFC 7644 §3.4.2, §3.9).
type params struct {
	filter filter.Expr // normalised; nil: none
	start  int         // from 1
	count  int
	sort   target // attr nil: by id
	desc   bool
	fields projection
}

// parseParams reads the query string for a resource type. Names are compared
// without case; an unknown parameter is passed over, a doubled one refused.
func parseParams(rt *resourceType, p Profile, query string) (params, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return params{}, badRequest(errInvalidSyntax, "the query string is malformed")
	}
	given := make(map[string]string, len(values))
	for name, list := range values {
		name = strings.ToLower(name)
		if _, twice := given[name]; twice || len(list) > 1 {
			return params{}, badRequest(errInvalidSyntax, "parameter %q stands twice", name)
		}
		given[name] = list[0]
	}
	out := params{start: 1, count: defaultCount}
	out.fields, err = newProjection(rt, splitNames(given["attributes"]), splitNames(given["excludedattributes"]))
	if err != nil {
		return out, err
	}
	if err := out.page(given); err != nil {
		return out, err
	}
	if s := given["filter"]; s != "" {
		e, err := filter.Parse(s, p.filterOptions())
		if err != nil {
			return out, badRequest(errInvalidFilter, "filter: %v", err)
		}
		out.filter = rt.normalFilter(e)
	}
	return out, out.order(rt, given)
}

func (q *params) page(given map[string]string) error {
	for name, into := range map[string]*int{"startindex": &q.start, "count": &q.count} {
		s, ok := given[name]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return badRequest(errInvalidValue, "%s is not a number", name)
		}
		*into = n
	}
	// RFC 7644 §3.4.2.4: less than one is one, a negative count is zero.
	q.start = max(q.start, 1)
	q.count = min(max(q.count, 0), maxCount)
	return nil
}

func (q *params) order(rt *resourceType, given map[string]string) error {
	switch strings.ToLower(given["sortorder"]) {
	case "", "ascending":
	case "descending":
		q.desc = true
	default:
		return badRequest(errInvalidValue, "sortOrder is neither ascending nor descending")
	}
	by := given["sortby"]
	if by == "" {
		q.desc = false
		return nil
	}
	path, err := filter.ParseAttrPath(by)
	if err != nil {
		return badRequest(errInvalidPath, "sortBy: %v", err)
	}
	t, ok := rt.resolve(path)
	if !ok || t.attr == nil || t.attr.name == "members" || t.attr.returned == retNever {
		return badRequest(errInvalidPath, "sortBy: there is no attribute %s to sort by", by)
	}
	q.sort = t
	return nil
}
