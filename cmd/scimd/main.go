// Command scimd is the SCIM server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/serve"
)

func main() {
	os.Exit(serve.Main("scimd", os.Args[1:], os.Stdout, os.Stderr))
}
