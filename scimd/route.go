package scimd

import (
	"mime"
	"net/http"
	"strings"
)

// operation names what a request does, for metrics and logs.
type operation string

const (
	opUnknown      operation = "unknown"
	opDiscover     operation = "discover"
	opUserCreate   operation = "user_create"
	opUserGet      operation = "user_get"
	opUserList     operation = "user_list"
	opUserReplace  operation = "user_replace"
	opUserPatch    operation = "user_patch"
	opUserDelete   operation = "user_delete"
	opGroupCreate  operation = "group_create"
	opGroupGet     operation = "group_get"
	opGroupList    operation = "group_list"
	opGroupReplace operation = "group_replace"
	opGroupPatch   operation = "group_patch"
	opGroupDelete  operation = "group_delete"
)

// The endpoints (RFC 7644 §3.2), as they are spelled in locations.
const (
	endpointUsers         = "Users"
	endpointGroups        = "Groups"
	endpointSchemas       = "Schemas"
	endpointResourceTypes = "ResourceTypes"
	endpointConfig        = "ServiceProviderConfig"
	endpointBulk          = "Bulk"
	endpointMe            = "Me"
	endpointSearch        = ".search"
)

// endpointOf finds an endpoint by its name in any case.
func endpointOf(segment string) string {
	for _, e := range []string{
		endpointUsers, endpointGroups, endpointSchemas, endpointResourceTypes, endpointConfig,
		endpointBulk, endpointMe, endpointSearch,
	} {
		if strings.EqualFold(e, segment) {
			return e
		}
	}
	// Some clients write the plural.
	if strings.EqualFold(segment, endpointConfig+"s") {
		return endpointConfig
	}
	return ""
}

// handler serves one method at one endpoint.
type handler struct {
	op  operation
	run func(*Server, *request) (answer, error)
}

// find returns the handler of a method at an endpoint, for a resource or for
// the collection.
func find(endpoint, method string, one bool) (handler, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	switch endpoint {
	case endpointUsers:
		return findResource(method, one, userHandlers)
	case endpointGroups:
		return findResource(method, one, groupHandlers)
	case endpointSchemas, endpointResourceTypes:
		return handler{opDiscover, (*Server).discover}, method == http.MethodGet
	case endpointConfig:
		return handler{opDiscover, (*Server).discover}, method == http.MethodGet && !one
	}
	return handler{}, false
}

// resourceHandlers are the handlers of a resource type.
type resourceHandlers struct{ create, list, get, replace, patch, remove handler }

func findResource(method string, one bool, table func() resourceHandlers) (handler, bool) {
	h := table()
	switch {
	case !one && method == http.MethodPost:
		return h.create, true
	case !one && method == http.MethodGet:
		return h.list, true
	case !one:
	case method == http.MethodGet:
		return h.get, true
	case method == http.MethodPut:
		return h.replace, true
	case method == http.MethodPatch:
		return h.patch, true
	case method == http.MethodDelete:
		return h.remove, true
	}
	return handler{}, false
}

func userHandlers() resourceHandlers {
	return resourceHandlers{
		create:  handler{opUserCreate, (*Server).createUser},
		list:    handler{opUserList, (*Server).listUsers},
		get:     handler{opUserGet, (*Server).getUser},
		replace: handler{opUserReplace, (*Server).replaceUser},
		patch:   handler{opUserPatch, (*Server).patchUser},
		remove:  handler{opUserDelete, (*Server).deleteUser},
	}
}

func groupHandlers() resourceHandlers {
	return resourceHandlers{
		create:  handler{opGroupCreate, (*Server).createGroup},
		list:    handler{opGroupList, (*Server).listGroups},
		get:     handler{opGroupGet, (*Server).getGroup},
		replace: handler{opGroupReplace, (*Server).replaceGroup},
		patch:   handler{opGroupPatch, (*Server).patchGroup},
		remove:  handler{opGroupDelete, (*Server).deleteGroup},
	}
}

// allowedMethods lists what find would find, for the Allow header.
func allowedMethods(rq *request) string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, ok := find(rq.endpoint, m, rq.id != ""); ok {
			out = append(out, m)
		}
	}
	return strings.Join(out, ", ")
}

// serve authenticates a request and hands it to its handler. Nothing but the
// path is looked at before the token.
func (s *Server) serve(rq *request) (answer, error) {
	named, err := rq.route()
	if err != nil {
		return answer{}, err
	}
	if rq.source, err = s.authenticate(rq.http, named); err != nil {
		return answer{}, err
	}
	switch rq.endpoint {
	case "":
		return answer{}, refuse(http.StatusNotFound, "there is no such endpoint")
	case endpointBulk, endpointMe, endpointSearch:
		// RFC 7644 §3.7, §3.11, §3.4.3, not done: bulk, /Me and .search.
		return answer{}, refuse(http.StatusNotImplemented, "%s is not implemented", rq.endpoint)
	}
	h, ok := find(rq.endpoint, rq.http.Method, rq.id != "")
	if !ok {
		return answer{}, refuse(http.StatusMethodNotAllowed, "%s is not allowed here", rq.http.Method)
	}
	rq.op = h.op
	if err := checkContentType(rq.http); err != nil {
		return answer{}, err
	}
	if rt := rq.resourceType(); rt != nil {
		if rq.params, err = parseParams(rt, rq.source.profile, rq.http.URL.RawQuery); err != nil {
			return answer{}, err
		}
	}
	return h.run(s, rq)
}

// route takes the path apart: Prefix [/source] /endpoint [/id]. It returns the
// source that the path names, if any.
func (rq *request) route() (named string, err error) {
	path := rq.http.URL.Path
	n := min(len(Prefix), len(path))
	rest := path[n:]
	if !strings.EqualFold(path[:n], Prefix) || rest != "" && rest[0] != '/' || strings.ContainsAny(path, "\x00\\") {
		return "", refuse(http.StatusNotFound, "there is no such path")
	}
	segments := strings.Split(strings.Trim(rest, "/&"), "/")
	if endpointOf(segments[0]) == "" && len(segments) > 1 {
		named, segments = segments[0], segments[1:]
		rq.base += "/" + named
	}
	if len(segments) > 2 {
		return named, refuse(http.StatusNotFound, "there is no such path")
	}
	rq.endpoint = endpointOf(segments[0])
	if len(segments) == 2 {
		rq.id = segments[1]
	}
	if strings.EqualFold(rq.id, endpointSearch) {
		rq.endpoint = endpointSearch
	}
	return named, nil
}

// resourceType is what the endpoint serves, nil for discovery.
func (rq *request) resourceType() *resourceType {
	switch rq.endpoint {
	case endpointUsers:
		return rq.source.user
	case endpointGroups:
		return rq.source.group
	}
	return nil
}

// checkContentType refuses bodies that say they are no JSON. One that says
// nothing is taken at its word when it is read.
func checkContentType(r *http.Request) error {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	media, p, err := mime.ParseMediaType(given)
	charset := p["charset"]
	if err != nil || media != "application/json" && media != "application/scim+json" ||
		charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refuse(http.StatusUnsupportedMediaType, "the body must be application/scim+json or application/json in UTF-8")
	}
	return nil
}
