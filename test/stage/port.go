package stage

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The kernel hands out ports from 32768 up to clients, so a port below cannot
// be taken by somebody's outgoing connection between the probe and the use.
const (
	lowestPort  = 16000
	highestPort = 32000
)

// FreePort returns a port on 127.0.0.1 that nobody uses, over TCP and UDP.
func FreePort() (int, error) {
	for range 200 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if portIsFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", lowestPort, highestPort)
}

func portIsFree(port int) bool {
	addr := Loopback(port)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	defer p.Close()
	return true
}

// Loopback is 127.0.0.1 with that port.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
