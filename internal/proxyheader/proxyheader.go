// Package proxyheader reads the header that a load balancer puts in front of a
// connection to say whose it is: the PROXY protocol, version 2.
//
// Specification: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt.
// Version 1 and the additional TLVs are not read; a header has at most 4 KiB.
// Who may send one is for the caller to decide.
package proxyheader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	fixedSize = 16
	mostSize  = 4 << 10
)

// ErrNotProxy means that what came is no header of version 2.
var ErrNotProxy = errors.New("not a PROXY protocol header of version 2")

// Read reads exactly one header from r, and no octet behind it. It returns the
// client's address, which is invalid when the proxy speaks for itself (a health
// check) or for something that has none.
func Read(r io.Reader) (netip.AddrPort, error) {
	var none netip.AddrPort
	head := make([]byte, fixedSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return none, fmt.Errorf("read the PROXY protocol header: %w", err)
	}
	if string(head[:12]) != signature || head[12]>>4 != 2 {
		return none, ErrNotProxy
	}
	size := int(binary.BigEndian.Uint16(head[14:]))
	if size > mostSize {
		return none, fmt.Errorf("%w: %d octets of addresses", ErrNotProxy, size)
	}
	rest := make([]byte, size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return none, fmt.Errorf("read the PROXY protocol header: %w", err)
	}
	const (
		local = 0
		proxy = 1
	)
	switch head[12] & 0x0f {
	case local:
		return none, nil
	case proxy:
		return source(head[13], rest)
	default:
		return none, fmt.Errorf("%w: unknown command", ErrNotProxy)
	}
}

// source reads the addresses of a family and transport.
func source(family byte, b []byte) (netip.AddrPort, error) {
	const (
		tcp4 = 0x11
		tcp6 = 0x21
	)
	size := 0
	switch family {
	case tcp4:
		size = 4
	case tcp6:
		size = 16
	default:
		return netip.AddrPort{}, nil // a unix socket, or something that is not a stream
	}
	if len(b) < 2*size+4 {
		return netip.AddrPort{}, fmt.Errorf("%w: addresses are cut off", ErrNotProxy)
	}
	addr, _ := netip.AddrFromSlice(b[:size])
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(b[2*size:])), nil
}
