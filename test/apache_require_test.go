package test

import (
	"net/http"
	"testing"
)

// TestApacheRequire: mod_authnz_ldap's three ways of asking what somebody is,
// with Compare and with a filter.
func TestApacheRequire(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t, `users:
  - {username: alice, attributes: {title: "Chief Engineer"}}
groups:
  - {name: everyone, groups: [staff]}
`)
	w.start(t, "ldapd")
	a, port := newApache(t)
	for path := range requirements() {
		a.page(t, path, "in\n")
	}
	config := ldapConfig(w)
	for path, require := range requirements() {
		config += "<Location \"/" + path + "\">\n  Require " + require + "\n</Location>\n"
	}
	a.start(t, w, port, config)
	for path, want := range map[string]int{
		"group": http.StatusOK, "attribute": http.StatusOK, "otherattribute": http.StatusUnauthorized,
		"nested": http.StatusOK, "filter": http.StatusOK, "otherfilter": http.StatusUnauthorized,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("alice", w.alicePassword)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("Require %s: %d, want %d", requirements()[path], answer.StatusCode, want)
		}
	}
}

// requirements are the rules of pages, by their names.
func requirements() map[string]string {
	return map[string]string{
		"group":          "ldap-group cn=staff," + groupsDN,
		"attribute":      `ldap-attribute title="chief  engineer"`,
		"otherattribute": `ldap-attribute title="Engineer"`,
		"nested":         "ldap-filter memberOf=cn=everyone," + groupsDN,
		"filter":         "ldap-filter &(title=*engineer)(mail=alice@example.com)",
		"otherfilter":    "ldap-filter &(title=*engineer)(!(uid=alice))",
	}
}
