package site

import (
	"iter"
	"testing"
)

// TestSurplusIgnoresCase: what the file lists in other letters is not deleted.
func TestSurplusIgnoresCase(t *testing.T) {
	listed := []string{"Staff", "ΟΔΟΣ"}
	stored := func(yield func(string, error) bool) {
		for _, name := range []string{"staff", "οδος", "left"} {
			if !yield(name, nil) {
				return
			}
		}
	}
	out, err := surplusOf("group", listed, iter.Seq2[string, error](stored), func(name string) (string, string, func() error) {
		return label, name, nil
	})
	if err != nil || len(out) != 1 || out[0].step.Name != "left" {
		t.Errorf("%+v, %v; want only left", out, err)
	}
}
