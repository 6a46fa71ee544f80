package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"gatehouse/test/stage"
)

// TestDifferential asks OpenLDAP's slapd and ldapd the same questions about the
// same entries. TestConformanceDifferential is the long form.
func TestDifferential(t *testing.T) {
	differential(t, 500, 30, 200)
}

// differential loads people and groups with values that are hard to handle into
// Gatehouse, what it publishes into slapd, and compares the answers to searches
// that are made from one seed. What is compared: the set of entries, and of each
// the set of values by attribute. Differences that docs/spec/ldap.md accepts are
// kept out of the questions.
func differential(t *testing.T, people, groups, searches int) {
	w := newWorld(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if r, err := w.CLI(ctx, "", "apply", "-f", w.file(t, "town.yaml", oddTown(people, groups))); err != nil || r.Code != 0 {
		t.Fatalf("apply: %v, %v", r, err)
	}
	w.start(t, "ldapd")
	ours := w.reader(t)
	entries := everything(t, ours)
	if len(entries) < people+groups {
		t.Fatalf("%d entries of %d people and %d groups", len(entries), people, groups)
	}
	peer := startSlapd(t, entries)
	q := questions{r: rand.New(rand.NewPCG(7, 11)), entries: entries}
	found := 0
	for range searches {
		ask := q.next()
		want, wantErr := asked(peer, ask)
		if ldap.IsErrorWithCode(wantErr, ldap.LDAPResultBusy) {
			// slapd forgets to end some sorted searches in pages. The set is the same without.
			plain := ask
			plain.page, plain.sort = 0, ""
			want, wantErr = asked(peer, plain)
		}
		got, gotErr := asked(ours, ask)
		if resultCode(t, wantErr) != resultCode(t, gotErr) {
			t.Errorf("%s:\nslapd: %v\nldapd: %v", describe(ask), wantErr, gotErr)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-slapd +ldapd):\n%s", describe(ask), clip(diff))
		}
		if len(want) > 0 && len(want) < len(entries)/2 {
			found++
		}
	}
	if found < searches/5 {
		t.Errorf("only %d of %d searches choose among the entries", found, searches)
	}
}

// oddTown is people and groups in a file for apply, some of them with values that
// need escapes, folding or care.
func oddTown(people, groups int) string {
	r := rand.New(rand.NewPCG(3, 5))
	odd := []string{
		"Zoë", "O'Brien, Pat", "plus+minus", "  spaces   inside  ", `back\slash`, `"quoted"`, "<angle>", "semi;colon", "#hash", "equal=sign",
		"Ærøskøbing", "Straße", "日本語", "DÉJÀ vu", "star*", "(paren)", "a", "Ng",
		"Jose\u0301", "ﬁne ﬂow", "Ⅷ half-½", "İstanbul", "ΣΊΣΥΦΟΣ", "no\u00a0break", "tab\there", "🔑 key", "trailing ", "#", " ", "١٢٣",
	}
	pick := func() string { return odd[r.IntN(len(odd))] }
	quote := strconv.Quote
	plain := func(s string) string { return strings.ReplaceAll(s, "\t", " ") } // a name has no control characters
	users, lists := &strings.Builder{}, &strings.Builder{}
	for i := range people {
		fmt.Fprintf(users, "  - {username: u%05d, given_name: %s, family_name: %s, emails: [u%05d@example.com], attributes: {displayName: %s", i, quote(pick()), quote(pick()+" "+pick()), i, quote(pick()))
		if r.IntN(2) == 0 {
			fmt.Fprintf(users, ", title: %s", quote(pick()))
		}
		if r.IntN(3) == 0 {
			fmt.Fprintf(users, ", workPhone: [\"+41 44 %d\", \"+41-79-%d\"]", 100+r.IntN(900), 100+r.IntN(900))
		}
		if r.IntN(3) == 0 {
			fmt.Fprintf(users, ", employeeNumber: \"%d\", department: %s", r.IntN(1000), quote(pick()))
		}
		if r.IntN(8) == 0 {
			users.WriteString(`, jpegPhoto: "/9gAAf8A"`)
		}
		if r.IntN(8) == 0 {
			users.WriteString(`, preferredLanguage: "", mobilePhone: [""]`)
		}
		users.WriteString("}}\n")
	}
	for i := range groups {
		var members []string
		for range r.IntN(2 * (1 + people/groups)) {
			if m := fmt.Sprintf("u%05d", r.IntN(people)); !slices.Contains(members, m) {
				members = append(members, m)
			}
		}
		fmt.Fprintf(lists, "  - {name: %s, members: [%s]}\n", quote(strings.TrimSpace(fmt.Sprintf("%s %d", strings.TrimSpace(plain(pick())), i))), strings.Join(members, ", "))
	}
	return "users:\n" + users.String() + "groups:\n" + lists.String()
}

