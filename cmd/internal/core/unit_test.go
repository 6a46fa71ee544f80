package core

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory/seal"
)

// Each unit hands its daemon exactly the rings that it asks for, but the audit
// ring: with that, what a daemon did could be forged after it was broken into.
func TestUnitsGiveTheKeys(t *testing.T) {
	for _, daemon := range []string{"ldapd", "radiusd", "scimd", "idp"} {
		unit, err := os.ReadFile("../../../systemd/gatehouse-" + daemon + ".service")
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, purpose := range purposes(daemon) {
			if purpose == seal.Audit {
				continue
			}
			dir := string(purpose)
			if purpose == seal.Network && !opensNetwork(daemon) {
				dir += "-public"
			}
			want = append(want, fmt.Sprintf("%s:/etc/gatehouse/credentials/%s", purpose, dir))
		}
		for _, line := range regexp.MustCompile(`(?m)^LoadCredential=(.*)$`).FindAllStringSubmatch(string(unit), -1) {
			got = append(got, strings.TrimSuffix(line[1], "/"))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", daemon, diff)
		}
	}
}
