package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Vocabulary is what the compiler is told of the directory.
type Vocabulary struct {
	// Lists are the keys of attributes that may have several values; a rule reads
	// them as lists. Every other attribute is read as one text.
	Lists []string
	// Factors are the names that has_factor takes.
	Factors []string
	// GroupKey returns a group's name as it is compared; nil: as it is.
	GroupKey func(name string) (string, error)
}

// The types of the variables.
const (
	userType        = "user"
	attributesType  = "attributes"
	requestType     = "request"
	nasType         = "nas"
	certificateType = "certificate"
	geoType         = "geo"
	sessionType     = "session"
	ipType          = "ip"
)

// field is one field of a variable: its type, and its value with whether it is
// there.
type field struct {
	typ *types.Type
	get func(*Input) (any, bool)
}

func text(get func(*Input) string) field {
	return field{types.StringType, func(in *Input) (any, bool) { s := get(in); return s, s != "" }}
}

func list(get func(*Input) []string) field {
	return field{types.NewListType(types.StringType), func(in *Input) (any, bool) { return get(in), true }}
}

func moment(get func(*Input) time.Time) field {
	return field{types.TimestampType, func(in *Input) (any, bool) {
		t := get(in)
		return types.Timestamp{Time: t}, !t.IsZero()
	}}
}

func address(get func(*Input) netip.Addr) field {
	return field{types.NewOpaqueType(ipType), func(in *Input) (any, bool) {
		a := get(in)
		return ip{a}, a.IsValid()
	}}
}

func object(name string, present func(*Input) bool) field {
	typ := types.NewObjectType(name)
	return field{typ, func(in *Input) (any, bool) { return &value{typ, in}, present(in) }}
}

// fields are the fields of every type, by the type's name. Those of attributesType
// are made as they are asked for.
func fields() map[string]map[string]field {
	always := func(*Input) bool { return true }
	return map[string]map[string]field{
		userType: {
			"username":   text(func(in *Input) string { return in.User.Username }),
			"groups":     list(func(in *Input) []string { return in.User.Person.Groups() }),
			"factors":    list(func(in *Input) []string { return in.User.Person.Factors() }),
			"created":    moment(func(in *Input) time.Time { return in.User.Created }),
			"last_login": moment(func(in *Input) time.Time { return in.User.LastLogin }),
			"attributes": object(attributesType, always),
		},
		requestType: {
			"ip":       address(func(in *Input) netip.Addr { return in.Request.IP }),
			"peer":     address(func(in *Input) netip.Addr { return in.Request.Peer }),
			"protocol": text(func(in *Input) string { return in.Request.Protocol }),
			"app":      text(func(in *Input) string { return in.Request.App }),
			"time":     moment(func(in *Input) time.Time { return in.Request.Time }),
			"user_agent": {types.StringType, func(in *Input) (any, bool) {
				if in.Request.UserAgent == nil {
					return nil, false
				}
				return *in.Request.UserAgent, true
			}},
			"method":      text(func(in *Input) string { return in.Request.Method }),
			"ssid":        text(func(in *Input) string { return in.Request.SSID }),
			"mac":         text(func(in *Input) string { return in.Request.MAC }),
			"port_type":   text(func(in *Input) string { return in.Request.PortType }),
			"nas":         object(nasType, func(in *Input) bool { return in.Request.NAS != nil }),
			"certificate": object(certificateType, func(in *Input) bool { return in.Request.Certificate != nil }),
		},
		nasType: {
			"name": text(func(in *Input) string { return in.Request.NAS.Name }),
			"ip":   address(func(in *Input) netip.Addr { return in.Request.NAS.IP }),
		},
		certificateType: {
			"serial":  text(func(in *Input) string { return in.Request.Certificate.Serial }),
			"subject": text(func(in *Input) string { return in.Request.Certificate.Subject }),
			"label":   text(func(in *Input) string { return in.Request.Certificate.Label }),
		},
		geoType: {
			"country": text(func(in *Input) string { return in.Geo.Country }),
			"city":    text(func(in *Input) string { return in.Geo.City }),
			"asn":     {types.IntType, func(in *Input) (any, bool) { return types.Int(in.Geo.ASN), in.Geo.ASN != 0 }},
		},
		sessionType: {
			"auth_time":    moment(func(in *Input) time.Time { return in.Session.AuthTime }),
			"factors":      list(func(in *Input) []string { return in.Session.Factors }),
			"device_known": {types.BoolType, func(in *Input) (any, bool) { return in.Session.DeviceKnown, true }},
		},
	}
}

