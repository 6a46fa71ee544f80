package wire

// Truth is the outcome of a filter (RFC 4511 §4.5.1.7).
type Truth int8

// What a filter can be of an entry.
const (
	False Truth = iota
	True
	Undefined
)

// TruthOf is True or False.
func TruthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Not is the truth of the opposite, which of Undefined is Undefined.
func (t Truth) Not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Undefined
	}
}
