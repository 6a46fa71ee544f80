package wire

// AuthMethod is the authentication choice of a bind (RFC 4511 §4.2), by its BER tag.
type AuthMethod byte

// The authentication choices of RFC 4511 §4.2.
const (
	AuthSimple AuthMethod = 0x80
	AuthSASL   AuthMethod = 0xa3
)

// BindRequest is RFC 4511 §4.2.
type BindRequest struct {
	Version int32 // 1..127
	Name    []byte
	// Auth may be a choice this package does not know; then Password, Mechanism and Credentials are nil.
	Auth     AuthMethod
	Password []byte // AuthSimple; a secret
	// Mechanism and Credentials belong to AuthSASL; nil credentials are absent.
	Mechanism   []byte
	Credentials []byte
}

func (r *BindRequest) decode(c *cursor) error {
	*r = BindRequest{}
	r.Version = c.integer("version")
	r.Name = c.octets("name")
	tag, val := c.next()
	if c.err != nil {
		return c.err
	}
	r.Auth = AuthMethod(tag)
	switch r.Auth {
	case AuthSimple:
		r.Password = val
	case AuthSASL:
		in := cursor{rest: val}
		r.Mechanism = in.octets("mechanism")
		if in.peek() == tagOctetString {
			r.Credentials = in.octets("credentials")
		}
		if err := in.finish(); err != nil {
			return err
		}
	}
	if err := c.finish(); err != nil {
		return err
	}
	if r.Version < 1 || r.Version > 127 {
		return invalid("version out of range")
	}
	return nil
}

// Scope is the scope of a search.
type Scope int32

// The scopes of RFC 4511 §4.5.1.2. Any other value reaches the server, which refuses it.
const (
	ScopeBase     Scope = 0
	ScopeOneLevel Scope = 1
	ScopeSubtree  Scope = 2
)

// Deref says when aliases are followed.
type Deref int32

// The values of derefAliases in RFC 4511 §4.5.1.3.
const (
	DerefNever     Deref = 0
	DerefSearching Deref = 1
	DerefFinding   Deref = 2
	DerefAlways    Deref = 3
)

// MaxSearchAttributes is how many attributes one search may ask for.
const MaxSearchAttributes = 1024

// SearchRequest is RFC 4511 §4.5.1.
type SearchRequest struct {
	Base      []byte
	Scope     Scope
	Deref     Deref
	SizeLimit int32 // entries, 0 for none
	TimeLimit int32 // seconds, 0 for none
	TypesOnly bool
	Filter    Filter
	// Attributes is empty when the client wants all user attributes.
	Attributes [][]byte
}

func (r *SearchRequest) decode(c *cursor) error {
	r.Base = c.octets("base object")
	r.Scope = Scope(c.enumerated("scope"))
	r.Deref = Deref(c.enumerated("alias dereferencing"))
	r.SizeLimit = c.integer("size limit")
	r.TimeLimit = c.integer("time limit")
	r.TypesOnly = c.boolean("types only")
	if cap(r.Attributes) > keep {
		r.Attributes = nil
	}
	r.Attributes = r.Attributes[:0]
	r.Filter.decode(c)
	list := cursor{rest: c.want(tagSequence, "attributes")}
	if err := c.finish(); err != nil {
		return err
	}
	for list.more() {
		a := list.octets("attribute")
		if len(r.Attributes) == MaxSearchAttributes {
			return tooMuch("too many attributes")
		}
		r.Attributes = append(r.Attributes, a)
	}
	if list.err != nil {
		return list.err
	}
	switch {
	case r.Scope < ScopeBase || r.Scope > ScopeSubtree:
		return invalid("unknown scope")
	case r.Deref < DerefNever || r.Deref > DerefAlways:
		return invalid("unknown alias dereferencing")
	case r.SizeLimit < 0 || r.TimeLimit < 0:
		return invalid("negative limit")
	}
	return nil
}

// CompareRequest is RFC 4511 §4.10.
type CompareRequest struct {
	Name  []byte
	Attr  []byte
	Value []byte
}

func (r *CompareRequest) decode(c *cursor) error {
	r.Name = c.octets("entry")
	in := cursor{rest: c.want(tagSequence, "assertion")}
	if err := c.finish(); err != nil {
		return err
	}
	r.Attr = in.octets("attribute description")
	r.Value = in.octets("assertion value")
	in.needAttr(r.Attr)
	return in.finish()
}

// ModifyDNRequest is RFC 4511 §4.9.
type ModifyDNRequest struct {
	Name         []byte
	NewRDN       []byte
	DeleteOldRDN bool
	// NewSuperior is nil when absent.
	NewSuperior []byte
}

func (r *ModifyDNRequest) decode(c *cursor) error {
	const tagNewSuperior = 0x80
	r.Name = c.octets("entry")
	r.NewRDN = c.octets("new rdn")
	r.DeleteOldRDN = c.boolean("delete old rdn")
	r.NewSuperior = nil
	if c.peek() == tagNewSuperior {
		_, r.NewSuperior = c.next()
	}
	return c.finish()
}

// ExtendedRequest is RFC 4511 §4.12.
type ExtendedRequest struct {
	Name []byte
	// Value is nil when absent, which differs from empty.
	Value []byte
}

func (r *ExtendedRequest) decode(c *cursor) error {
	const (
		tagRequestName  = 0x80
		tagRequestValue = 0x81
	)
	r.Name, r.Value = c.want(tagRequestName, "request name"), nil
	if c.peek() == tagRequestValue {
		_, r.Value = c.next()
	}
	return c.finish()
}
