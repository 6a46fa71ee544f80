package main

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// The packet types and attributes (RFC 2865, RFC 2869) that are sent.
const (
	accessRequest        = 1
	accessAccept         = 2
	userName             = 1
	userPassword         = 2
	nasIPAddress         = 4
	messageAuthenticator = 80
)

// accessRequests encodes n different Access-Requests with PAP, so that no
// server answers from its memory of repeated packets.
func accessRequests(n int, secret string, name, password func(i int) string) ([][]byte, error) {
	packets := make([][]byte, n)
	for i := range packets {
		packet := make([]byte, 20, 128)
		packet[0] = accessRequest
		if _, err := rand.Read(packet[4:20]); err != nil {
			return nil, err
		}
		packet = attribute(packet, userName, []byte(name(i)))
		packet = attribute(packet, userPassword, hide(password(i), secret, packet[4:20]))
		packet = attribute(packet, nasIPAddress, []byte{127, 0, 0, 1})
		packet = attribute(packet, messageAuthenticator, make([]byte, 16))
		binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
		packets[i] = packet
	}
	return packets, nil
}

func attribute(packet []byte, kind byte, value []byte) []byte {
	return append(append(packet, kind, byte(2+len(value))), value...)
}

// hide encrypts a password (RFC 2865 §5.2).
func hide(password, secret string, authenticator []byte) []byte {
	padded := make([]byte, (max(len(password), 1)+15)/16*16)
	copy(padded, password)
	previous := authenticator
	for at := 0; at < len(padded); at += 16 {
		key := md5.Sum(append([]byte(secret), previous...))
		for i, k := range key {
			padded[at+i] ^= k
		}
		previous = padded[at : at+16]
	}
	return padded
}

// seal sets the identifier and then the Message-Authenticator, which is the
// last attribute (RFC 2869 §5.14).
func seal(packet []byte, identifier byte, secret string) {
	packet[1] = identifier
	mac := packet[len(packet)-16:]
	clear(mac)
	h := hmac.New(md5.New, []byte(secret))
	h.Write(packet)
	h.Sum(mac[:0])
}

// nas is one socket of an access point; every answer must be an Accept.
type nas struct {
	net.Conn

	requests [][]byte
	sent     int
	buf      [4096]byte
}

func dialNAS(addr string, requests [][]byte) (*nas, error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	return &nas{Conn: conn, requests: requests}, nil
}

// ask sends the next request and waits for its answer. A datagram that got
// lost is sent again, as a NAS does.
func (c *nas) ask(int) (int, error) {
	request := c.requests[c.sent%len(c.requests)]
	c.sent++
	for range 3 {
		if _, err := c.Write(request); err != nil {
			return 0, err
		}
		if err := c.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
			return 0, err
		}
		for {
			size, err := c.Read(c.buf[:])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return 0, err
			}
			if size < 20 || c.buf[1] != request[1] {
				continue
			}
			if c.buf[0] != accessAccept {
				return 0, fmt.Errorf("answered with code %d", c.buf[0])
			}
			return 1, nil
		}
	}
	return 0, errors.New("no answer to three packets")
}
