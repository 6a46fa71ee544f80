// Package buildinfo says which build this is.
package buildinfo

import "runtime/debug"

// version is set by the linker: -X gatehouse/internal/buildinfo.version=1.2.3.
var version string

// Version returns the version the packager set, else the one the Go command
// recorded, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// GoVersion returns the version of the toolchain.
func GoVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.GoVersion
}
