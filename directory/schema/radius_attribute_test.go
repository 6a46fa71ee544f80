package schema

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// freeRADIUS reads the dictionaries that come with FreeRADIUS: "vendor number type"
// of each attribute by its name.
func freeRADIUS(t *testing.T) map[string]string {
	t.Helper()
	const dir = "/usr/share/freeradius"
	known := make(map[string]string)
	for _, file := range []string{"rfc2865", "rfc2869", "cisco", "fortinet", "wispr", "aruba", "mikrotik", "ruckus"} {
		b, err := os.ReadFile(filepath.Join(dir, "dictionary."+file))
		if err != nil {
			t.Fatalf("install freeradius-common, as test/install-clients does: %v", err)
		}
		vendor := "0"
		for line := range strings.Lines(string(b)) {
			switch f := strings.Fields(line); {
			case len(f) >= 3 && f[0] == "VENDOR":
				vendor = f[2]
			case len(f) >= 4 && f[0] == "ATTRIBUTE":
				known[f[1]] = vendor + " " + f[2] + " " + f[3]
			}
		}
	}
	return known
}

func TestRADIUSAttributesAreThoseOfTheDictionaries(t *testing.T) {
	known := freeRADIUS(t)
	kinds := map[valueKind]string{kindText: "string", kindInteger: "integer", kindIPv4: "ipaddr"}
	for _, a := range radiusAttributes() {
		if got := fmt.Sprintf("%d %d %s", a.Vendor, a.Type, kinds[a.kind]); got != known[a.Name] {
			t.Errorf("%s is %s, FreeRADIUS says %q", a.Name, got, known[a.Name])
		}
	}
}

func TestRADIUSAttributeValues(t *testing.T) {
	tests := []struct {
		name, value string
		want        []byte // nil: refused
	}{
		{"idle-timeout", "600", []byte{0, 0, 2, 88}},
		{"Idle-Timeout", "soon", nil},
		{"Idle-Timeout", "4294967296", nil},
		{"Framed-IP-Address", "192.0.2.7", []byte{192, 0, 2, 7}},
		{"Framed-IP-Address", "2001:db8::7", nil},
		{"Cisco-AVPair", "shell:priv-lvl=15", []byte("shell:priv-lvl=15")},
		{"Cisco-AVPair", strings.Repeat("x", 247), []byte(strings.Repeat("x", 247))},
		{"Cisco-AVPair", strings.Repeat("x", 248), nil},
		{"Reply-Message", strings.Repeat("x", 253), []byte(strings.Repeat("x", 253))},
		{"Reply-Message", "a\x00b", nil},
		{"Reply-Message", "", nil},
	}
	for _, tt := range tests {
		a, err := FindRADIUSAttribute(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Encode(tt.value)
		if (err == nil) != (tt.want != nil) || !bytes.Equal(got, tt.want) {
			t.Errorf("%s = %.20q: %x, %v", tt.name, tt.value, got, err)
		}
	}
}
