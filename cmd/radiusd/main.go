// Command radiusd is the RADIUS server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/serve"
)

func main() {
	os.Exit(serve.Main("radiusd", os.Args[1:], os.Stdout, os.Stderr))
}
