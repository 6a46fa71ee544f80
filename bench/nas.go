package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// nas is one socket of an access point.
type nas struct {
	net.Conn

	buf [4096]byte
}

// dialNAS makes a socket that asks from an address, "" for any: radiusd and
// FreeRADIUS tell access points apart by it.
func dialNAS(from, addr string) (*nas, error) {
	d := net.Dialer{}
	if from != "" {
		d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	return &nas{Conn: conn}, nil
}

// exchange sends a request and returns its answer, which is valid until the next
// one. A datagram that got lost is sent again, as a NAS does.
func (c *nas) exchange(request packet) (packet, error) {
	for range 3 {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		if err := c.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
			return nil, err
		}
		for {
			size, err := c.Read(c.buf[:])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return nil, err
			}
			if size >= 20 && c.buf[1] == request[1] {
				return c.buf[:size], nil
			}
		}
	}
	return nil, errors.New("no answer to three packets")
}

// asker sends packets that were made beforehand; each answer must have a code.
type asker struct {
	*nas

	requests []packet
	want     byte
	check    func(n int, answer packet) error // of requests[n]; nil: the code is all
	sent     int
}

// ask sends the next request, beginning again after the last.
func (c *asker) ask(int) (int, error) {
	n := c.sent % len(c.requests)
	c.sent++
	answer, err := c.exchange(c.requests[n])
	if err != nil {
		return 0, err
	}
	if answer[0] != c.want {
		return 0, fmt.Errorf("answered with code %d", answer[0])
	}
	if c.check != nil {
		return 1, c.check(n, answer)
	}
	return 1, nil
}
