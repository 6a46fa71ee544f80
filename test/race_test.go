//go:build race

package test

// buildFlags are those of the commands: the race detector is in them when it is in
// the tests.
func buildFlags() []string { return []string{"-race"} }
