//go:build conformance

package test

import "testing"

// TestConformanceDifferential is TestDifferential at length.
func TestConformanceDifferential(t *testing.T) {
	differential(t, 10_000, 500, 1500)
}
