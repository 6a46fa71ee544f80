package wire

import (
	"bytes"
	"slices"
)

// Name is a distinguished name reduced to normalised RDNs, for comparing. Two names are the same entry exactly when
// their keys are equal; ancestry is decided RDN by RDN, never on a string's end. Set reuses the memory of the Name.
//
// Normalised means: types in lower case and, for the naming attributes of RFC 4514 §3, their short name; values
// folded by AppendFolded and escaped so that a comma or a plus in Key always separates; the values of one RDN sorted.
type Name struct {
	key  []byte
	ends []int // of each RDN in key, the comma after it not included
}

// Set parses dn. On an error, an *Error with InvalidDNSyntax, the Name is the root.
func (n *Name) Set(dn []byte) error {
	n.key, n.ends = n.key[:0], n.ends[:0]
	if n.setPlain(dn) {
		return nil
	}
	n.key, n.ends = n.key[:0], n.ends[:0]
	parsed, err := ParseDN(dn)
	if err != nil {
		return err
	}
	for i, rdn := range parsed {
		if i > 0 {
			n.key = append(n.key, ',')
		}
		n.key = appendNormalRDN(n.key, rdn)
		n.ends = append(n.ends, len(n.key))
	}
	return nil
}

// setPlain handles what nearly every client sends: ASCII, one value to an RDN, nothing escaped, no spaces where they
// matter. It reports false for anything else, which then goes through the parser.
func (n *Name) setPlain(dn []byte) bool {
	if len(dn) > MaxDNSize {
		return false
	}
	for rest := dn; len(rest) > 0; {
		eq := bytes.IndexByte(rest, '=')
		if eq <= 0 || len(n.ends) == MaxRDNs || !isShortName(rest[:eq]) {
			return false
		}
		if len(n.ends) > 0 {
			n.key = append(n.key, ',')
		}
		n.key = append(n.key, shortName(rest[:eq])...)
		n.key = append(n.key, '=')
		rest = rest[eq+1:]
		size := 0
		for size < len(rest) && rest[size] != ',' {
			o := rest[size]
			if !isPlain(o) {
				return false
			}
			if 'A' <= o && o <= 'Z' {
				o += 'a' - 'A'
			}
			n.key = append(n.key, o)
			size++
		}
		n.ends = append(n.ends, len(n.key))
		if size == len(rest) {
			return true
		}
		rest = rest[size+1:]
		if len(rest) == 0 {
			return false // a comma at the end
		}
	}
	return true
}

func isPlain(o byte) bool {
	return 'a' <= o && o <= 'z' || 'A' <= o && o <= 'Z' || '0' <= o && o <= '9' || o == '-' || o == '.' || o == '_' ||
		o == '@'
}

func isShortName(typ []byte) bool {
	for _, o := range typ {
		if o < 'a' || o > 'z' {
			return false
		}
	}
	return len(typ) <= 4
}

// shortName returns the short form of a type in lower case, typ itself when there is none.
func shortName(typ []byte) []byte {
	if len(typ) <= 4 {
		return typ
	}
	switch string(typ) {
	case "2.5.4.3", "commonname":
		return []byte("cn")
	case "2.5.4.4", "surname":
		return []byte("sn")
	case "2.5.4.6", "countryname":
		return []byte("c")
	case "2.5.4.7", "localityname":
		return []byte("l")
	case "2.5.4.8", "stateorprovincename":
		return []byte("st")
	case "2.5.4.9", "streetaddress":
		return []byte("street")
	case "2.5.4.10", "organizationname":
		return []byte("o")
	case "2.5.4.11", "organizationalunitname":
		return []byte("ou")
	case "0.9.2342.19200300.100.1.25", "domaincomponent":
		return []byte("dc")
	case "0.9.2342.19200300.100.1.1", "userid":
		return []byte("uid")
	case "0.9.2342.19200300.100.1.3", "rfc822mailbox":
		return []byte("mail")
	case "1.3.6.1.1.16.4":
		return []byte("entryuuid")
	}
	return typ
}

func appendNormalRDN(dst []byte, rdn RDN) []byte {
	avas := make([][]byte, len(rdn))
	for i, a := range rdn {
		avas[i] = appendNormalAVA(nil, a)
	}
	// RFC 4511 §4.1.3 with X.501 §9.3: the values of an RDN are a set.
	slices.SortFunc(avas, bytes.Compare)
	return append(dst, bytes.Join(avas, []byte("+"))...)
}

func appendNormalAVA(dst []byte, a AVA) []byte {
	dst = append(dst, shortName(bytes.ToLower([]byte(a.Type)))...)
	dst = append(dst, '=')
	for _, o := range AppendFolded(nil, a.Value) {
		if o == ',' || o == '+' || o == '\\' {
			dst = appendHexPair(dst, o)
			continue
		}
		dst = append(dst, o)
	}
	return dst
}

// Len returns the number of RDNs, 0 for the root.
func (n *Name) Len() int { return len(n.ends) }

// Key returns the whole normalised name. It is valid until the next Set.
func (n *Name) Key() []byte { return n.key }

// RDN returns the i-th normalised RDN, 0 being the leaf.
func (n *Name) RDN(i int) []byte { return n.key[n.start(i):n.ends[i]] }

// Ancestor returns the key of the name without its first i RDNs; 0 gives Key and Len the root.
func (n *Name) Ancestor(i int) []byte {
	if i >= len(n.ends) {
		return nil
	}
	return n.key[n.start(i):]
}

func (n *Name) start(i int) int {
	if i == 0 {
		return 0
	}
	return n.ends[i-1] + 1
}

// Below returns how many RDNs n has on top of base, 0 for the same name; ok is false when n is not at or under base.
func (n *Name) Below(base *Name) (levels int, ok bool) {
	levels = n.Len() - base.Len()
	if levels < 0 {
		return 0, false
	}
	for i := range base.ends {
		if !bytes.Equal(n.RDN(levels+i), base.RDN(i)) {
			return 0, false
		}
	}
	return levels, true
}
