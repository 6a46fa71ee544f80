package scimd

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	elimity "github.com/elimity-com/scim"
	elimityschema "github.com/elimity-com/scim/schema"
)

// TestSchemaOracle compares the RFC's schemas with an independent rendering of
// them: what we serve exists there with the same type and characteristics.
func TestSchemaOracle(t *testing.T) {
	for _, tt := range []struct {
		ours   *schema
		theirs elimityschema.Schema
	}{
		{userSchema(), elimityschema.CoreUserSchema()},
		{groupSchema(), elimityschema.CoreGroupSchema()},
		{enterpriseSchema(), elimityschema.ExtensionEnterpriseUser()},
	} {
		if tt.ours.urn != tt.theirs.ID {
			t.Errorf("%s: the oracle has %s", tt.ours.urn, tt.theirs.ID)
		}
		compareAttributes(t, tt.ours.urn, tt.ours.attrs, tt.theirs.Attributes)
	}
}

// differsOnPurpose names what docs/spec/scim.md explains.
var differsOnPurpose = []string{
	":displayName required", ":displayName uniqueness", // a group's name is unique and must be there
	":userName uniqueness",
	":members.value caseExact", ":groups.value caseExact", ":manager.value caseExact", // ids are case exact (RFC 7643 §3.1)
	":manager.value required", ":profileUrl caseExact", ":password caseExact", // RFC 7643 §2.3.7; passwords are compared with case
	":members.$ref caseExact", ":groups.$ref caseExact", ":manager.$ref caseExact",
	":phoneNumbers.primary mutability", ":addresses.primary mutability", // the first one is
	":entitlements.value caseExact", ":roles.value caseExact", // opaque to us
	":manager.$ref mutability", ":members.display mutability", // made from the value, not written
}

func compareAttributes(t *testing.T, at string, ours []attribute, theirs elimityschema.Attributes) {
	t.Helper()
	for _, a := range ours {
		sep := ":"
		if !strings.HasPrefix(at, "urn:") || strings.HasSuffix(at, ".") {
			sep = ""
		}
		name := at + sep + a.name
		b, ok := theirs.ContainsAttribute(a.name)
		if !ok {
			if a.name != "primary" && a.name != "display" {
				t.Errorf("%s: the oracle does not have it", name)
			}
			continue
		}
		check := func(what, got, want string) {
			short := name[strings.LastIndex(name, ":"):] + " " + what
			if got != want && !slices.Contains(differsOnPurpose, short) {
				t.Errorf("%s: %s is %s, the oracle has %s", name, what, got, want)
			}
		}
		yes := map[bool]string{true: "true", false: "false"}
		check("type", orDefault(a.typ, typeString), b.AttributeType())
		check("multiValued", yes[a.multi], yes[b.MultiValued()])
		check("required", yes[a.required], yes[b.Required()])
		check("caseExact", yes[a.caseExact], yes[b.CaseExact()])
		check("mutability", orDefault(a.mutability, mutReadWrite), b.Mutability())
		check("returned", orDefault(a.returned, retDefault), b.Returned())
		check("uniqueness", orDefault(a.uniqueness, uniqNone), b.Uniqueness())
		compareAttributes(t, name+".", a.sub, b.SubAttributes())
	}
}

// oracleHandler accepts every PATCH that the other server's validator passes on.
type oracleHandler struct{ elimity.ResourceHandler }

func (oracleHandler) Patch(*http.Request, string, []elimity.PatchOperation) (elimity.Resource, error) {
	return elimity.Resource{}, nil
}

// TestPatchOracle sends each tolerance to another server's validator. What it
// accepts our strict profile accepts too, and the other way round, except where
// the reason is given.
func TestPatchOracle(t *testing.T) {
	const (
		null   = "it refuses null; RFC 7643 §2.5 says unassigned"
		single = "it takes an object for a list; RFC 7643 §2.4 has a list"
	)
	reasons := map[string]string{
		"null removes":                        null,
		"null removes without a path":         null,
		"null adds nothing to a list":         null,
		"members null":                        null,
		"add null members":                    null,
		"id, schemas and meta without a path": "it refuses read-only attributes, which RFC 7644 §3.3 has us ignore",
		"extension as the path":               "it takes no schema as a path; RFC 7644 §3.10 does",
		"list of one without the list":        single,
		"add one member without the list":     single,
	}
	server := newOracle(t)
	for _, tt := range tolerances {
		t.Run(tt.name, func(t *testing.T) {
			// Both accept op in any case; our strict profile alone does not.
			ops := strings.NewReplacer(`"Add"`, `"add"`, `"Replace"`, `"replace"`, `"REPLACE"`, `"replace"`, `"Remove"`, `"remove"`).Replace(tt.ops)
			body := patchHead + ops + "}"
			path := "/Users/1"
			if tt.group {
				path = "/Groups/1"
			}
			_, _, err := compileTest(t, ProfileRFC, tt.group, body)
			theirs := oracleAccepts(t, server, path, body)
			if _, known := reasons[tt.name]; ((err == nil) != theirs) != known {
				t.Errorf("ours: %v, the oracle accepts: %v\n%s", err, theirs, body)
			}
		})
	}
}

func newOracle(t *testing.T) elimity.Server {
	t.Helper()
	server, err := elimity.NewServer(&elimity.ServerArgs{
		ServiceProviderConfig: &elimity.ServiceProviderConfig{SupportPatch: true},
		ResourceTypes: []elimity.ResourceType{
			{
				Name: "User", Endpoint: "/Users", Schema: elimityschema.CoreUserSchema(), Handler: oracleHandler{},
				SchemaExtensions: []elimity.SchemaExtension{{Schema: elimityschema.ExtensionEnterpriseUser()}},
			},
			{Name: "Group", Endpoint: "/Groups", Schema: elimityschema.CoreGroupSchema(), Handler: oracleHandler{}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// oracleAccepts reports whether the other server takes the PATCH. It panics on
// some requests; that counts as a refusal.
func oracleAccepts(t *testing.T, server elimity.Server, path, body string) (ok bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Logf("the oracle panicked: %v", r)
		}
	}()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, path, strings.NewReader(body))
	server.ServeHTTP(w, r)
	if w.Code/100 != 2 {
		t.Logf("the oracle says %d %s", w.Code, w.Body)
	}
	return w.Code/100 == 2
}
