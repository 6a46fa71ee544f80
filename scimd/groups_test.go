package scimd

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	dirschema "gatehouse/directory/schema"
)

func TestGroupLife(t *testing.T) {
	f := newFixture(t)
	jane, joe := f.user(t, "jane"), f.user(t, "joe")
	r := f.want(t, 201, "POST", groups, `{"schemas":["`+urnGroup+`","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"G-1","displayName":"Staff","members":[{"value":"`+jane+`"}]}`)
	url := groups + "/" + r.id()
	if r.header.Get("Location") != "https://id.example.com"+url || r.body.str("externalId") != "G-1" {
		t.Errorf("got %s", r.raw)
	}
	want := newObject("value", jane, "$ref", "https://id.example.com/scim/v2/Users/"+jane, "display", "jane", "type", "User")
	if got := r.body.get("members"); !equalValues(got, []any{want}) {
		t.Errorf("members: %s", appendJSON(nil, got))
	}
	if d := cmp.Diff(r.raw, f.want(t, 200, "GET", url, "").raw); d != "" {
		t.Errorf("GET answers differently from POST:\n%s", d)
	}
	if dup := f.want(t, 409, "POST", groups, `{"displayName":"STAFF"}`); !strings.Contains(dup.raw, r.id()) {
		t.Errorf("got %s", dup.raw)
	}
	if dup := f.want(t, 409, "POST", groups, `{"displayName":"Other","externalId":"G-1"}`); !strings.Contains(dup.raw, r.id()) {
		t.Errorf("got %s", dup.raw)
	}
	f.want(t, 400, "POST", groups, `{"externalId":"G-2"}`)
	f.want(t, 400, "POST", groups, `{"displayName":"Other","members":[{"value":"nobody"}]}`)

	put := f.want(t, 200, "PUT", url, `{"displayName":"Crew","members":[{"value":"`+joe+`"}]}`)
	if put.body.str("displayName") != "Crew" || put.body.has("externalId") || !slices.Equal(f.members(t, r.id()), []string{joe}) {
		t.Errorf("got %s", put.raw)
	}
	f.want(t, 200, "PUT", url, `{"displayName":"Crew"}`)
	if !slices.Equal(f.members(t, r.id()), []string{joe}) {
		t.Error("a replacement without members took the members away")
	}
	f.want(t, 200, "PUT", url, `{"displayName":"Crew","members":null}`)
	if f.members(t, r.id()) != nil {
		t.Error("members null left somebody")
	}
	f.want(t, 400, "PUT", url, `{"members":[]}`)

	if user := f.want(t, 200, "GET", users+"/"+jane, ""); user.body.has("groups") {
		t.Errorf("got %s", user.raw)
	}
	f.want(t, 204, "DELETE", url, "")
	f.want(t, 404, "GET", url, "")
	f.want(t, 404, "PATCH", url, patchBody(`[{"op":"remove","path":"members"}]`))
	f.want(t, 404, "DELETE", url, "")
}

