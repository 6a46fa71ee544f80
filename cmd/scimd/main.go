// Command scimd is the SCIM server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/door/scim"
	"gatehouse/cmd/internal/process"
)

func main() {
	os.Exit(process.Main(scim.Door(nil), os.Args[1:], os.Stdout, os.Stderr))
}
