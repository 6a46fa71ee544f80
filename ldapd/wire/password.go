package wire

// PasswordPolicyError is the error of a password policy response (draft-behera-ldap-password-policy-10 §6.2).
type PasswordPolicyError int32

// The errors that this server has occasion for.
const (
	PasswordExpired             PasswordPolicyError = 0
	ChangeAfterReset            PasswordPolicyError = 2
	PasswordModNotAllowed       PasswordPolicyError = 3
	MustSupplyOldPassword       PasswordPolicyError = 4
	InsufficientPasswordQuality PasswordPolicyError = 5
)

// AppendPasswordPolicy appends the password policy control of a response, with an error and no warning.
func AppendPasswordPolicy(dst []byte, e PasswordPolicyError) []byte {
	const tagError = 0x81
	inner := appendInt(nil, tagError, int32(e))
	return AppendControl(dst, OIDPasswordPolicy, false, append(AppendHeader(nil, tagSequence, len(inner)), inner...))
}

// PasswordModify is the value of a Password Modify request (RFC 3062 §2). Nil is absent, which differs from empty.
type PasswordModify struct {
	Identity []byte
	Old      []byte // a secret
	New      []byte // a secret
}

// DecodePasswordModify reads the value of a Password Modify request; nil is a request without one.
func DecodePasswordModify(value []byte) (PasswordModify, error) {
	const (
		tagIdentity = 0x80
		tagOld      = 0x81
		tagNew      = 0x82
	)
	var p PasswordModify
	if value == nil {
		return p, nil
	}
	in, err := controlValue(value, "password modify")
	if err != nil {
		return p, err
	}
	for _, part := range []struct {
		tag  byte
		into *[]byte
	}{{tagIdentity, &p.Identity}, {tagOld, &p.Old}, {tagNew, &p.New}} {
		if in.peek() == part.tag {
			_, *part.into = in.next()
		}
	}
	if in.err == nil && in.more() {
		// RFC 3062 §3: a password is not changed by what has fields that are not recognised.
		return p, invalid("password modify with a field that nobody knows")
	}
	return p, asInvalid(in.err)
}

// AppendGeneratedPassword appends the value of a Password Modify response (RFC 3062 §2).
func AppendGeneratedPassword[T []byte | string](dst []byte, password T) []byte {
	const tagGenerated = 0x80
	dst = AppendHeader(dst, tagSequence, sizeOf(len(password)))
	return append(AppendHeader(dst, tagGenerated, len(password)), password...)
}

// DecodeCancel reads the value of a Cancel request (RFC 3909 §2.1): the message id of the operation to cancel.
func DecodeCancel(value []byte) (int32, error) {
	in, err := controlValue(value, "cancel")
	if err != nil {
		return 0, err
	}
	id := in.integer("message id to cancel")
	return id, asInvalid(in.finish())
}
