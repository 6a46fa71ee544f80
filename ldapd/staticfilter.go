package ldapd

import (
	"strings"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// match evaluates node i of f on the entry.
func (e *staticEntry) match(f *wire.Filter, i int) wire.Truth {
	n := &f.Nodes[i]
	switch n.Kind {
	case wire.FilterAnd, wire.FilterOr:
		// RFC 4526 §2: an empty and is true, an empty or is false.
		whole, decides := wire.True, wire.False
		if n.Kind == wire.FilterOr {
			whole, decides = wire.False, wire.True
		}
		for c := i + 1; c < int(n.End); c = int(f.Nodes[c].End) {
			switch e.match(f, c) {
			case decides:
				return decides
			case wire.Undefined:
				whole = wire.Undefined
			}
		}
		return whole
	case wire.FilterNot:
		return e.match(f, i+1).Not()
	}
	a := e.find(n.Attr)
	if a == nil {
		if recognised(n.Attr) {
			return wire.False
		}
		return wire.Undefined
	}
	if n.Kind == wire.FilterPresent {
		return wire.True
	}
	whole := wire.False
	for _, v := range a.values {
		switch leafMatches(f, n, a, v) {
		case wire.True:
			return wire.True
		case wire.Undefined:
			whole = wire.Undefined
		}
	}
	return whole
}

// recognised reports whether static entries could have an attribute: one that only others have does not exist for
// everybody who may read these.
func recognised(attr []byte) bool {
	t, ok := schema.LDAPType(string(attr))
	return ok && t.Audience.Has(schema.Anonymous)
}

// leafMatches compares without regard to case: all attributes of static entries are names, identifiers and sentences.
// Descriptions of the schema are found by what they describe.
func leafMatches(f *wire.Filter, n *wire.FilterNode, a *staticAttr, value string) wire.Truth {
	if a.described {
		if n.Kind != wire.FilterEquality && n.Kind != wire.FilterApprox {
			return wire.Undefined
		}
		return describes(value, string(n.Value))
	}
	v := string(wire.AppendFolded(nil, value))
	want := string(wire.AppendFolded(nil, n.Value))
	switch n.Kind {
	case wire.FilterEquality, wire.FilterApprox:
		return wire.TruthOf(v == want)
	case wire.FilterGreaterOrEqual:
		return wire.TruthOf(v >= want)
	case wire.FilterLessOrEqual:
		return wire.TruthOf(v <= want)
	case wire.FilterSubstrings:
		return wire.TruthOf(hasPieces(v, f.Pieces[n.From:n.To]))
	default:
		return wire.Undefined // no extensible rule applies here
	}
}

// describes compares a description with an object identifier or a name (RFC 4517 §4.2.26, of first components). A name
// that is not of this description may be nobody's, which is Undefined.
func describes(description, want string) wire.Truth {
	fields := strings.Fields(description) // "(", the identifier, and NAME with one or more behind it
	if len(fields) < 2 || want == "" {
		return wire.Undefined
	}
	if '0' <= want[0] && want[0] <= '9' {
		return wire.TruthOf(fields[1] == want)
	}
	if len(fields) < 4 || fields[2] != "NAME" {
		return wire.Undefined
	}
	for _, name := range fields[3:] {
		if name != "(" && !strings.HasPrefix(name, "'") {
			break
		}
		if strings.EqualFold(strings.Trim(name, "'"), want) {
			return wire.True
		}
	}
	return wire.Undefined
}

func hasPieces(v string, pieces []wire.Piece) bool {
	for _, p := range pieces {
		want := string(wire.AppendFolded(nil, p.Value))
		switch p.Kind {
		case wire.PieceInitial:
			if !strings.HasPrefix(v, want) {
				return false
			}
			v = v[len(want):]
		case wire.PieceFinal:
			return strings.HasSuffix(v, want)
		default:
			at := strings.Index(v, want)
			if at < 0 {
				return false
			}
			v = v[at+len(want):]
		}
	}
	return true
}
