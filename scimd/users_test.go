package scimd

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
)

// The body that provisioners are promised to get by with.
const acceptance = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jdoe","name":{"givenName":"John","familyName":"Doe"},"emails":[{"value":"jdoe@example.com","primary":true}],"active":true}`

func TestCreateUser(t *testing.T) {
	f := newFixture(t)
	r := f.want(t, 201, "POST", users, acceptance, "Content-Type", "application/json")
	id := r.id()
	if id == "" || r.header.Get("Location") != "https://id.example.com/scim/v2/Users/"+id {
		t.Errorf("id %q, Location %q", id, r.header.Get("Location"))
	}
	if v := r.header.Get("ETag"); v == "" || v != r.body.get("meta").(*object).str("version") {
		t.Errorf("ETag %q in %s", v, r.raw)
	}
	got := f.want(t, 200, "GET", users+"/"+id, "")
	if d := cmp.Diff(r.raw, got.raw); d != "" {
		t.Errorf("GET answers differently from POST:\n%s", d)
	}
	for _, part := range []string{`"userName":"jdoe"`, `"active":true`, `"givenName":"John"`, `{"value":"jdoe@example.com","primary":true}`, `"resourceType":"User"`, `"uidNumber":`} {
		if !strings.Contains(got.raw, part) {
			t.Errorf("%s is missing in %s", part, got.raw)
		}
	}
	err := f.dir.Read(t.Context(), directory.System("test"), func(r *directory.Reader) error {
		u, err := r.UserByName(directory.Person, "jdoe")
		if err != nil {
			return err
		}
		want := []directory.Email{{Address: "jdoe@example.com", Primary: true, Verified: true, Source: "scim:hr"}}
		if d := cmp.Diff(want, u.Emails); d != "" || u.Source != "scim:hr" {
			t.Errorf("source %s, addresses:\n%s", u.Source, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const full = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"id":"ignored","meta":{"version":"ignored"},"groups":[{"value":"ignored"}],"favouriteColour":"blue",
"externalId":"E-1","userName":"jane","displayName":"Jane D","nickName":"J","profileUrl":"https://example.com/jane","title":"Engineer","userType":"Employee",
"preferredLanguage":"de","locale":"de-CH","timezone":"Europe/Zurich","active":"True","password":"correct horse battery",
"name":{"formatted":"Ms. Jane M. Doe","familyName":"Doe","givenName":"Jane","middleName":"M.","honorificPrefix":"Ms.","honorificSuffix":"PhD"},
"emails":[{"value":"jane@example.com","type":"work","primary":true},{"value":"j@home.example","type":"home"}],
"phoneNumbers":[{"value":"+41 1","type":"work"},{"value":"+41 2","type":"mobile"},{"value":"+41 3","type":"fax"},{"value":"+41 4","type":"satellite"}],
"addresses":[{"type":"work","formatted":"Way 1\nZurich","streetAddress":"Way 1","locality":"Zurich","region":"ZH","postalCode":"8000","country":"CH"},{"type":"home","locality":"Basel"}],
"roles":["b",{"value":"a","primary":true}],"entitlements":[{"value":"x"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","organization":"O","division":"D","department":"R&D","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d","displayName":"ignored"}},
"urn:ietf:params:scim:schemas:extension:posix:2.0:User":{"homeDirectory":"/home/jane","loginShell":"/bin/zsh","gecos":"Jane","uidNumber":1},
"urn:ietf:params:scim:schemas:extension:ssh:2.0:User":{"sshPublicKey":["ssh-ed25519 AAAA jane"]}}`

func TestEveryAttributeComesBack(t *testing.T) {
	f := newFixture(t)
	created := f.want(t, 201, "POST", users, full)
	got := created.body.clone()
	for _, name := range []string{"schemas", "id", "meta"} {
		got.set(name, nil)
	}
	posix := got.get(urnPosix).(*object)
	if n := posix.get("uidNumber"); n == nil || string(appendJSON(nil, n)) == "1" {
		t.Errorf("uidNumber is %v", n)
	}
	posix.set("uidNumber", nil)
	posix.set("gidNumber", nil)
	want, err := decodeObject([]byte(`{"externalId":"E-1","userName":"jane","displayName":"Jane D","nickName":"J","profileUrl":"https://example.com/jane","title":"Engineer","userType":"Employee",
"preferredLanguage":"de","locale":"de-CH","timezone":"Europe/Zurich","active":true,
"name":{"formatted":"Ms. Jane M. Doe","familyName":"Doe","givenName":"Jane","middleName":"M.","honorificPrefix":"Ms.","honorificSuffix":"PhD"},
"emails":[{"value":"jane@example.com","type":"work","primary":true},{"value":"j@home.example","type":"home"}],
"phoneNumbers":[{"value":"+41 1","type":"work","primary":true},{"value":"+41 2","type":"mobile"},{"value":"+41 3","type":"fax"},{"value":"+41 4","type":"satellite"}],
"addresses":[{"formatted":"Way 1\nZurich","streetAddress":"Way 1","locality":"Zurich","region":"ZH","postalCode":"8000","country":"CH","type":"work","primary":true},{"locality":"Basel","type":"home"}],
"roles":[{"value":"a","primary":true},{"value":"b"}],"entitlements":[{"value":"x","primary":true}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","organization":"O","division":"D","department":"R&D","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d","$ref":"https://id.example.com/scim/v2/Users/26118915-6090-4610-87e4-49d8ca9f808d"}},
"urn:ietf:params:scim:schemas:extension:posix:2.0:User":{"homeDirectory":"/home/jane","loginShell":"/bin/zsh","gecos":"Jane"},
"urn:ietf:params:scim:schemas:extension:ssh:2.0:User":{"sshPublicKey":["ssh-ed25519 AAAA jane"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range want.members {
		if v := got.get(m.name); !equalValues(m.value, v) {
			t.Errorf("%s: got %s, want %s", m.name, appendJSON(nil, v), appendJSON(nil, m.value))
		}
	}
	if len(got.members) != len(want.members) {
		t.Errorf("got %s", appendJSON(nil, got))
	}
	if strings.Contains(created.raw, "correct horse") || strings.Contains(f.log.String(), "correct horse") {
		t.Error("the password is in the answer or in the log")
	}
	// The same again changes nothing.
	again := f.want(t, 200, "PUT", users+"/"+created.id(), strings.Replace(full, `,"password":"correct horse battery"`, "", 1))
	if d := cmp.Diff(created.raw, again.raw); d != "" {
		t.Errorf("replaced by itself:\n%s", d)
	}
}

func TestPasswordOpensTheDoor(t *testing.T) {
	f := newFixture(t)
	f.want(t, 201, "POST", users, full)
	d, err := f.dir.Authenticate(t.Context(), directory.Attempt{
		Name: "jane", Proof: directory.PasswordProof{Password: "correct horse battery"}, App: directory.AppDirectory, Protocol: directory.ProtocolLDAP,
	})
	if err != nil || d.Outcome != directory.Allow {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestReplaceUser(t *testing.T) {
	f := newFixture(t)
	created := f.want(t, 201, "POST", users, full)
	url := users + "/" + created.id()
	f.want(t, 200, "PATCH", url, patchBody(`[{"op":"replace","path":"active","value":false}]`))
	r := f.want(t, 200, "PUT", url, `{"schemas":["`+urnUser+`"],"userName":"jane","title":"Boss"}`)
	for _, name := range []string{"externalId", "name", "emails", "phoneNumbers", "addresses", "roles", urnEnterprise, urnSSH} {
		if r.body.has(name) {
			t.Errorf("%s is still there: %s", name, r.raw)
		}
	}
	if r.body.str("title") != "Boss" || r.body.get("active") != false || extensionOf(r.body, urnPosix).get("uidNumber") == nil {
		t.Errorf("got %s", r.raw)
	}
	f.want(t, 400, "PUT", url, `{"schemas":["`+urnUser+`"],"title":"Boss"}`)
	f.want(t, 404, "PUT", users+"/none", `{"schemas":["`+urnUser+`"],"userName":"x"}`)
}

func TestPatchUser(t *testing.T) {
	f := newFixture(t)
	created := f.want(t, 201, "POST", users, full)
	url := users + "/" + created.id()
	ops := patchBody(`[{"op":"Replace","path":"name.familyName","value":"Miller"},{"op":"Add","path":"emails[type eq \"other\"].value","value":"o@example.com"},
		{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":null},{"op":"replace","path":"userName","value":"jmiller"},{"op":"replace","value":{"externalId":"E-2"}}]`)
	r := f.want(t, 200, "PATCH", url, ops)
	name := r.body.get("name").(*object)
	if name.str("familyName") != "Miller" || name.str("givenName") != "Jane" || r.body.str("userName") != "jmiller" ||
		r.body.str("externalId") != "E-2" || extensionOf(r.body, urnEnterprise).has("department") || len(elementsOf(r.body, "emails")) != 3 {
		t.Errorf("got %s", r.raw)
	}
	if r.header.Get("ETag") == created.header.Get("ETag") {
		t.Error("the version is the same")
	}
	// A replayed PATCH leaves the version unchanged.
	if again := f.want(t, 200, "PATCH", url, ops); again.header.Get("ETag") != r.header.Get("ETag") {
		t.Errorf("replayed: %s became %s", r.header.Get("ETag"), again.header.Get("ETag"))
	}
	f.want(t, 404, "PATCH", users+"/none", ops)
	f.want(t, 400, "PATCH", url, `{"Operations":[{"op":"replace","path":"userName","value":"not a name!"}]}`)
	if bad := f.want(t, 400, "PATCH", url, patchBody(`[{"op":"replace","path":"title","value":"x"},{"op":"replace","path":"nothing","value":"x"}]`)); bad.body.str("scimType") != errInvalidPath {
		t.Errorf("got %s", bad.raw)
	}
	if after := f.want(t, 200, "GET", url, ""); after.body.str("title") != "Engineer" {
		t.Error("half of a PATCH was applied")
	}
}

func TestDisableAndEnable(t *testing.T) {
	f := newFixture(t)
	url := users + "/" + f.want(t, 201, "POST", users, full).id()
	attempt := directory.Attempt{Name: "jane", Proof: directory.PasswordProof{Password: "correct horse battery"}, App: directory.AppDirectory, Protocol: directory.ProtocolLDAP}
	for _, tt := range []struct {
		op   string
		want directory.Outcome
	}{
		{`{"op":"Replace","path":"active","value":"False"}`, directory.Deny},
		{`{"op":"Replace","path":"active","value":"False"}`, directory.Deny},
		{`{"op":"replace","value":{"active":true}}`, directory.Allow},
	} {
		r := f.want(t, 200, "PATCH", url, patchBody("["+tt.op+"]"))
		if r.body.get("active") != (tt.want == directory.Allow) {
			t.Errorf("%s: %s", tt.op, r.raw)
		}
		d, err := f.dir.Authenticate(t.Context(), attempt)
		if err != nil || d.Outcome != tt.want {
			t.Errorf("%s: got %v %v, %v", tt.op, d.Outcome, d.Reason, err)
		}
	}
	inactive := f.want(t, 201, "POST", users, `{"schemas":["`+urnUser+`"],"userName":"late","active":false}`)
	if inactive.body.get("active") != false {
		t.Errorf("created as %s", inactive.raw)
	}
}

func TestLockdownIsAboveTheSource(t *testing.T) {
	f := newFixture(t)
	id := f.user(t, "jane")
	f.operate(t, func(w *directory.Writer) error {
		u, err := w.UserByUID(id)
		if err != nil {
			return err
		}
		_, err = w.Lockdown(u.ID, "stolen laptop")
		return err
	})
	f.want(t, 403, "PATCH", users+"/"+id, patchBody(`[{"op":"replace","path":"active","value":true}]`))
	if r := f.want(t, 200, "GET", users+"/"+id, ""); r.body.get("active") != false {
		t.Errorf("got %s", r.raw)
	}
}

func TestDeleteUser(t *testing.T) {
	f := newFixture(t)
	id := f.want(t, 201, "POST", users, full).id()
	if r := f.want(t, 204, "DELETE", users+"/"+id, ""); r.raw != "" {
		t.Errorf("a body: %s", r.raw)
	}
	for _, m := range []string{"GET", "DELETE"} {
		f.want(t, 404, m, users+"/"+id, "")
	}
	f.want(t, 404, "PATCH", users+"/"+id, patchBody(`[{"op":"replace","path":"active","value":true}]`))
	if r := f.want(t, 200, "GET", users+`?filter=userName+eq+"jane"`, ""); r.body.get("totalResults") != number(0) {
		t.Errorf("still listed: %s", r.raw)
	}
	// Name, address and externalId are free at once; the id is not used again.
	if again := f.want(t, 201, "POST", users, full).id(); again == id {
		t.Error("the id was given again")
	}
}

func TestUniqueness(t *testing.T) {
	f := newFixture(t)
	id := f.want(t, 201, "POST", users, full).id()
	for name, body := range map[string]string{
		"the same again":            full,
		"the same userName":         `{"schemas":["` + urnUser + `"],"userName":"JANE"}`,
		"the same externalId":       `{"schemas":["` + urnUser + `"],"userName":"other","externalId":"E-1"}`,
		"the same verified address": `{"schemas":["` + urnUser + `"],"userName":"other","emails":[{"value":"JANE@example.com","primary":true}]}`,
	} {
		r := f.want(t, 409, "POST", users, body)
		if r.body.str("scimType") != errUniqueness || !strings.Contains(r.body.str("detail"), id) {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	// Another source has externalIds of its own.
	f.want(t, 201, "POST", users, `{"schemas":["`+urnUser+`"],"userName":"other","externalId":"E-1"}`, as(crmToken)...)
}

func TestETags(t *testing.T) {
	f := newFixture(t)
	id := f.user(t, "jane")
	url := users + "/" + id
	v1 := f.want(t, 200, "GET", url, "").header.Get("ETag")
	if r := f.want(t, 304, "GET", url, "", "If-None-Match", v1); r.raw != "" || r.header.Get("ETag") != v1 {
		t.Errorf("304 with %q %q", r.raw, r.header.Get("ETag"))
	}
	f.want(t, 200, "GET", url, "", "If-None-Match", `W/"77"`)
	patch := patchBody(`[{"op":"replace","path":"title","value":"Boss"}]`)
	f.want(t, 412, "PATCH", url, patch, "If-Match", `W/"77"`)
	v2 := f.want(t, 200, "PATCH", url, patch, "If-Match", `W/"77", `+v1, "If-None-Match", "*").header.Get("ETag")
	if v1 == v2 {
		t.Error("the version is the same")
	}
	if r := f.want(t, 201, "POST", users, acceptance, "If-None-Match", "*"); r.id() == "" {
		t.Error("created without a body")
	}
	f.want(t, 412, "PUT", url, `{"schemas":["`+urnUser+`"],"userName":"jane"}`, "If-Match", v1)
	f.want(t, 412, "DELETE", url, "", "If-Match", v1)
	f.want(t, 200, "PUT", url, `{"schemas":["`+urnUser+`"],"userName":"jane"}`, "If-Match", "*")
	v3 := f.want(t, 200, "PATCH", url, patchBody(`[{"op":"add","path":"externalId","value":"E"}]`)).header.Get("ETag")
	if f.want(t, 200, "PATCH", url, patchBody(`[{"op":"add","path":"externalId","value":"F"}]`)).header.Get("ETag") == v3 {
		t.Error("another externalId has the same version")
	}
	f.want(t, 204, "DELETE", url, "", "If-Match", strings.Trim(f.want(t, 200, "GET", url, "").header.Get("ETag"), `W/"`))
}

func TestProjection(t *testing.T) {
	f := newFixture(t)
	id := f.want(t, 201, "POST", users, full).id()
	tests := []struct{ query, want string }{
		{"attributes=userName", `{"schemas":S,"id":"ID","userName":"jane"}`},
		{"attributes=USERNAME,name.givenName", `{"schemas":S,"id":"ID","userName":"jane","name":{"givenName":"Jane"}}`},
		{"attributes=emails.value", `{"schemas":S,"id":"ID","emails":[{"value":"jane@example.com"},{"value":"j@home.example"}]}`},
		{"attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", `{"schemas":S,"id":"ID","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D"}}`},
		{"attributes=urn:ietf:params:scim:schemas:extension:ssh:2.0:User", `{"schemas":S,"id":"ID","urn:ietf:params:scim:schemas:extension:ssh:2.0:User":{"sshPublicKey":["ssh-ed25519 AAAA jane"]}}`},
		{"attributes=password", `{"schemas":S,"id":"ID"}`},
		{"attributes=nothing", `{"schemas":S,"id":"ID"}`},
	}
	whole := f.want(t, 200, "GET", users+"/"+id, "")
	fill := strings.NewReplacer("ID", id, "S,", string(appendJSON(nil, whole.body.get("schemas")))+",")
	for _, tt := range tests {
		r := f.want(t, 200, "GET", users+"/"+id+"?"+tt.query, "")
		if d := cmp.Diff(fill.Replace(tt.want), r.raw); d != "" {
			t.Errorf("%s -want +got:\n%s", tt.query, d)
		}
	}
	r := f.want(t, 200, "GET", users+"/"+id+"?excludedAttributes=id,name,emails.type,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "")
	if r.id() != id || r.body.has("name") || r.body.has(urnEnterprise) || strings.Contains(r.raw, `"type":"home"},{"value"`) ||
		elementsOf(r.body, "emails")[0].has("type") || !r.body.has("title") {
		t.Errorf("got %s", r.raw)
	}
	f.want(t, 400, "GET", users+"/"+id+"?attributes=a&excludedAttributes=b", "")
	f.want(t, 400, "GET", users+"/"+id+"?attributes=a[b+pr]", "")
	if list := f.want(t, 200, "GET", users+"?attributes=userName", ""); !strings.Contains(list.raw, fill.Replace(tests[0].want)) {
		t.Errorf("list: %s", list.raw)
	}
	if patched := f.want(t, 200, "PATCH", users+"/"+id+"?attributes=title", patchBody(`[{"op":"replace","path":"title","value":"X"}]`)); patched.body.has("userName") {
		t.Errorf("patch: %s", patched.raw)
	}
}

func TestServiceAccountsAreNoUsers(t *testing.T) {
	f := newFixture(t)
	var uid string
	f.operate(t, func(w *directory.Writer) error {
		u, err := w.CreateUser(directory.User{Kind: directory.ServiceAccount, Username: "reader"})
		uid = u.UID
		return err
	})
	f.want(t, http.StatusNotFound, "GET", users+"/"+uid, "")
	f.want(t, http.StatusNotFound, "DELETE", users+"/"+uid, "")
	if r := f.want(t, 200, "GET", users, ""); strings.Contains(r.raw, "reader") {
		t.Errorf("listed: %s", r.raw)
	}
}
