// Command ldapd is the LDAP server as a process of its own.
package main

import (
	"os"

	"gatehouse/cmd/internal/door/ldap"
	"gatehouse/cmd/internal/process"
)

func main() {
	os.Exit(process.Main(ldap.Door(), os.Args[1:], os.Stdout, os.Stderr))
}
