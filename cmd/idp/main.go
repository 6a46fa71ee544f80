// Command idp is the sign-in pages and the OpenID Connect server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/serve"
)

func main() {
	os.Exit(serve.Main("idp", os.Args[1:], os.Stdout, os.Stderr))
}
