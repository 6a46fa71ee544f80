package site

import (
	"errors"
	"fmt"
	"slices"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

func (a *applier) policies() error {
	for i, p := range a.site.Policies {
		before, err := a.policy(p.Name)
		if err != nil {
			return err
		}
		saved, err := a.w.SavePolicy(directory.Policy{Name: p.Name, Rule: p.Rule, Ready: &p.Ready, Message: p.Message})
		if err != nil {
			place := fmt.Sprintf("$.policies[%d]", i)
			if p.Rule != "" {
				place += ".rule"
			}
			return a.at(err, "%s", place)
		}
		a.saved("policy", p.Name, before.Rev, saved.Rev)
	}
	return nil
}

// policy returns the policy of that name, or the zero Policy.
func (a *applier) policy(name string) (directory.Policy, error) {
	for p, err := range a.w.Policies(directory.PolicyQuery{Names: []string{name}}) {
		return p, err
	}
	return directory.Policy{}, nil
}

func (a *applier) apps() error {
	for i := range a.site.Apps {
		if err := a.app(i, &a.site.Apps[i]); err != nil {
			return a.at(err, "$.apps[%d]", i)
		}
	}
	return nil
}

func (a *applier) app(i int, app *App) error {
	have, err := a.w.AppBySlug(app.Slug)
	found, err := ifFound(err)
	if err != nil {
		return err
	}
	fill := func(to *directory.App) error { app.fill(to); return nil }
	before := have.Rev
	if found {
		have, err = a.w.UpdateApp(have.ID, fill)
	} else {
		fresh := directory.App{Slug: app.Slug}
		app.fill(&fresh)
		have, err = a.w.CreateApp(fresh)
	}
	if err != nil {
		return err
	}
	if err := a.facets(app, have.ID); err != nil {
		return err
	}
	if err := a.bindings(i, app, have.ID); err != nil {
		return err
	}
	now, err := a.w.AppBySlug(app.Slug)
	if err != nil {
		return err
	}
	a.saved("app", app.Slug, before, now.Rev)
	if before == now.Rev && !slices.ContainsFunc(a.plan.Steps, func(s Step) bool { return s.Entity == "policy" }) {
		return nil
	}
	warnings, err := a.w.Warnings(now)
	for _, w := range warnings {
		a.plan.Warnings = append(a.plan.Warnings, "Warning: "+w+".")
	}
	return err
}

func (app *App) fill(to *directory.App) {
	if app.Name != nil {
		to.Name = *app.Name
	}
	if app.LaunchURL != nil {
		to.LaunchURL = *app.LaunchURL
	}
	if app.PolicyMode != nil {
		to.PolicyMode = directory.PolicyMode(*app.PolicyMode)
	}
	if app.Require != nil {
		to.Require = nil
		for _, f := range app.Require {
			to.Require = append(to.Require, directory.Factor(f))
		}
	}
}

func (a *applier) facets(app *App, id directory.AppID) error {
	set := func(p directory.Protocol, config schema.Facet, secret *string) error {
		n := directory.NewFacet{App: id, Protocol: p, Config: config}
		if secret != nil {
			n.Secret = directory.Secret(*secret)
		}
		return a.w.SetFacet(n)
	}
	var err error
	if app.OIDC != nil {
		err = errors.Join(err, set(directory.ProtocolOIDC, app.OIDC.OIDC, app.OIDC.ClientSecret))
	}
	if app.SAML != nil {
		err = errors.Join(err, set(directory.ProtocolSAML, app.SAML.SAML, nil))
	}
	if app.LDAP != nil {
		err = errors.Join(err, set(directory.ProtocolLDAP, *app.LDAP, nil))
	}
	if app.RADIUS != nil {
		err = errors.Join(err, set(directory.ProtocolRADIUS, *app.RADIUS, nil))
	}
	if app.Proxy != nil {
		err = errors.Join(err, set(directory.ProtocolProxy, *app.Proxy, nil))
	}
	if app.SCIM != nil {
		err = errors.Join(err, set(directory.ProtocolSCIM, *app.SCIM, nil))
	}
	return err
}

// bindings makes the app's bindings those of the file. An empty list is said on
// purpose, so it may open the app.
func (a *applier) bindings(i int, app *App, id directory.AppID) error {
	if app.Bindings == nil {
		return nil
	}
	rows := []directory.Binding{}
	for j, b := range app.Bindings {
		row, err := a.binding(b)
		if err != nil {
			return a.at(err, "$.apps[%d].bindings[%d]", i, j)
		}
		rows = append(rows, row)
	}
	return a.w.SetBindings(id, rows, true)
}

func (a *applier) binding(b Binding) (directory.Binding, error) {
	row := directory.Binding{Negate: b.Negate, Disabled: b.Disabled, RefName: b.Group + b.User + b.Policy}
	given := 0
	for _, s := range []string{b.Group, b.User, b.Policy} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return row, &directory.Error{Kind: directory.Invalid, Entity: "binding", Msg: "a binding names one of group, user and policy"}
	}
	switch {
	case b.Group != "":
		g, err := a.w.GroupByName(b.Group)
		row.Kind, row.Ref = directory.BindGroup, int64(g.ID)
		return row, err
	case b.User != "":
		u, err := a.w.UserByName(directory.Person, b.User)
		row.Kind, row.Ref = directory.BindUser, int64(u.ID)
		return row, err
	default:
		p, err := a.policy(b.Policy)
		if err == nil && p.ID == 0 {
			err = &directory.Error{Kind: directory.NotFound, Entity: "policy", Msg: "there is no policy " + b.Policy}
		}
		row.Kind, row.Ref = directory.BindPolicy, int64(p.ID)
		return row, err
	}
}

