package name

import (
	"fmt"
	"unicode/utf8"
)

const maxGroup = 256 // characters of a group name

// Group returns the key of a group name, or an *Error. A group name is free
// text of at most 256 characters without controls, invisible characters and
// "|". Case, width, and the number of spaces do not matter.
func Group(s string) (key string, err error) {
	const kind = "group name"
	if utf8.RuneCountInString(s) > maxGroup {
		return "", whole(kind, fmt.Sprintf("is longer than %d characters", maxGroup))
	}
	if err := checkChars(kind, s, ""); err != nil {
		return "", err
	}
	key, ok := fold(foldSpace(s))
	if !ok {
		return "", whole(kind, "has no stable form")
	}
	if key = foldSpace(key); key == "" {
		return "", whole(kind, "is empty")
	}
	if err := checkChars(kind, key, ""); err != nil {
		return "", err
	}
	return key, nil
}

// Slug checks the slug of an app: [a-z0-9-]{1,63}. It is its own key.
func Slug(s string) error {
	const kind = "slug"
	if s == "" {
		return whole(kind, "is empty")
	}
	pos := 0
	for _, r := range s {
		pos++
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return &Error{Kind: kind, Char: r, Pos: pos, Msg: "only a-z, 0-9 and - are allowed, not"}
		}
	}
	if pos > 63 {
		return whole(kind, "is longer than 63 characters")
	}
	return nil
}
