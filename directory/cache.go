package directory

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// cacheLimit bounds each map of the cache; past it, arbitrary entries go.
const cacheLimit = 50_000

// cache holds rows that decisions need. Everything in it is as of position seq;
// the change that touches an entry drops it before seq moves on.
type cache struct {
	mu         sync.RWMutex
	seq        Seq
	principals map[UserID]*principal
	logins     map[string]*principal // by login key
	apps       map[string]*access    // by slug
	settings   map[string]string     // all of them; nil: not read
}

// principal is everything about a user that a decision needs.
type principal struct {
	user        User
	logins      []string
	grants      []Grant
	credentials []Credential
	memberships []Membership
	nestings    []Nesting
	groups      map[GroupID]Group // every group in memberships and nestings

	mu      sync.Mutex
	closure []Group // of groups, in force in [from, until)
	from    time.Time
	until   time.Time
}

// access is everything about an app that a decision needs.
type access struct {
	app       App
	facets    []Facet
	bindings  []Binding
	policies  map[PolicyID]boundPolicy
	reads     policyReads
	frontEnds []netip.Prefix // of the app's own servers, at LDAP

	passwordUse map[Protocol]string // schema.AppPasswords… of the facets that say so
}

func newCache() *cache {
	return &cache{principals: map[UserID]*principal{}, logins: map[string]*principal{}, apps: map[string]*access{}}
}

func (c *cache) byLogin(key string) *principal {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.logins[key]
}

func (c *cache) byID(id UserID) *principal {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.principals[id]
}

func (c *cache) app(slug string) *access {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.apps[slug]
}

// addPrincipal keeps p, which was read at position at, unless the cache has
// moved past it: then a change to p may already have been applied and forgotten.
func (c *cache) addPrincipal(p *principal, at Seq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at < c.seq {
		return
	}
	c.dropUser(p.user.ID)
	for id := range c.principals {
		if len(c.principals) < cacheLimit {
			break
		}
		c.dropUser(id)
	}
	c.principals[p.user.ID] = p
	for _, key := range p.logins {
		c.logins[key] = p
	}
}

// addApp keeps a under the same rule.
func (c *cache) addApp(a *access, at Seq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at < c.seq {
		return
	}
	if len(c.apps) >= cacheLimit {
		clear(c.apps)
	}
	c.apps[a.app.Slug] = a
}

// setting returns the value of a setting; known is false when none were read.
func (c *cache) setting(name string) (value string, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.settings[name], c.settings != nil
}

// addSettings keeps all settings under the same rule.
func (c *cache) addSettings(all map[string]string, at Seq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at >= c.seq {
		c.settings = all
	}
}

// clear forgets everything and moves to position at.
func (c *cache) clear(at Seq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearLocked()
	c.seq = at
}

func (c *cache) clearLocked() {
	clear(c.principals)
	clear(c.logins)
	clear(c.apps)
	c.settings = nil
}

// apply drops what the changes touch and moves to position at.
func (c *cache) apply(changes []Change, at Seq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range changes {
		c.applyOne(&changes[i])
	}
	c.seq = at
}

func (c *cache) applyOne(ch *Change) {
	switch ch.Kind {
	case UserCreated, UserUpdated, UserStatusChanged, UserDeleted, CredentialsChanged, GrantsChanged:
		c.dropUser(UserID(ch.Ref))
	case GroupMembersChanged:
		if ch.Users == nil {
			c.dropPrincipals()
			return
		}
		for _, u := range ch.Users {
			c.dropUser(u)
		}
	case GroupUpdated, GroupNestingChanged:
		c.dropPrincipals()
	case GroupDeleted:
		c.dropPrincipals()
		clear(c.apps) // a binding may have lost its group
	case AppChanged, AppDeleted, PolicyChanged:
		clear(c.apps)
	case SettingsChanged:
		c.settings = nil
	case GroupCreated, RADIUSClientChanged, SCIMSourceChanged, KeysChanged:
	default:
		c.clearLocked()
	}
}

func (c *cache) dropPrincipals() {
	clear(c.principals)
	clear(c.logins)
}

func (c *cache) dropUser(id UserID) {
	p := c.principals[id]
	if p == nil {
		return
	}
	delete(c.principals, id)
	for _, key := range p.logins {
		if c.logins[key] == p {
			delete(c.logins, key)
		}
	}
}

// rights returns the grants in force at t.
func (p *principal) rights(t time.Time) []Right {
	var out []Right
	for _, g := range p.grants {
		if inForce(time.Time{}, g.Expires, t) {
			out = append(out, g.Right)
		}
	}
	return out
}

// groupsAt returns every group that the user is in at t, nested ones included,
// by name. The answer is remembered until a membership starts or ends.
func (p *principal) groupsAt(t time.Time) []Group {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closure != nil && !t.Before(p.from) && (p.until.IsZero() || t.Before(p.until)) {
		return p.closure
	}
	p.from, p.until = t, time.Time{}
	boundary := func(starts, ends time.Time) {
		for _, b := range []time.Time{starts, ends} {
			if b.After(t) && (p.until.IsZero() || b.Before(p.until)) {
				p.until = b
			}
		}
	}
	parents := map[GroupID][]GroupID{}
	for _, n := range p.nestings {
		boundary(n.Starts, n.Ends)
		if n.InForce(t) {
			parents[n.Child] = append(parents[n.Child], n.Parent)
		}
	}
	var todo []GroupID
	for _, m := range p.memberships {
		boundary(m.Starts, m.Ends)
		if m.InForce(t) {
			todo = append(todo, m.Group)
		}
	}
	seen := map[GroupID]bool{}
	out := []Group{}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		if g, ok := p.groups[id]; ok {
			out = append(out, g)
		}
		todo = append(todo, parents[id]...)
	}
	slices.SortFunc(out, func(a, b Group) int { return compareGroups(a, b) })
	p.closure = out
	return out
}

// holdsUntil returns when the clock alone may change what is decided about the
// user, who shows a credential; zero: never.
func (p *principal) holdsUntil(now time.Time, shown CredentialID) time.Time {
	p.groupsAt(now)
	p.mu.Lock()
	first := p.until
	p.mu.Unlock()
	note := func(t time.Time) {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	note(p.user.Expires)
	for _, g := range p.grants {
		note(g.Expires)
	}
	for _, c := range p.credentials {
		if c.ID == shown {
			note(c.Expires)
		}
	}
	return first
}
