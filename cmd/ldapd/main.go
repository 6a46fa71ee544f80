// Command ldapd is the LDAP server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/serve"
)

func main() {
	os.Exit(serve.Main("ldapd", os.Args[1:], os.Stdout, os.Stderr))
}
