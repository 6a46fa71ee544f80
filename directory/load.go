package directory

import "context"

// principalByLogin returns the user who signs in by key, from the cache or the
// store; nil when there is none. The caller has passed the barrier.
func (d *Directory) principalByLogin(ctx context.Context, key string) (*principal, error) {
	if key == "" {
		return nil, nil
	}
	if p := d.cache.byLogin(key); p != nil {
		return p, nil
	}
	return d.loadPrincipal(ctx, UserQuery{Kind: AnyKind, Logins: []string{key}})
}

// principalByID is principalByLogin for a known user.
func (d *Directory) principalByID(ctx context.Context, id UserID) (*principal, error) {
	if p := d.cache.byID(id); p != nil {
		return p, nil
	}
	return d.loadPrincipal(ctx, UserQuery{Kind: AnyKind, IDs: []UserID{id}})
}

func (d *Directory) loadPrincipal(ctx context.Context, q UserQuery) (*principal, error) {
	var p *principal
	var at Head
	err := d.read(ctx, func(r *Reader) (err error) {
		p = nil
		if at, err = r.Head(); err != nil {
			return err
		}
		for u, err := range r.Users(q) {
			if err != nil {
				return err
			}
			p = &principal{user: u}
			break
		}
		if p == nil {
			return nil
		}
		return r.fillPrincipal(p)
	})
	if err != nil || p == nil {
		return nil, err
	}
	d.cache.addPrincipal(p, at.Seq)
	return p, nil
}

func (r *Reader) fillPrincipal(p *principal) error {
	id := p.user.ID
	for n, err := range r.tx.LoginNames.Find(LoginNameQuery{User: id}) {
		if err != nil {
			return err
		}
		p.logins = append(p.logins, n.Key)
	}
	var err error
	if p.credentials, err = all(r.tx.Credentials.Find(CredentialQuery{Users: []UserID{id}})); err != nil {
		return err
	}
	if p.grants, err = all(r.tx.Grants.Find(GrantQuery{Users: []UserID{id}})); err != nil {
		return err
	}
	return r.loadGroups(id, p)
}

// accessOf returns the app with a slug and what decides about it, from the cache
// or the store; nil when there is none. The caller has passed the barrier.
func (d *Directory) accessOf(ctx context.Context, slug string) (*access, error) {
	if a := d.cache.app(slug); a != nil {
		return a, nil
	}
	var a *access
	var at Head
	err := d.read(ctx, func(r *Reader) (err error) {
		a = nil
		if at, err = r.Head(); err != nil {
			return err
		}
		app, found, err := one(r.tx.Apps.Find(AppQuery{Slugs: []string{slug}}))
		if err != nil || !found {
			return err
		}
		a = &access{app: app}
		return r.fillAccess(a)
	})
	if err != nil || a == nil {
		return nil, err
	}
	a.compile(d.rules)
	d.cache.addApp(a, at.Seq)
	return a, nil
}

// setting returns the value of a setting, "" when it is not set, from the cache
// or the store. The caller has passed the barrier.
func (d *Directory) setting(ctx context.Context, name string) (string, error) {
	if v, known := d.cache.setting(name); known {
		return v, nil
	}
	var values map[string]string
	var at Head
	err := d.read(ctx, func(r *Reader) (err error) {
		values = map[string]string{}
		if at, err = r.Head(); err != nil {
			return err
		}
		for s, err := range r.tx.Settings.Find(SettingQuery{}) {
			if err != nil {
				return err
			}
			values[s.Name] = s.Value
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	d.cache.addSettings(values, at.Seq)
	return values[name], nil
}

func (r *Reader) fillAccess(a *access) error {
	var err error
	if a.facets, err = all(r.tx.Facets.Find(FacetQuery{Apps: []AppID{a.app.ID}})); err != nil {
		return err
	}
	if err := a.readPasswordUse(); err != nil {
		return err
	}
	if a.bindings, err = all(r.tx.Bindings.Find(BindingQuery{Apps: []AppID{a.app.ID}})); err != nil {
		return err
	}
	ids := []PolicyID{}
	for _, b := range a.bindings {
		if b.Kind == BindPolicy {
			ids = append(ids, PolicyID(b.Ref))
		}
	}
	a.policies = make(map[PolicyID]boundPolicy, len(ids))
	for p, err := range r.tx.Policies.Find(PolicyQuery{IDs: ids}) {
		if err != nil {
			return err
		}
		a.policies[p.ID] = boundPolicy{Policy: p}
	}
	return nil
}
