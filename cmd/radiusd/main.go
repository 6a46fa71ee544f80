// Command radiusd is the RADIUS server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/door/radius"
	"gatehouse/cmd/internal/process"
)

func main() {
	os.Exit(process.Main(radius.Door(), os.Args[1:], os.Stdout, os.Stderr))
}
