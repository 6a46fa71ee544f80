// Command idp is the sign-in pages and the OpenID Connect server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/door/web"
	"gatehouse/cmd/internal/process"
)

func main() {
	os.Exit(process.Main(web.Door(web.Options{}), os.Args[1:], os.Stdout, os.Stderr))
}