// variables are the names that a rule starts from.
func variables() []cel.EnvOption {
	var out []cel.EnvOption
	for _, name := range []string{userType, requestType, geoType, sessionType} {
		out = append(out, cel.Variable(name, types.NewObjectType(name)))
	}
	return out
}

// provider knows the types of the variables beside those of CEL.
type provider struct {
	types.Provider
	fields map[string]map[string]*types.FieldType
	lists  []string
}

func newProvider(v Vocabulary) (*provider, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	p := &provider{Provider: registry, fields: map[string]map[string]*types.FieldType{attributesType: {}}, lists: v.Lists}
	for name, typ := range fields() {
		p.fields[name] = map[string]*types.FieldType{}
		for key, f := range typ {
			p.fields[name][key] = fieldType(f, absent{name: pathOf(name) + "." + key})
		}
	}
	return p, nil
}

// pathOf returns how a rule writes a value of a type.
func pathOf(typ string) string {
	switch typ {
	case nasType, certificateType:
		return requestType + "." + typ
	case attributesType:
		return userType + "." + typ
	default:
		return typ
	}
}

func fieldType(f field, missing absent) *types.FieldType {
	return &types.FieldType{
		Type:  f.typ,
		IsSet: func(target any) bool { _, ok := f.get(inputOf(target)); return ok },
		GetFrom: func(target any) (any, error) {
			in := inputOf(target)
			v, ok := f.get(in)
			if !ok {
				return nil, missing.because(in)
			}
			return v, nil
		},
	}
}

// inputOf returns the Input behind a variable: every object of a rule is a view
// of it.
func inputOf(target any) *Input {
	if v, ok := target.(*value); ok {
		return v.in
	}
	in, _ := target.(*Input)
	return in
}

// FindStructType knows the types of the variables.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.fields[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames knows the fields of the variables.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	known, ok := p.fields[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	var names []string
	for n := range known {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, true
}

// FindStructFieldType finds a field. Attributes have any field: the operator
// names them.
func (p *provider) FindStructFieldType(name, key string) (*types.FieldType, bool) {
	known, ok := p.fields[name]
	switch {
	case !ok:
		return p.Provider.FindStructFieldType(name, key)
	case name == attributesType:
		return p.attribute(key), true
	default:
		f, ok := known[key]
		return f, ok
	}
}

// attribute makes the field of one attribute.
func (p *provider) attribute(key string) *types.FieldType {
	missing := absent{name: userType + "." + attributesType + "." + key}
	if slices.Contains(p.lists, key) {
		return fieldType(field{types.NewListType(types.StringType), func(in *Input) (any, bool) {
			values := in.User.Person.Attribute(key)
			return values, len(values) > 0
		}}, missing)
	}
	f := fieldType(text(func(in *Input) string {
		if values := in.User.Person.Attribute(key); len(values) == 1 {
			return values[0]
		}
		return ""
	}), missing)
	f.IsSet = func(target any) bool { return len(inputOf(target).User.Person.Attribute(key)) > 0 }
	one := f.GetFrom
	f.GetFrom = func(target any) (any, error) {
		if n := len(inputOf(target).User.Person.Attribute(key)); n > 1 {
			// Which of them a rule means nobody can know.
			return nil, fmt.Errorf("%s has %d values; use user.values(%q)", missing.name, n, key)
		}
		return one(target)
	}
	return f
}

// NewValue makes nothing: a rule reads the variables and builds none.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.fields[name]; ok {
		return types.NewErr("a rule cannot make a %s", name)
	}
	return p.Provider.NewValue(name, fields)
}

// absent is the error of reading a value that is not there.
type absent struct{ name, why string }

func (a absent) because(in *Input) absent {
	if in != nil && in.Geo.Why != "" && (a.name == "geo.country" || a.name == "geo.city" || a.name == "geo.asn") {
		a.why = in.Geo.Why
	}
	return a
}

// Error says what is not there.
func (a absent) Error() string {
	if a.why != "" {
		return a.name + " is not known: " + a.why
	}
	return a.name + " is not known here"
}