func (a *applier) radiusClients() error {
	for i, c := range a.site.RADIUSClients {
		n := directory.NewRADIUSClient{Name: c.Name, Networks: c.Networks, Config: c.RADIUSClient, Secret: secretOf(c.Secret), Next: secretOf(c.NextSecret)}
		if c.App != "" {
			app, err := a.w.AppBySlug(c.App)
			if err != nil {
				return a.at(err, "$.radius_clients[%d]", i)
			}
			n.App = app.ID
		}
		var before int64
		for old, err := range a.w.RADIUSClients(directory.RADIUSClientQuery{Names: []string{c.Name}}) {
			if err != nil {
				return err
			}
			before = old.Rev
		}
		saved, err := a.w.SaveRADIUSClient(n)
		if err != nil {
			return a.at(err, "$.radius_clients[%d]", i)
		}
		a.saved("radius client", c.Name, before, saved.Rev)
	}
	return nil
}

func secretOf(s *string) directory.Secret {
	if s == nil {
		return ""
	}
	return directory.Secret(*s)
}

func (a *applier) scimSources() error {
	for i, c := range a.site.SCIMSources {
		var before int64
		for old, err := range a.w.SCIMSources(directory.SCIMSourceQuery{Names: []string{c.Name}}) {
			if err != nil {
				return err
			}
			before = old.Rev
		}
		saved, err := a.w.SaveSCIMSource(directory.NewSCIMSource{Name: c.Name, Token: secretOf(c.Token), Config: c.SCIMSource})
		if err != nil {
			return a.at(err, "$.scim_sources[%d]", i)
		}
		a.saved("scim source", c.Name, before, saved.Rev)
	}
	return nil
}

func (a *applier) surplusConfig() ([]deletion, error) {
	apps, err1 := surplusOf("app", listed(a.site.Apps, func(x App) string { return x.Slug }), a.w.Apps(directory.AppQuery{}),
		func(x directory.App) (string, string, func() error) {
			return x.Source, x.Slug, func() error { return a.w.DeleteApp(x.ID) }
		})
	policies, err2 := surplusOf("policy", listed(a.site.Policies, func(x Policy) string { return x.Name }), a.w.Policies(directory.PolicyQuery{}),
		func(x directory.Policy) (string, string, func() error) {
			return x.Source, x.Name, func() error { return a.w.DeletePolicy(x.ID, false) }
		})
	clients, err3 := surplusOf("radius client", listed(a.site.RADIUSClients, func(x RADIUSClient) string { return x.Name }), a.w.RADIUSClients(directory.RADIUSClientQuery{}),
		func(x directory.RADIUSClient) (string, string, func() error) {
			return x.Source, x.Name, func() error { return a.w.DeleteRADIUSClient(x.ID) }
		})
	sources, err4 := surplusOf("scim source", listed(a.site.SCIMSources, func(x SCIMSource) string { return x.Name }), a.w.SCIMSources(directory.SCIMSourceQuery{}),
		func(x directory.SCIMSource) (string, string, func() error) {
			return x.Source, x.Name, func() error { return a.w.DeleteSCIMSource(x.ID) }
		})
	return slices.Concat(apps, policies, clients, sources), errors.Join(err1, err2, err3, err4)
}
