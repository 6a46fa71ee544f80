package schema

// MAC returns a MAC address in the form of RFC 3580 §3.21, upper-case pairs with
// hyphens; hyphens, colons and dots may be anywhere in what it takes. False: it is
// none.
func MAC(s string) (string, bool) {
	var digits [12]byte
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-' || c == ':' || c == '.':
			continue
		case n == len(digits):
			return "", false
		case '0' <= c && c <= '9', 'A' <= c && c <= 'F':
			digits[n] = c
		case 'a' <= c && c <= 'f':
			digits[n] = c - 'a' + 'A'
		default:
			return "", false
		}
		n++
	}
	if n != len(digits) {
		return "", false
	}
	out := make([]byte, 0, 17)
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			out = append(out, '-')
		}
		out = append(out, digits[i], digits[i+1])
	}
	return string(out), true
}
