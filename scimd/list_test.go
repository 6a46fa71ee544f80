package scimd

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func escape(s string) string { return url.QueryEscape(s) }

// names returns the userNames or displayNames of a list.
func names(r response) []string {
	var out []string
	for _, o := range elementsOf(r.body, "Resources") {
		out = append(out, orDefault(o.str("userName"), o.str("displayName")))
	}
	return out
}

func crowd(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	for _, body := range []string{
		`{"userName":"anna","title":"Engineer","externalId":"E1","emails":[{"value":"anna@example.com","type":"work","primary":true},{"value":"shared@home.example","type":"home"}],"name":{"familyName":"Zeta"}}`,
		`{"userName":"bert","title":"engineer","externalId":"E2","active":false,"emails":[{"value":"bert@example.com","type":"work"}],"name":{"familyName":"Young"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","employeeNumber":"7"}}`,
		`{"userName":"cleo","title":"Boss","externalId":"E3","name":{"familyName":"Xu"},"emails":[{"value":"cleo@example.com"}],"roles":["chief"]}`,
		`{"userName":"dora.d","externalId":"e1"}`,
	} {
		f.want(t, 201, "POST", users, body)
	}
	return f
}

func TestFilterUsers(t *testing.T) {
	f := crowd(t)
	id := elementsOf(f.want(t, 200, "GET", users+`?filter=userName+eq+"cleo"`, "").body, "Resources")[0].str("id")
	tests := []struct {
		filter string
		want   []string
	}{
		{`userName eq "anna"`, []string{"anna"}},
		{`userName eq "ANNA"`, []string{"anna"}},
		{`username eq anna`, []string{"anna"}},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "anna"`, []string{"anna"}},
		{`userName eq "nobody"`, nil},
		{`userName eq "no name |"`, nil},
		{`userName eq "anna" or userName eq "cleo"`, []string{"anna", "cleo"}},
		{`userName eq "anna" and userName eq "cleo"`, nil},
		{`userName sw "dora."`, []string{"dora.d"}},
		{`userName co "e"`, []string{"bert", "cleo"}},
		{`userName ne "anna"`, []string{"bert", "cleo", "dora.d"}},
		{`id eq "` + id + `"`, []string{"cleo"}},
		{`externalId eq "E1"`, []string{"anna"}},
		{`externalId eq "e1"`, []string{"dora.d"}},
		{`externalId sw "E"`, []string{"anna", "bert", "cleo"}},
		{`externalId pr and title pr`, []string{"anna", "bert", "cleo"}},
		{`emails eq "ANNA@example.com"`, []string{"anna"}},
		{`emails.value eq "shared@home.example"`, []string{"anna"}},
		{`emails[type eq "work"].value eq "bert@example.com"`, []string{"bert"}},
		{`emails[type eq "work" and value eq "shared@home.example"]`, nil},
		{`emails[type eq "home" and value eq "shared@home.example"]`, []string{"anna"}},
		{`emails[value co "example.com"]`, []string{"anna", "bert", "cleo"}},
		{`not (emails pr)`, []string{"dora.d"}},
		{`active eq true`, []string{"anna", "cleo", "dora.d"}},
		{`active eq "False"`, []string{"bert"}},
		{`active ne true`, []string{"bert"}},
		{`title eq "Engineer"`, []string{"anna", "bert"}},
		{`title eq "Engineer" and active eq true`, []string{"anna"}},
		{`name.familyName ge "Y"`, []string{"anna", "bert"}},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d"`, []string{"bert"}},
		{`employeeNumber eq "7"`, []string{"bert"}},
		{`employeeNumber eq 7`, []string{"bert"}},
		{`roles eq "chief"`, []string{"cleo"}},
		{`meta.resourceType eq "User" and userName eq "bert"`, []string{"bert"}},
		{`meta.lastModified ge "2020-01-01T00:00:00Z" and userName eq "bert"`, []string{"bert"}},
		{`meta.lastModified gt "2100-01-01T00:00:00Z"`, nil},
		{`meta.created lt "2100-01-01T00:00:00Z" and title pr`, []string{"anna", "bert", "cleo"}},
		{`schemas eq "` + urnEnterprise + `"`, []string{"bert"}},
		{`colour eq "blue"`, nil},
		{`groups.value eq "x"`, nil},
	}
	for _, tt := range tests {
		r := f.want(t, 200, "GET", users+"?filter="+escape(tt.filter), "")
		got := names(r)
		slices.Sort(got)
		if !slices.Equal(got, tt.want) || !equalValues(r.body.get("totalResults"), number(len(tt.want))) {
			t.Errorf("%s: got %v of %v, want %v", tt.filter, got, r.body.get("totalResults"), tt.want)
		}
	}
	for _, bad := range []string{`userName`, `userName eq`, `userName eq "a" and`, strings.Repeat("(", 200), `a eq "` + strings.Repeat("x", 5000) + `"`} {
		if r := f.want(t, 400, "GET", users+"?filter="+escape(bad), ""); r.body.str("scimType") != errInvalidFilter {
			t.Errorf("%.20s: %s", bad, r.raw)
		}
	}
	if r := f.want(t, 400, "GET", users+"?filter="+escape(`userName eq anna`), "", as(crmToken)...); r.body.str("scimType") != errInvalidFilter {
		t.Errorf("unquoted in the rfc profile: %s", r.raw)
	}
}

