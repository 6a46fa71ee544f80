//go:build !race

package test

func buildFlags() []string { return nil }
