package schema

import "testing"

func TestMAC(t *testing.T) {
	const want = "00-1A-2B-3C-4D-5E"
	for _, in := range []string{"00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e", "001a.2b3c.4d5e", "001A2B3C4D5E"} {
		if got, ok := MAC(in); got != want || !ok {
			t.Errorf("%s became %s", in, got)
		}
	}
	for _, in := range []string{"", "192.0.2.1", "555-1234", "00-1A-2B-3C-4D-5E-6F", "00-1A-2B-3C-4D-5", "00-1A-2B-3C-4D-5G"} {
		if got, ok := MAC(in); ok {
			t.Errorf("%q became %q", in, got)
		}
	}
}
