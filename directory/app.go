package directory

import (
	"time"

	"gatehouse/directory/policy"
)

// The apps that exist from the start. They are open to every user until they
// get a binding.
const (
	AppDirectory = "directory" // decides binds in the plain LDAP tree
	AppNetwork   = "network"   // decides RADIUS requests of a client that names no app
)

// App is anything that a user may enter.
type App struct {
	ID         AppID
	UID        string
	Slug       string // [a-z0-9-]{1,63}
	Name       string
	LaunchURL  string
	PolicyMode PolicyMode
	Require    []Factor // factors beyond the password that the app asks for
	Builtin    bool     // AppDirectory and AppNetwork: cannot be deleted
	Source     string
	Rev        int64
	Created    time.Time
	Updated    time.Time
}

// PolicyMode says how several bound policies combine.
type PolicyMode string

// The policy modes.
const (
	AllPolicies PolicyMode = "all" // each bound policy must pass
	AnyPolicy   PolicyMode = "any" // one is enough
)

// Protocol names a door. The closed set of facets and credentials.
type Protocol string

// The protocols.
const (
	ProtocolLDAP   Protocol = "ldap"
	ProtocolRADIUS Protocol = "radius"
	ProtocolOIDC   Protocol = "oidc"
	ProtocolSAML   Protocol = "saml"
	ProtocolProxy  Protocol = "proxy"
	ProtocolSCIM   Protocol = "scim"
	ProtocolWeb    Protocol = "web" // sign-in pages and the portal
	ProtocolAPI    Protocol = "api"
)

// Facet is how an app is reached by one protocol. Config is the JSON of the
// protocol's struct in directory/schema.
type Facet struct {
	ID       FacetID
	App      AppID
	Protocol Protocol
	Key      string // client_id, entity id or host; unique per protocol, may be empty
	Config   []byte // JSON
	Secret   []byte // sealed; empty: none
	Rev      int64
}

// Policy is a named rule that yields allow or deny with a message.
type Policy struct {
	ID      PolicyID
	UID     string
	Name    string
	Rule    string        // the expression (directory/policy)
	Ready   *policy.Ready // that Rule was made from, as it was given; nil: Rule was written by hand
	Message string        // what the person who is refused reads
	Source  string
	Rev     int64
	Created time.Time
	Updated time.Time
}

// BindingKind says what a Binding attaches.
type BindingKind string

// The kinds of binding.
const (
	BindUser   BindingKind = "user"
	BindGroup  BindingKind = "group"
	BindPolicy BindingKind = "policy"
)

// Binding attaches a user, a group or a policy to an app.
type Binding struct {
	ID       BindingID
	App      AppID
	Kind     BindingKind
	Ref      int64  // UserID, GroupID or PolicyID; 0: what it named was deleted
	RefName  string // the name at the time of binding, kept when Ref is gone
	Order    int
	Negate   bool
	Disabled bool // skipped, but still counts as a binding
}

// Missing reports whether what the binding named was deleted. It then matches
// nobody, and still counts: a deleted group never opens an app.
func (b Binding) Missing() bool { return b.Ref == 0 }

// AppQuery selects apps, ordered by slug.
type AppQuery struct {
	IDs   []AppID
	UIDs  []string
	Slugs []string
}

// FacetQuery selects facets, ordered by app and protocol.
type FacetQuery struct {
	Apps     []AppID
	Protocol Protocol
	Key      string
}

// PolicyQuery selects policies, ordered by name.
type PolicyQuery struct {
	IDs   []PolicyID
	Names []string
}

// BindingQuery selects bindings, ordered by app, order and id.
type BindingQuery struct {
	IDs  []BindingID
	Apps []AppID
	Kind BindingKind // with Ref
	Ref  int64
}
