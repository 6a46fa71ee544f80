package ldapd

import (
	"slices"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// personClasses and groupClasses are the object classes that an entry may be said to have.
func personClasses() []string {
	return []string{
		"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount", "shadowAccount", "ldapPublicKey",
		"authorizedServiceObject", "hostObject",
	}
}

func groupClasses() []string {
	return []string{"top", "groupOfNames", "groupOfUniqueNames", "posixGroup"}
}

// isClass reports whether a value of objectClass, a name or an object identifier, is one of these classes.
func isClass(value []byte, names []string) bool {
	c, ok := schema.Class(string(value))
	return ok && slices.Contains(names, c.Name)
}

// classUnknown refuses a class that entries of this kind do not have.
func classUnknown(class []byte) error {
	if _, ok := schema.Class(string(class)); ok {
		return refuse(wire.ObjectClassViolation, "an entry here is no "+clip(class))
	}
	return refuse(wire.InvalidAttributeSyntax, "there is no object class "+clip(class))
}

// checkClassChange lets changes to objectClass pass that leave the entry what it is: its classes follow from its
// attributes.
func checkClassChange(ch *wire.Change, classes []string, structural ...string) error {
	found, unix, top := false, false, false
	for _, v := range ch.Values {
		if !isClass(v, classes) {
			return classUnknown(v)
		}
		found = found || isClass(v, structural)
		unix = unix || isClass(v, []string{"posixAccount", "posixGroup"})
		top = top || isClass(v, []string{"top"})
	}
	switch {
	case ch.Kind == wire.ChangeReplace && !found, ch.Kind == wire.ChangeDelete && (found || top || len(ch.Values) == 0):
		// RFC 4512 §2.4.2, §3.3: an entry cannot become something else, nor lose a class above one that it has.
		return refuse(wire.ObjectClassModsProhibited, "the structural class of an entry stays, and those above it")
	case ch.Kind == wire.ChangeDelete && unix:
		return refuse(wire.UnwillingToPerform, "Unix classes follow from the number that the directory has given")
	case ch.Kind == wire.ChangeIncrement:
		return refuse(wire.ConstraintViolation, "objectClass is not a number that can be incremented")
	default:
		return nil
	}
}
