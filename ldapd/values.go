package ldapd

import (
	"bytes"
	"slices"
	"strconv"

	"gatehouse/ldapd/wire"
)

// values are the values of one attribute while changes are made to them (RFC 4511 §4.6).
type values struct {
	op   *operation
	attr *written
	list [][]byte
}

// normal returns a value as it is compared.
func (v *values) normal(value []byte) ([]byte, bool) {
	return v.op.c.s.c.Index.Normal([]byte(v.attr.Name()), value)
}

func (v *values) index(value []byte) int {
	want, ok := v.normal(value)
	if !ok {
		return -1
	}
	return slices.IndexFunc(v.list, func(have []byte) bool {
		normal, ok := v.normal(have)
		return ok && bytes.Equal(normal, want)
	})
}

// apply makes one change. The error is a *refusal.
func (v *values) apply(kind wire.ChangeKind, list [][]byte) error {
	permissive := v.op.ask != nil && v.op.ask.permissive
	name := v.attr.Name()
	switch kind {
	case wire.ChangeReplace:
		v.list = nil
		return v.add(list, false)
	case wire.ChangeAdd:
		if len(list) == 0 {
			// RFC 4511 §4.6: add lists values.
			return refuse(wire.ProtocolError, "nothing to add to "+name)
		}
		if v.attr.Equality == "" && len(v.list) > 0 {
			// RFC 4512 §2.5.1: nor are they added to others.
			return refuse(wire.InappropriateMatching, name+" has no equality; replace all of it")
		}
		return v.add(list, permissive)
	case wire.ChangeDelete:
		if len(list) == 0 {
			if len(v.list) == 0 && !permissive {
				return refuse(wire.NoSuchAttribute, "there is no "+name)
			}
			v.list = nil
			return nil
		}
		if v.attr.Equality == "" {
			// RFC 4512 §2.5.1: without an equality rule values are not deleted one by one.
			return refuse(wire.InappropriateMatching, name+" has no equality; delete or replace all of it")
		}
		for _, value := range list {
			i := v.index(value)
			switch {
			case i >= 0:
				v.list = slices.Delete(v.list, i, i+1)
			case !permissive:
				return refuse(wire.NoSuchAttribute, name+" has no such value")
			}
		}
		return nil
	case wire.ChangeIncrement:
		return v.increment(list)
	default:
		return refuse(wire.ProtocolError, "unknown kind of change")
	}
}

func (v *values) add(list [][]byte, permissive bool) error {
	for _, value := range list {
		switch {
		case v.index(value) < 0:
			v.list = append(v.list, value)
		case !permissive:
			// RFC 4511 §4.6: adding a value that is there is an error.
			return refuse(wire.AttributeOrValueExists, v.attr.Name()+" has this value already")
		}
	}
	return nil
}

// increment adds a number to every value (RFC 4525 §2).
func (v *values) increment(list [][]byte) error {
	name := v.attr.Name()
	if len(list) != 1 {
		return refuse(wire.ProtocolError, "an increment has exactly one value")
	}
	by, err := strconv.ParseInt(string(list[0]), 10, 64)
	if err != nil {
		return refuse(wire.InvalidAttributeSyntax, "an increment is a number")
	}
	if len(v.list) == 0 {
		return refuse(wire.NoSuchAttribute, "there is no "+name)
	}
	next := make([][]byte, len(v.list))
	for i, value := range v.list {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if sum := n + by; err != nil || (sum > n) != (by > 0) && by != 0 {
			return refuse(wire.ConstraintViolation, name+" is not a number that can be incremented")
		} else {
			next[i] = strconv.AppendInt(nil, sum, 10)
		}
	}
	v.list = next
	return nil
}

// stored returns the values as the directory keeps them.
func (v *values) stored() ([]string, error) {
	if v.attr.single && len(v.list) > 1 {
		return nil, refuse(wire.ConstraintViolation, v.attr.Name()+" takes one value")
	}
	out := make([]string, 0, len(v.list))
	for _, value := range v.list {
		s, ok := v.attr.stored(value)
		if _, valid := v.normal(value); !ok || !valid {
			return nil, refuse(wire.InvalidAttributeSyntax, "not a value of "+v.attr.Name())
		}
		if v.attr.Name() == "manager" {
			uid, err := v.op.personUID(value)
			if err != nil {
				return nil, err
			}
			s = uid
		}
		out = append(out, s)
	}
	return out, nil
}

// personUID returns the entryUUID of the person with a name.
func (op *operation) personUID(dn []byte) (string, error) {
	var name wire.Name
	if err := name.Set(dn); err != nil {
		return "", refuse(wire.InvalidAttributeSyntax, err.Error())
	}
	e, err := op.c.s.c.Index.Lookup(&name)
	if err != nil || e.User == 0 || e.Service {
		return "", refuse(wire.ConstraintViolation, "there is no person "+clip(dn))
	}
	return e.UUID, nil
}
