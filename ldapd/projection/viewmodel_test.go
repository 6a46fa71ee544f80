package projection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
)

// baseOf is the top of what a viewer looks at.
func baseOf(v Viewer) string {
	if v.View == "" {
		return baseDN
	}
	return "app=" + v.View + ",ou=apps," + baseDN
}

// stepApp makes one change to an app: who may enter, how its view speaks, whether it is there.
func (c *town) stepApp(tx *directory.Writer) error {
	if len(c.apps) < 3 || c.r.IntN(6) == 0 {
		a, err := tx.CreateApp(directory.App{Slug: fmt.Sprintf("app%d", c.n)})
		if err != nil {
			return err
		}
		c.apps = append(c.apps, a.ID)
		return c.facet(tx, a.ID)
	}
	app := c.apps[c.r.IntN(len(c.apps))]
	switch c.r.IntN(8) {
	case 0:
		c.apps = slices.DeleteFunc(c.apps, func(id directory.AppID) bool { return id == app })
		return tx.DeleteApp(app)
	case 1:
		return c.facet(tx, app)
	case 2:
		return tx.RemoveFacet(app, directory.ProtocolLDAP)
	}
	var rows []directory.Binding
	for range c.r.IntN(4) {
		b := directory.Binding{Kind: directory.BindUser, Ref: int64(c.user()), Negate: c.r.IntN(3) == 0, Disabled: c.r.IntN(6) == 0}
		if c.r.IntN(4) > 0 {
			b.Kind, b.Ref = directory.BindGroup, int64(c.group())
		}
		rows = append(rows, b)
	}
	return tx.SetBindings(app, rows, true)
}

func (c *town) facet(tx *directory.Writer, app directory.AppID) error {
	f := schema.LDAP{RDN: []string{"", "cn", "mail"}[c.r.IntN(3)]}
	return tx.SetFacet(directory.NewFacet{App: app, Protocol: directory.ProtocolLDAP, Config: f})
}

// checkViews compares each view with whom the core would let in, and its searches with a naive evaluation.
func (c *town) checkViews() {
	t, x := c.w.t, c.w.x
	t.Helper()
	want := c.admitted()
	for slug, users := range want {
		v := Viewer{Audience: schema.AppView, View: slug}
		got := []string{}
		for _, a := range search(t, x, ask{base: "ou=users," + baseOf(v), scope: 1, filter: "(objectClass=*)", viewer: v, attrs: []string{"uid"}}) {
			got = append(got, a.attrs["uid"]...)
			if !strings.HasSuffix(a.dn, ",ou=users,"+baseOf(v)) {
				t.Errorf("view %s has %s", slug, a.dn)
			}
		}
		if diff := cmp.Diff(sorted(users), sorted(got)); diff != "" {
			t.Fatalf("people of %s (-want +got):\n%s", slug, diff)
		}
		c.checkGroups(v)
		checkPrimaries(t, x, v)
		check(t, x, v, c.r, 25)
	}
}

// checkGroups tests that the groups of a view are those that its people are in.
func (c *town) checkGroups(v Viewer) {
	t, x := c.w.t, c.w.x
	t.Helper()
	want := map[string]bool{}
	for _, a := range search(t, x, ask{base: "ou=users," + baseOf(v), scope: 1, filter: "(objectClass=*)", viewer: v, attrs: []string{"entryUUID"}}) {
		whole := search(t, x, ask{scope: 2, filter: "(entryUUID=" + a.attrs["entryUUID"][0] + ")", attrs: []string{"memberOf"}})
		if len(whole) != 1 {
			t.Fatalf("%s: %v is %d entries of the tree", a.dn, a.attrs, len(whole))
		}
		for _, dn := range whole[0].attrs["memberOf"] {
			want[strings.TrimSuffix(dn, baseDN)+baseOf(v)] = true
		}
	}
	for _, a := range search(t, x, ask{base: "ou=groups," + baseOf(v), scope: 1, filter: "(!(objectClass=gatehousePrimaryGroup))", viewer: v}) {
		if !want[a.dn] {
			t.Fatalf("%s is in the view, and nobody of the view is in it", a.dn)
		}
		delete(want, a.dn)
	}
	if len(want) > 0 {
		t.Fatalf("view %s lacks the groups %v", v.View, want)
	}
}

// admitted asks the core, app by app, whom the bindings let in.
func (c *town) admitted() map[string][]string {
	out := map[string][]string{}
	err := c.w.dir.Read(c.w.t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		for f, err := range r.Facets(directory.FacetQuery{Protocol: directory.ProtocolLDAP}) {
			if err != nil {
				return err
			}
			for a, err := range r.Apps(directory.AppQuery{IDs: []directory.AppID{f.App}}) {
				if err != nil {
					return err
				}
				out[a.Slug] = []string{}
				for u, err := range r.Users(directory.UserQuery{Statuses: []directory.Status{directory.Active}}) {
					if err != nil {
						return err
					}
					if ok, err := bound(r, a.ID, u.ID); err != nil {
						return err
					} else if ok {
						out[a.Slug] = append(out[a.Slug], u.Username)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		c.w.t.Fatal(err)
	}
	return out
}

// bound reads the bindings as 02 says them: nobody excluded, and somebody named when there is a positive one.
func bound(r *directory.Reader, app directory.AppID, user directory.UserID) (bool, error) {
	groups, err := r.GroupsOf(user)
	if err != nil {
		return false, err
	}
	positive, matched := false, false
	for b, err := range r.Bindings(directory.BindingQuery{Apps: []directory.AppID{app}}) {
		if err != nil {
			return false, err
		}
		is := !b.Disabled && !b.Missing() && (b.Kind == directory.BindUser && b.Ref == int64(user) ||
			b.Kind == directory.BindGroup && slices.ContainsFunc(groups, func(g directory.Group) bool { return int64(g.ID) == b.Ref }))
		if b.Negate && is {
			return false, nil
		}
		positive = positive || !b.Negate
		matched = matched || is && !b.Negate
	}
	return !positive || matched, nil
}
