package directory

import "iter"

// Apps yields apps by slug.
func (r *Reader) Apps(q AppQuery) iter.Seq2[App, error] {
	return only(r, VerbReadConfig, r.tx.Apps.Find(q))
}

// AppBySlug returns one app; NotFound when there is none.
func (r *Reader) AppBySlug(slug string) (App, error) {
	a, found, err := one(r.Apps(AppQuery{Slugs: []string{slug}}))
	if err == nil && !found {
		err = notFound("app", slug)
	}
	return a, err
}

// Facets yields facets by app and protocol. Secrets stay sealed.
func (r *Reader) Facets(q FacetQuery) iter.Seq2[Facet, error] {
	return only(r, VerbReadConfig, r.tx.Facets.Find(q))
}

// Bindings yields bindings by app and order.
func (r *Reader) Bindings(q BindingQuery) iter.Seq2[Binding, error] {
	return only(r, VerbReadConfig, r.tx.Bindings.Find(q))
}

// Policies yields policies by name.
func (r *Reader) Policies(q PolicyQuery) iter.Seq2[Policy, error] {
	return only(r, VerbReadConfig, r.tx.Policies.Find(q))
}

// PolicyByName returns one policy; NotFound when there is none.
func (r *Reader) PolicyByName(name string) (Policy, error) {
	p, found, err := one(r.Policies(PolicyQuery{Names: []string{name}}))
	if err == nil && !found {
		err = notFound("policy", name)
	}
	return p, err
}

// RADIUSClients yields RADIUS clients by name. Secrets stay sealed.
func (r *Reader) RADIUSClients(q RADIUSClientQuery) iter.Seq2[RADIUSClient, error] {
	return only(r, VerbReadConfig, r.tx.Clients.Find(q))
}

// NetworkSessions yields the connections of devices through RADIUS clients, newest
// first.
func (r *Reader) NetworkSessions(q RADIUSSessionQuery) iter.Seq2[RADIUSSession, error] {
	return only(r, VerbReadCredentials, r.tx.Network.Find(q))
}

// SCIMSources yields SCIM sources by name.
func (r *Reader) SCIMSources(q SCIMSourceQuery) iter.Seq2[SCIMSource, error] {
	return only(r, VerbReadConfig, r.tx.SCIMSources.Find(q))
}

// SigningKeys yields key pairs, newest first. Private keys stay sealed.
func (r *Reader) SigningKeys(q SigningKeyQuery) iter.Seq2[SigningKey, error] {
	return only(r, VerbReadConfig, r.tx.SigningKeys.Find(q))
}

// Setting returns the value of a setting and whether it is set.
func (r *Reader) Setting(name string) (string, bool, error) {
	s, found, err := one(only(r, VerbReadConfig, r.tx.Settings.Find(SettingQuery{Names: []string{name}})))
	return s.Value, found, err
}

// Events yields audit events.
func (r *Reader) Events(q EventQuery) iter.Seq2[Event, error] {
	return only(r, VerbReadAudit, r.tx.Events.Find(q))
}
