package name

import "testing"

// TestConfusables: 50 ways to write something that looks like an existing name.
// Each has either exactly the key of that name (the same person) or another key
// that no username can be registered under when names are wide, or no key.
func TestConfusables(t *testing.T) {
	const (
		same    = "same"    // signs in as the owner of the name
		refused = "refused" // cannot be registered, so nobody has it
		other   = "other"   // an honest different name
	)
	tests := []struct{ of, typed, want string }{
		{"alice", "ALICE", same},
		{"alice", " alice", same},
		{"alice", "alice\u00a0", same},
		{"alice", "\uff41\uff4c\uff49\uff43\uff45", same},
		{"alice", "\uff21LICE", same},
		{"keith", "\u212Aeith", same},
		{"susan", "\u017Fu\u017Fan", same},
		{"angstrom", "ångstrom", other},
		{"ångstrom", "\u212Bngstrom", same},
		{"ångstrom", "a\u030Angstrom", same},
		{"strasse", "straße", same},
		{"strasse", "STRA\u1E9EE", same},
		{"office", "o\uFB03ce", same},
		{"jörg", "jo\u0308rg", same},
		{"jörg", "jorg", other},
		{"νικοσ", "νικος", same},
		{"alice", "аlice", refused},        // Cyrillic а
		{"alice", "alіce", refused},        // Ukrainian і
		{"alice", "alicе", refused},        // Cyrillic е
		{"alice", "αlice", refused},        // Greek α
		{"alice", "ali\u200bce", refused},  // zero width space
		{"alice", "ali\u200dce", refused},  // zero width joiner
		{"alice", "ali\u2060ce", refused},  // word joiner
		{"alice", "ali\u00adce", refused},  // soft hyphen
		{"alice", "ali\ufeffce", refused},  // byte order mark
		{"alice", "ali\u034fce", refused},  // combining grapheme joiner
		{"alice", "ali\u180ece", refused},  // Mongolian vowel separator
		{"alice", "alice\ufe0f", refused},  // variation selector
		{"alice", "\u202eecila", refused},  // right-to-left override
		{"alice", "\u2067alice", refused},  // isolate
		{"alice", "alice\x00", refused},    // C string
		{"alice", "alice\x00bob", refused}, // C string
		{"alice", "alice|bob", refused},    // header separator
		{"alice", "alice\uff5cbob", refused},
		{"alice", "ali ce", refused},
		{"alice", "alice\u2028", same}, // surrounding space
		{"alice", "al\u2028ice", refused},
		{"alice", "\U0001D41A\U0001D425\U0001D422\U0001D41C\U0001D41E", refused}, // mathematical bold
		{"alice", "\u24d0\u24db\u24d8\u24d2\u24d4", refused},                     // circled
		{"ace", "асе", refused},                                                  // whole word in Cyrillic
		{"scope", "ѕсоре", refused},                                              // whole word in Cyrillic
		{"poco", "росо", refused},                                                // whole word in Cyrillic
		{"paypal", "раураӏ", refused},                                            // whole word in Cyrillic
		{"nouu", "ոօսս", refused},                                                // whole word in Armenian
		{"voka", "νοκα", refused},                                                // whole word in Greek
		{"admin", "аdmin", refused},                                              // Cyrillic а
		{"admin", "adm\u0131n", other},                                           // dotless i is Latin: an honest name of its own
		{"root", "r\u043e\u043et", refused},
		{"root", "ro\u03bft", refused},
		{"jane@example.com", "jane@EXAMPLE\u3002com", same}, // ideographic full stop
		{"jane@example.com", "jane@еxample.com", refused},   // Cyrillic е in the domain
		{"jane@example.com", "jane\uff20example.com", same}, // full-width @
	}
	for _, tt := range tests {
		t.Run(tt.typed, func(t *testing.T) {
			of, typed := Login(tt.of), Login(tt.typed)
			if (typed == of) != (tt.want == same) {
				t.Errorf("Login(%q) = %q, of %q it is %q; want %s", tt.typed, typed, tt.of, of, tt.want)
			}
			if key, err := Username(tt.typed, true); err == nil && tt.want == refused {
				t.Errorf("%q can be registered beside %q as %q", tt.typed, tt.of, key)
			} else if err == nil && key != typed {
				t.Errorf("Username(%q) = %q, Login gives %q", tt.typed, key, typed)
			}
		})
	}
	if len(tests) < 50 {
		t.Errorf("only %d rows", len(tests))
	}
}