func TestPagesAndOrder(t *testing.T) {
	f := crowd(t)
	tests := []struct {
		query string
		total int
		start int
		want  []string
	}{
		{"", 4, 1, []string{"anna", "bert", "cleo", "dora.d"}},
		{"startIndex=2&count=2", 4, 2, []string{"bert", "cleo"}},
		{"startIndex=0&count=1", 4, 1, []string{"anna"}},
		{"startIndex=-5&count=1&", 4, 1, []string{"anna"}},
		{"startIndex=5", 4, 5, nil},
		{"count=0", 4, 1, nil},
		{"count=-1", 4, 1, nil},
		{"STARTINDEX=4&Count=100000", 4, 4, []string{"dora.d"}},
		{"filter=title+pr&startIndex=2&count=1", 3, 2, []string{"bert"}},
		{"filter=title+pr&count=0", 3, 1, nil},
		{"sortBy=userName&sortOrder=descending", 4, 1, []string{"dora.d", "cleo", "bert", "anna"}},
		{"sortBy=name.familyName&count=3", 4, 1, []string{"cleo", "bert", "anna"}},
		{"sortBy=name.familyName&sortOrder=descending", 4, 1, []string{"dora.d", "anna", "bert", "cleo"}},
		{"sortBy=title&filter=active+eq+true", 3, 1, []string{"cleo", "anna", "dora.d"}},
		{"sortBy=meta.created&startIndex=4", 4, 4, []string{"dora.d"}},
		{"sortBy=active", 4, 1, []string{"bert", "anna", "cleo", "dora.d"}},
		{"sortBy=emails", 4, 1, []string{"anna", "bert", "cleo", "dora.d"}},
		{"sortBy=employeeNumber&count=1", 4, 1, []string{"bert"}},
	}
	for _, tt := range tests {
		r := f.want(t, 200, "GET", users+"?"+tt.query, "")
		if d := cmp.Diff(tt.want, names(r)); d != "" {
			t.Errorf("%s -want +got:\n%s", tt.query, d)
		}
		for name, n := range map[string]int{"totalResults": tt.total, "startIndex": tt.start, "itemsPerPage": len(tt.want)} {
			if !equalValues(r.body.get(name), number(n)) {
				t.Errorf("%s: %s is %v, want %d", tt.query, name, r.body.get(name), n)
			}
		}
		if !r.body.has("Resources") || !listsSchema(r.body, messageURN+"ListResponse") {
			t.Errorf("%s: %s", tt.query, r.raw)
		}
	}
	for _, bad := range []string{"count=x", "startIndex=1.5", "sortBy=colour", "sortBy=password", "sortOrder=up&sortBy=title", "count=1&Count=2", "count=1&count=1", "count=%zz"} {
		f.want(t, 400, "GET", users+"?"+bad, "")
	}
}

func TestListGroups(t *testing.T) {
	f := newFixture(t)
	for _, n := range []string{"Staff", "Admins", "Guests"} {
		f.group(t, n)
	}
	f.want(t, 201, "POST", groups, `{"displayName":"Named","externalId":"G1"}`)
	for query, want := range map[string][]string{
		"":                   {"Staff", "Admins", "Guests", "Named"},
		"sortBy=displayName": {"Admins", "Guests", "Named", "Staff"},
		"sortBy=displayName&sortOrder=descending&count=2":     {"Staff", "Named"},
		"sortBy=externalId&count=1":                           {"Named"},
		"filter=" + escape(`displayName eq "staff"`):          {"Staff"},
		"filter=" + escape(`displayName co "s" and id pr`):    {"Staff", "Admins", "Guests"},
		"filter=" + escape(`externalId eq "G1"`):              {"Named"},
		"filter=" + escape(`externalId eq "none"`):            nil,
		"filter=" + escape(`members eq "nobody"`):             nil,
		"filter=" + escape(`displayName eq "x" or id eq "y"`): nil,
		"filter=" + escape(`displayName eq "a|b"`):            nil,
		"excludedAttributes=members&startIndex=2&count=1":     {"Admins"},
	} {
		r := f.want(t, 200, "GET", groups+"?"+query, "")
		if d := cmp.Diff(want, names(r)); d != "" {
			t.Errorf("%s -want +got:\n%s", query, d)
		}
	}
	f.want(t, 400, "GET", groups+"?filter="+escape(`members sw "a"`), "")
	f.want(t, 400, "GET", groups+"?sortBy=members", "")
}
