package scimd

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

const (
	urnSchema       = coreURN + "Schema"
	urnResourceType = coreURN + "ResourceType"
	urnConfig       = coreURN + "ServiceProviderConfig"
)

// serviceProviderConfig says what this server does (RFC 7643 §5). Whether
// passwords can be changed depends on the source that asks.
func serviceProviderConfig(base string, passwords bool) *object {
	yes := func(v bool) *object { return newObject("supported", v) }
	return newObject(
		"schemas", []any{urnConfig},
		"patch", yes(true),
		"bulk", newObject("supported", false, "maxOperations", number(0), "maxPayloadSize", number(0)),
		"filter", newObject("supported", true, "maxResults", number(maxCount)),
		"changePassword", yes(passwords),
		"sort", yes(true),
		"etag", yes(true),
		"authenticationSchemes", []any{newObject(
			"type", "oauthbearertoken",
			"name", "Bearer token",
			"description", "The token of a SCIM source, in the Authorization header.",
			"specUri", "https://www.rfc-editor.org/rfc/rfc6750",
			"primary", true,
		)},
		"meta", newObject("resourceType", "ServiceProviderConfig", "location", base+"/ServiceProviderConfig"),
	)
}

// resourceTypeObject renders a resource type (RFC 7643 §6).
func resourceTypeObject(base string, rt *resourceType) *object {
	extensions := []any{}
	for _, s := range rt.extensions {
		extensions = append(extensions, newObject("schema", s.urn, "required", false))
	}
	return newObject(
		"schemas", []any{urnResourceType},
		"id", rt.name,
		"name", rt.name,
		"description", rt.description,
		"endpoint", rt.endpoint,
		"schema", rt.core.urn,
		"schemaExtensions", extensions,
		"meta", newObject("resourceType", "ResourceType", "location", base+"/ResourceTypes/"+rt.name),
	)
}

// schemaObject renders a schema (RFC 7643 §7).
func schemaObject(base string, s *schema) *object {
	return newObject(
		"schemas", []any{urnSchema},
		"id", s.urn,
		"name", s.name,
		"description", s.description,
		"attributes", attributeObjects(s.attrs),
		"meta", newObject("resourceType", "Schema", "location", base+"/Schemas/"+s.urn),
	)
}

func attributeObjects(attrs []attribute) []any {
	out := make([]any, 0, len(attrs))
	for i := range attrs {
		a := &attrs[i]
		o := newObject(
			"name", a.name,
			"type", orDefault(a.typ, typeString),
			"multiValued", a.multi,
			"description", a.description,
			"required", a.required,
			"caseExact", a.caseExact,
			"mutability", orDefault(a.mutability, mutReadWrite),
			"returned", orDefault(a.returned, retDefault),
			"uniqueness", orDefault(a.uniqueness, uniqNone),
		)
		if len(a.canonical) > 0 {
			o.set("canonicalValues", stringList(a.canonical))
		}
		if len(a.refs) > 0 {
			o.set("referenceTypes", stringList(a.refs))
		}
		if len(a.sub) > 0 {
			o.set("subAttributes", attributeObjects(a.sub))
		}
		out = append(out, o)
	}
	return out
}

func stringList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// discover answers /ServiceProviderConfig, /ResourceTypes and /Schemas.
func (s *Server) discover(rq *request) (answer, error) {
	// RFC 7644 §4: discovery is not filtered, so that nobody takes an ignored
	// filter for a match.
	if q := rq.http.URL.Query(); q.Has("filter") {
		return answer{}, refuse(http.StatusForbidden, "%s cannot be filtered", rq.endpoint)
	}
	types := []*resourceType{rq.source.user, rq.source.group}
	var all []*object
	switch rq.endpoint {
	case endpointConfig:
		return answer{status: http.StatusOK, body: serviceProviderConfig(rq.base, rq.source.config.MayWrite("password"))}, nil
	case endpointResourceTypes:
		for _, rt := range types {
			all = append(all, resourceTypeObject(rq.base, rt))
		}
	default:
		for _, rt := range types {
			for _, sc := range rt.schemas() {
				all = append(all, schemaObject(rq.base, sc))
			}
		}
	}
	if rq.id == "" {
		return answer{status: http.StatusOK, body: listResponse(all, len(all), 1)}, nil
	}
	for _, o := range all {
		if strings.EqualFold(o.str("id"), rq.id) {
			return answer{status: http.StatusOK, body: o}, nil
		}
	}
	return answer{}, refuse(http.StatusNotFound, "there is no %s %q", strings.TrimSuffix(rq.endpoint, "s"), rq.id)
}

// listResponse renders a page of resources (RFC 7644 §3.4.2).
func listResponse(page []*object, total, start int) *object {
	list := make([]any, len(page))
	for i, o := range page {
		list[i] = o
	}
	return newObject(
		"schemas", []any{messageURN + "ListResponse"},
		"totalResults", number(total),
		"startIndex", number(start),
		"itemsPerPage", number(len(page)),
		"Resources", list,
	)
}

func number(n int) any { return json.Number(strconv.Itoa(n)) }