func TestPatchMembers(t *testing.T) {
	f := newFixture(t)
	id := f.group(t, "staff")
	url := groups + "/" + id
	a, b, c := f.user(t, "a"), f.user(t, "b"), f.user(t, "c")
	child := f.group(t, "child")
	fill := strings.NewReplacer("{A}", a, "{B}", b, "{C}", c, "{G}", child)
	steps := []struct {
		ops  string
		want []string
	}{
		{`{"op":"Add","path":"members","value":[{"$ref":null,"value":"{A}"},{"value":"{B}"}]}`, []string{a, b}},
		{`{"op":"add","path":"members","value":[{"value":"{A}"}]}`, []string{a, b}},
		{`{"op":"add","path":"members","value":[]}`, []string{a, b}},
		{`{"op":"add","path":"members","value":null}`, []string{a, b}},
		{`{"op":"remove","path":"members[value eq \"{A}\"]"}`, []string{b}},
		{`{"op":"remove","path":"members[value eq \"{A}\"]"}`, []string{b}},
		{`{"op":"remove","path":"members","value":[{"value":"nobody"},{"value":"{B}"}]}`, nil},
		{`{"op":"replace","path":"members","value":[{"value":"{B}"},{"value":"{C}"}]}`, []string{b, c}},
		{`{"op":"replace","value":{"displayName":"staff"}}`, []string{b, c}},
		{`{"op":"replace","path":"members","value":[]}`, nil},
		{`{"op":"add","value":{"members":[{"value":"{G}","type":"Group"},{"value":"{A}"}]}}`, []string{a, child}},
		{`{"op":"add","path":"members","value":[{"value":"{G}"}]}`, []string{a, child}},
		{`{"op":"remove","path":"members[value eq \"{G}\"]"}`, []string{a}},
		{`{"op":"remove","path":"members"}`, nil},
	}
	for _, s := range steps {
		r := f.want(t, 204, "PATCH", url, fill.Replace(patchBody("["+s.ops+"]")))
		if r.raw != "" || r.header.Get("ETag") == "" {
			t.Errorf("%s: body %q, ETag %q", s.ops, r.raw, r.header.Get("ETag"))
		}
		if got := f.members(t, id); !sameSet(got, s.want) {
			t.Fatalf("%s: got %v, want %v", s.ops, got, s.want)
		}
	}
	// Adding who is there and removing who is not leave the version alone.
	add := fill.Replace(patchBody(`[{"op":"add","path":"members","value":[{"value":"{A}"},{"value":"{G}"}]}]`))
	v := f.want(t, 204, "PATCH", url, add).header.Get("ETag")
	for _, body := range []string{add, fill.Replace(patchBody(`[{"op":"remove","path":"members[value eq \"{B}\"]"}]`))} {
		if again := f.want(t, 204, "PATCH", url, body).header.Get("ETag"); again != v {
			t.Errorf("%s: version %s became %s", body, v, again)
		}
	}
	if r := f.want(t, 200, "PATCH", url+"?attributes=displayName", add); r.body.str("displayName") != "staff" || r.body.has("members") {
		t.Errorf("with attributes: %s", r.raw)
	}
	f.want(t, 400, "PATCH", url, fill.Replace(patchBody(`[{"op":"add","path":"members","value":[{"value":"nobody"}]}]`)))
	f.want(t, 412, "PATCH", url, add, "If-Match", `W/"0"`)
	cycle := patchBody(`[{"op":"add","path":"members","value":[{"value":"` + id + `"}]}]`)
	if r := f.want(t, 400, "PATCH", groups+"/"+child, cycle); !strings.Contains(r.raw, "cycle") {
		t.Errorf("got %s", r.raw)
	}
	r := f.want(t, 200, "GET", users+"/"+a, "")
	if gs := elementsOf(r.body, "groups"); len(gs) != 1 || gs[0].str("type") != "direct" || gs[0].str("value") != id {
		t.Errorf("groups of a: %s", r.raw)
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestIndirectGroups(t *testing.T) {
	f := newFixture(t)
	jane, inner, outer := f.user(t, "jane"), f.group(t, "inner"), f.group(t, "outer")
	f.want(t, 204, "PATCH", groups+"/"+inner, patchBody(`[{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}]`))
	f.want(t, 204, "PATCH", groups+"/"+outer, patchBody(`[{"op":"add","path":"members","value":[{"value":"`+inner+`"}]}]`))
	got := map[string]string{}
	for _, g := range elementsOf(f.want(t, 200, "GET", users+"/"+jane, "").body, "groups") {
		got[g.str("display")] = g.str("type")
	}
	if d := cmp.Diff(map[string]string{"inner": "direct", "outer": "indirect"}, got); d != "" {
		t.Error(d)
	}
	for filter, want := range map[string]string{`members eq "` + jane + `"`: inner, `members[value eq "` + inner + `"]`: outer} {
		r := f.want(t, 200, "GET", groups+"?filter="+escape(filter), "")
		if list := elementsOf(r.body, "Resources"); len(list) != 1 || list[0].str("id") != want {
			t.Errorf("%s: %s", filter, r.raw)
		}
	}
}

// TestScope: a source reaches what it made or was given, and nothing else.
func TestScope(t *testing.T) {
	f := newFixture(t)
	hrUser, hrGroup := f.user(t, "jane"), f.group(t, "staff")
	crm := as(crmToken)
	crmUser := f.want(t, 201, "POST", users, `{"schemas":["`+urnUser+`"],"userName":"carl"}`, crm...).id()
	add := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"` + crmUser + `"}]}]}`
	title := patchBody(`[{"op":"replace","path":"title","value":"x"}]`)
	for _, step := range []struct{ method, path, body string }{
		{"PATCH", users + "/" + hrUser, title},
		{"PATCH", users + "/" + hrUser, patchBody(`[{"op":"replace","path":"active","value":false}]`)},
		{"PATCH", users + "/" + hrUser, patchBody(`[{"op":"replace","path":"externalId","value":"mine"}]`)},
		{"PUT", users + "/" + hrUser, `{"schemas":["` + urnUser + `"],"userName":"jane2"}`},
		{"DELETE", users + "/" + hrUser, ""},
		{"PATCH", groups + "/" + hrGroup, add},
		{"PATCH", groups + "/" + hrGroup, patchBody(`[{"op":"remove","path":"members"}]`)},
		{"PATCH", groups + "/" + hrGroup, patchBody(`[{"op":"replace","path":"displayName","value":"x"}]`)},
		{"PATCH", groups + "/" + hrGroup, patchBody(`[{"op":"replace","path":"externalId","value":"mine"}]`)},
		{"DELETE", groups + "/" + hrGroup, ""},
	} {
		f.want(t, 403, step.method, step.path, step.body, crm...)
	}
	f.source(t, "crm", "", dirschema.SCIMSource{Profile: "rfc", WritableGroups: []string{"STAFF"}})
	f.want(t, 204, "PATCH", groups+"/"+hrGroup, add, crm...)
	f.want(t, 403, "PATCH", groups+"/"+hrGroup, patchBody(`[{"op":"replace","path":"displayName","value":"x"}]`), crm...)
	// hr put jane in; crm's removal touches its own rows only.
	f.want(t, 204, "PATCH", groups+"/"+hrGroup, strings.Replace(add, crmUser, hrUser, 1))
	f.want(t, 204, "PATCH", groups+"/"+hrGroup, patchBody(`[{"op":"remove","path":"members"}]`), crm...)
	if got := f.members(t, hrGroup); !slices.Equal(got, []string{hrUser}) {
		t.Errorf("left: %v, want %s", got, hrUser)
	}
}

func TestAdministratorsAreNotReached(t *testing.T) {
	f := newFixture(t)
	id := f.user(t, "boss")
	f.operate(t, func(w *directory.Writer) error {
		u, err := w.UserByUID(id)
		if err != nil {
			return err
		}
		return w.Grant(u.ID, directory.RoleOwner, u.Expires)
	})
	f.want(t, 403, "PATCH", users+"/"+id, patchBody(`[{"op":"replace","path":"password","value":"a brand new password"}]`))
	f.want(t, 403, "PATCH", users+"/"+id, patchBody(`[{"op":"replace","path":"active","value":false}]`))
	f.want(t, 403, "DELETE", users+"/"+id, "")
}

// TestRestrictedAttributes: off unless the writable scope names them.
func TestRestrictedAttributes(t *testing.T) {
	f := newFixture(t)
	f.source(t, "crm", "", dirschema.SCIMSource{})
	crm := as(crmToken)
	body := `{"userName":"carl","password":"correct horse battery","urn:ietf:params:scim:schemas:extension:ssh:2.0:User":{"sshPublicKey":["ssh-ed25519 AAAA"]},"urn:ietf:params:scim:schemas:extension:posix:2.0:User":{"uidNumber":0,"gidNumber":0}}`
	r := f.want(t, 201, "POST", users, body, crm...)
	if r.body.has(urnSSH) || strings.Contains(r.raw, `"uidNumber":0`) {
		t.Errorf("got %s", r.raw)
	}
	d, err := f.dir.Authenticate(t.Context(), directory.Attempt{Name: "carl", Proof: directory.PasswordProof{Password: "correct horse battery"}, App: directory.AppDirectory})
	if err != nil || d.Outcome != directory.Deny {
		t.Errorf("the password was set: %v %v", d.Outcome, err)
	}
	for _, path := range []string{"password", "uidNumber", "gidNumber", "sshPublicKey"} {
		f.want(t, 400, "PATCH", users+"/"+r.id(), patchBody(`[{"op":"replace","path":"`+path+`","value":"1"}]`), crm...)
	}
	f.want(t, 200, "PATCH", users+"/"+r.id(), patchBody(`[{"op":"replace","value":{"password":"x","title":"y"}}]`), crm...)
	schema := f.want(t, 200, "GET", "/scim/v2/Schemas/"+urnUser, "", crm...)
	i := strings.Index(schema.raw, `"name":"password"`)
	if !strings.Contains(schema.raw[i:i+400], `"mutability":"readOnly"`) {
		t.Error("the schema says that the password can be written")
	}
}

// TestConcurrentAdds: nothing is lost when many add members to one group.
func TestConcurrentAdds(t *testing.T) {
	f := newFixture(t)
	id := f.group(t, "staff")
	const workers, each = 8, 25
	ids := make([]string, workers*each)
	for i := range ids {
		ids[i] = f.user(t, fmt.Sprintf("user%d", i))
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for _, u := range ids[w*each : (w+1)*each] {
				r := f.send(t, "PATCH", groups+"/"+id, patchBody(`[{"op":"add","path":"members","value":[{"value":"`+u+`"}]}]`))
				if r.status != 204 {
					t.Errorf("got %d %s", r.status, r.raw)
				}
			}
		})
	}
	wg.Wait()
	if got := f.members(t, id); !sameSet(got, ids) {
		t.Errorf("%d members, want %d", len(got), len(ids))
	}
}