// everything is all entries with their user attributes.
func everything(t *testing.T, conn *ldap.Conn) []*ldap.Entry {
	t.Helper()
	found, err := conn.SearchWithPaging(ldap.NewSearchRequest(stage.BaseDN, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=*)", []string{"*"}, nil), 500)
	if err != nil {
		t.Fatal(err)
	}
	return found.Entries
}

// question is one search.
type question struct {
	request *ldap.SearchRequest
	page    uint32 // 0: not in pages
	sort    string // the key to sort by, "": not sorted
}

func describe(q question) string {
	r := q.request
	return fmt.Sprintf("base %q scope %d filter %s attributes %q types only %t pages of %d sorted by %q", r.BaseDN, r.Scope, r.Filter, r.Attributes, r.TypesOnly, q.page, q.sort)
}

// asked is the entries by normalised name, each with its sorted values by
// attribute in lower case.
func asked(conn *ldap.Conn, q question) (map[string]map[string][]string, error) {
	var found *ldap.SearchResult
	var err error
	request := *q.request // the client keeps its cookie in it
	if q.sort != "" {
		request.Controls = []ldap.Control{ldap.NewControlServerSideSortingWithSortKeys([]*ldap.SortKey{{AttributeType: q.sort}})}
	}
	if q.page > 0 {
		found, err = conn.SearchWithPaging(&request, q.page)
	} else {
		found, err = conn.Search(&request)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]map[string][]string{}
	for _, e := range found.Entries {
		attrs := map[string][]string{}
		for _, a := range e.Attributes {
			values := slices.Clone(a.Values)
			for i, v := range values {
				if dn, err := ldap.ParseDN(v); err == nil && strings.HasSuffix(v, stage.BaseDN) {
					values[i] = normalDN(dn)
				}
			}
			slices.Sort(values)
			attrs[strings.ToLower(a.Name)] = values
		}
		dn, err := ldap.ParseDN(e.DN)
		if err != nil {
			return nil, err
		}
		out[normalDN(dn)] = attrs
	}
	return out, nil
}

func normalDN(dn *ldap.DN) string {
	var parts []string
	for _, rdn := range dn.RDNs {
		parts = append(parts, fmt.Sprintf("%s=%q", strings.ToLower(rdn.Attributes[0].Type), rdn.Attributes[0].Value))
	}
	return strings.Join(parts, ",")
}

func clip(s string) string {
	if len(s) > 1500 {
		return s[:1500] + " …"
	}
	return s
}

// questions makes searches from the values that there are.
type questions struct {
	r       *rand.Rand
	entries []*ldap.Entry
}

func (q *questions) next() question {
	r := q.r
	bases := []string{stage.BaseDN, usersDN, groupsDN, usersDN, q.entry().DN, "ou=nosuch," + stage.BaseDN, "uid=nosuch," + usersDN}
	lists := [][]string{
		nil,
		{"*"},
		{"1.1"},
		{"cn", "mail"},
		{"CN", "surname", "nosuch"},
		{"2.5.4.3"},
		{"@posixAccount"},
		{"member"},
		{"objectClass", "uidNumber"},
		{"name"},
		{"jpegPhoto", "description"},
		{"@nosuch", "uid"},
	}
	base := bases[r.IntN(4)]
	if r.IntN(5) == 0 {
		base = bases[r.IntN(len(bases))]
	}
	out := question{request: &ldap.SearchRequest{
		BaseDN: base, Scope: r.IntN(3), Filter: q.filter(r.IntN(4)), Attributes: lists[r.IntN(len(lists))], TypesOnly: r.IntN(5) == 0,
	}}
	if r.IntN(4) > 0 {
		out.request.Scope = ldap.ScopeWholeSubtree
	}
	if r.IntN(3) == 0 {
		// Not thousands of pages: a sorted search is done anew for each.
		out.page = uint32(len(q.entries)/100 + 1 + r.IntN(200))
	}
	if r.IntN(4) == 0 {
		out.sort = []string{"uidNumber", "createTimestamp"}[r.IntN(2)]
	}
	return out
}

func (q *questions) entry() *ldap.Entry { return q.entries[q.r.IntN(len(q.entries))] }

func (q *questions) filter(depth int) string {
	if depth == 0 {
		return q.leaf()
	}
	switch q.r.IntN(5) {
	case 0:
		return "(!" + q.filter(depth-1) + ")"
	case 1, 2:
		op := string("&|"[q.r.IntN(2)])
		var b strings.Builder
		for range q.r.IntN(4) {
			b.WriteString(q.filter(depth - 1))
		}
		return "(" + op + b.String() + ")"
	default:
		return q.leaf()
	}
}

// leaf asks about a value that some entry has, or nearly.
func (q *questions) leaf() string {
	r, e := q.r, q.entry()
	a := e.Attributes[r.IntN(len(e.Attributes))]
	name, value := a.Name, string(a.ByteValues[r.IntN(len(a.ByteValues))])
	switch r.IntN(12) {
	case 0:
		return "(" + name + "=*)"
	case 1:
		return "(nosuch=" + ldap.EscapeFilter(value) + ")"
	case 2:
		return []string{"(objectClass=nosuch)", "(uidNumber=abc)", "(uid=)", "(member=not a name)", "(cn=*)"}[r.IntN(5)]
	case 3:
		value = strings.ToUpper(value)
	case 4:
		name = []string{"name", "2.5.4.3", "surname", "commonName"}[r.IntN(4)]
	}
	if !isText(name) {
		return "(" + name + "=" + ldap.EscapeFilter(value) + ")"
	}
	runes := []rune(value)
	at := func() int { return r.IntN(len(runes) + 1) }
	switch k := r.IntN(10); {
	case k < 3 && len(runes) > 2:
		return q.substrings(name, runes)
	case k == 3 && (name == "uidNumber" || name == "gidNumber"):
		return fmt.Sprintf("(%s%s=%s)", name, string("<>"[r.IntN(2)]), value)
	case k == 4 && isDirectoryString(name):
		return "(" + name + ":caseExactMatch:=" + ldap.EscapeFilter(value) + ")"
	case k == 5:
		return "(ou:dn:=" + []string{"users", "groups", "nosuch"}[r.IntN(3)] + ")"
	case k == 6:
		return "(" + name + "=" + ldap.EscapeFilter(string(runes[:at()])) + ")"
	}
	return "(" + name + "=" + ldap.EscapeFilter(value) + ")"
}

func (q *questions) substrings(name string, value []rune) string {
	cut := 1 + q.r.IntN(len(value)-2)
	for _, at := range []int{0, cut - 1, cut + 1, len(value) - 1} {
		if value[at] == ' ' { // a part that begins or ends with a space, see docs/spec/ldap.md
			return "(" + name + "=" + ldap.EscapeFilter(string(value)) + ")"
		}
	}
	a, b := ldap.EscapeFilter(string(value[:cut])), ldap.EscapeFilter(string(value[cut+1:]))
	return "(" + name + []string{"=" + a + "*)", "=*" + b + ")", "=*" + a + "*)", "=" + a + "*" + b + ")"}[q.r.IntN(4)]
}

// isText reports whether substrings and exact comparison make sense.
func isText(name string) bool {
	return !slices.Contains([]string{"objectClass", "member", "uniqueMember", "manager", "jpegPhoto", "sshPublicKey"}, name)
}

// isDirectoryString reports whether slapd applies caseExactMatch.
func isDirectoryString(name string) bool {
	return slices.Contains([]string{"cn", "sn", "givenName", "displayName", "title", "uid", "departmentNumber", "employeeNumber", "ou"}, name)
}
