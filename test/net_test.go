package test

import (
	"net"
	"strings"
	"time"
)

// portOf is the ":port" of an address.
func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':'):] }

// reachable reports, as an error, that nobody listens at addr.
func reachable(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}
