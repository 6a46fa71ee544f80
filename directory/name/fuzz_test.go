package name

import "testing"

// FuzzKeys: the key of a key is itself, Login agrees with the key a name was
// stored under, and no key holds a dangerous character.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{
		"alice", "Alice@Example.com", "jane@münchen.de", "straße", "ΝΙΚΟΣ", "\u212B", "İ", "a|b", "a\u202eb",
		"Domain  Admins", "ǅ", "\u0390\u1fd3", "ﬃ", "x@y@z", "a@xn--mnchen-3ya.de", "\u1e9e", "ᾳ\u0345", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, wide := range []bool{false, true} {
			key, err := Username(s, wide)
			if err != nil {
				continue
			}
			if again, err := Username(key, wide); again != key || err != nil {
				t.Errorf("Username(%q, %t) = %q; of that %q, %v", s, wide, key, again, err)
			}
			if got := Login(s); got != key {
				t.Errorf("Login(%q) = %q, Username %q", s, got, key)
			}
			if checkChars("", key, "") != nil {
				t.Errorf("Username(%q) = %q is dangerous", s, key)
			}
		}
		if key, err := Group(s); err == nil {
			if again, err := Group(key); again != key || err != nil {
				t.Errorf("Group(%q) = %q; of that %q, %v", s, key, again, err)
			}
		}
		if address, key, err := Email(s); err == nil {
			if _, again, err := Email(address); again != key || err != nil {
				t.Errorf("Email(%q) = %q; of its address %q: %q, %v", s, key, address, again, err)
			}
			if _, again, err := Email(key); again != key || err != nil {
				t.Errorf("Email(%q) = %q; of that %q, %v", s, key, again, err)
			}
			if got := Login(s); got != key {
				t.Errorf("Login(%q) = %q, Email %q", s, got, key)
			}
		}
		if key := Login(s); key != "" && Login(key) != key {
			t.Errorf("Login(%q) = %q; of that %q", s, key, Login(key))
		}
	})
}
