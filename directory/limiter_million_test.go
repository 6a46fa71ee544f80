//go:build conformance

package directory

import "testing"

// TestConformanceMillionNames: as TestStrangersFillNoMemory, of a million names.
func TestConformanceMillionNames(t *testing.T) { tryNames(t, 1_000_000) }
