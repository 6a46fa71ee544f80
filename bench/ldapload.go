package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The tags of RFC 4511 that the load generator sends or looks for.
const (
	tagInteger      = 0x02
	tagOctetString  = 0x04
	tagEnumerated   = 0x0a
	tagSequence     = 0x30
	tagBind         = 0x60
	tagBindResponse = 0x61
	tagSearch       = 0x63
	tagEntry        = 0x64
	tagDone         = 0x65
	tagModify       = 0x66
	tagModified     = 0x67
	tagSet          = 0x31
	tagControls     = 0xa0
	tagSimple       = 0x80
	tagAnd          = 0xa0
	tagEquality     = 0xa3
	tagSubstrings   = 0xa4
	tagAny          = 0x81 // of a substring
	tagPresent      = 0x87
	tagExtensible   = 0xa9
	tagRule         = 0x81 // of an extensible match, and what it compares
	tagType         = 0x82
	tagValue        = 0x83
)

// tlv is one BER element.
func tlv(tag byte, parts ...[]byte) []byte {
	value := bytes.Join(parts, nil)
	head := []byte{tag, byte(len(value))}
	if len(value) > 127 {
		head = binary.BigEndian.AppendUint32([]byte{tag, 0x84}, uint32(len(value)))
	}
	return append(head, value...)
}

func octets(s string) []byte { return tlv(tagOctetString, []byte(s)) }

// message is an LDAPMessage with message id 1.
func message(parts ...[]byte) []byte {
	return tlv(tagSequence, append([][]byte{tlv(tagInteger, []byte{1})}, parts...)...)
}

func bindRequest(dn, password string) []byte {
	return message(tlv(tagBind, tlv(tagInteger, []byte{3}), octets(dn), tlv(tagSimple, []byte(password))))
}

// The scopes of a search.
const (
	itself  = 0
	subtree = 2
)

// searchRequest asks for uid, cn and mail.
func searchRequest(base string, scope byte, filter []byte, controls ...[]byte) []byte {
	return searchFor(base, scope, filter, []string{"uid", "cn", "mail"}, controls...)
}

func searchFor(base string, scope byte, filter []byte, attributes []string, controls ...[]byte) []byte {
	var wanted [][]byte
	for _, a := range attributes {
		wanted = append(wanted, octets(a))
	}
	op := tlv(tagSearch, octets(base), tlv(tagEnumerated, []byte{scope}), tlv(tagEnumerated, []byte{0}),
		tlv(tagInteger, []byte{0}), tlv(tagInteger, []byte{0}), tlv(0x01, []byte{0}), filter, tlv(tagSequence, wanted...))
	if len(controls) == 0 {
		return message(op)
	}
	return message(op, tlv(tagControls, controls...))
}

func equals(attribute, value string) []byte {
	return tlv(tagEquality, octets(attribute), octets(value))
}

// contains matches a part of a value.
func contains(attribute, part string) []byte {
	return tlv(tagSubstrings, octets(attribute), tlv(tagSequence, tlv(tagAny, []byte(part))))
}

// inChain follows groups in groups, by the rule that Active Directory has for
// it.
func inChain(attribute, dn string) []byte {
	return tlv(tagExtensible, tlv(tagRule, []byte("1.2.840.113556.1.4.1941")), tlv(tagType, []byte(attribute)), tlv(tagValue, []byte(dn)))
}

// The changes of a modify.
const (
	adding    = 0
	deleting  = 1
	replacing = 2
)

func modifyRequest(dn string, change byte, attribute, value string) []byte {
	return message(tlv(tagModify, octets(dn), tlv(tagSequence, tlv(tagSequence, tlv(tagEnumerated, []byte{change}),
		tlv(tagSequence, octets(attribute), tlv(tagSet, octets(value)))))))
}

func present(attribute string) []byte { return tlv(tagPresent, []byte(attribute)) }

// paged is the control of RFC 2696 for the next thousand.
func paged(cookie []byte) []byte {
	value := tlv(tagSequence, tlv(tagInteger, []byte{0x03, 0xe8}), tlv(tagOctetString, cookie))
	return tlv(tagSequence, octets("1.2.840.113556.1.4.319"), tlv(tagOctetString, value))
}

// readBuffer holds the frames of a page; the heads that next looks at are short.
const readBuffer = 64 << 10

// ldapConn sends encoded requests and reads the answers without decoding more
// than it must.
type ldapConn struct {
	net.Conn

	in  *bufio.Reader
	buf []byte
}

// dialLDAP connects and, with a name, binds.
func dialLDAP(addr, dn, password string) (*ldapConn, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	c := newLDAPConn(conn)
	if dn == "" {
		return c, nil
	}
	code, err := c.bind(dn, password)
	if err == nil && code != 0 {
		err = fmt.Errorf("result code %d", code)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bind as %s: %w", dn, err), conn.Close())
	}
	return c, nil
}

func newLDAPConn(conn net.Conn) *ldapConn {
	return &ldapConn{Conn: conn, in: bufio.NewReaderSize(conn, readBuffer)}
}

// bind returns the result code of a simple bind.
func (c *ldapConn) bind(dn, password string) (code int, err error) {
	if _, err := c.Write(bindRequest(dn, password)); err != nil {
		return 0, err
	}
	body, err := c.next()
	if err != nil {
		return 0, err
	}
	op, value, _, err := operation(body)
	if err == nil && (op != tagBindResponse || len(value) < 3) {
		err = fmt.Errorf("an answer with tag %#x", op)
	}
	if err != nil {
		return 0, err
	}
	return int(value[2]), nil // LDAPResult begins with the code: 0a 01 nn
}

// roundTrip sends a request and reads up to its last answer, which must be a
// success. It returns the number of entries and the controls of that answer.
func (c *ldapConn) roundTrip(request []byte) (entries int, controls []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	for {
		body, err := c.next()
		if err != nil {
			return entries, nil, err
		}
		op, value, rest, err := operation(body)
		if err != nil {
			return entries, nil, err
		}
		if op == tagEntry {
			entries++
			continue
		}
		if op != tagDone && op != tagBindResponse && op != tagModified {
			return entries, nil, fmt.Errorf("an answer with tag %#x", op)
		}
		// LDAPResult begins with the code: 0a 01 nn.
		if len(value) < 3 || value[2] != 0 {
			return entries, nil, fmt.Errorf("result code %d: %q", value[2], value)
		}
		return entries, rest, nil
	}
}

// next reads the inside of one LDAPMessage; it is good until the next call.
func (c *ldapConn) next() ([]byte, error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return nil, err
	}
	size, skip := int(head[1]), 2
	if n := int(head[1] & 0x7f); head[1] > 0x80 {
		if head, err = c.in.Peek(2 + n); err != nil {
			return nil, err
		}
		size, skip = 0, 2+n
		for _, b := range head[2:] {
			size = size<<8 | int(b)
		}
	}
	if _, err := c.in.Discard(skip); err != nil {
		return nil, err
	}
	if cap(c.buf) < size {
		c.buf = make([]byte, size)
	}
	c.buf = c.buf[:size]
	_, err = io.ReadFull(c.in, c.buf)
	return c.buf, err
}

// operation splits a message into its operation and what follows.
func operation(body []byte) (tag byte, value, rest []byte, err error) {
	_, _, body, err = element(body)
	if err != nil {
		return 0, nil, nil, err
	}
	return element(body)
}

// element splits off the first BER element.
func element(b []byte) (tag byte, value, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, io.ErrUnexpectedEOF
	}
	size, at := int(b[1]), 2
	if n := int(b[1] & 0x7f); b[1] > 0x80 {
		size, at = 0, 2+n
		for _, digit := range b[2:min(at, len(b))] {
			size = size<<8 | int(digit)
		}
	}
	if at+size > len(b) {
		return 0, nil, nil, io.ErrUnexpectedEOF
	}
	return b[0], b[at : at+size], b[at+size:], nil
}

// repeater asks one of many encoded requests at a time; each answer must hold
// as many entries as are wanted.
type repeater struct {
	*ldapConn

	requests    [][]byte
	least, most int
}

func (r repeater) ask(n int) (int, error) {
	got, _, err := r.roundTrip(r.requests[n%len(r.requests)])
	if err == nil && (got < r.least || got > r.most) {
		err = fmt.Errorf("%d entries, want %d to %d", got, r.least, r.most)
	}
	return 1, err
}

// spender asks each of its requests once.
type spender struct{ repeater }

func (s spender) ask(n int) (int, error) {
	if n >= len(s.requests) {
		return 0, errSpent
	}
	return s.repeater.ask(n)
}

// dumper reads everybody, page by page; one question is one page.
type dumper struct {
	*ldapConn

	base   string
	least  int // entries that a complete dump has
	seen   int
	cookie []byte
}

func (d *dumper) ask(int) (int, error) {
	entries, controls, err := d.roundTrip(searchRequest(d.base, subtree, present("uid"), paged(d.cookie)))
	if err != nil {
		return entries, err
	}
	d.seen += entries
	if d.cookie, err = cookieOf(controls); err == nil && len(d.cookie) == 0 {
		if d.seen < d.least {
			err = fmt.Errorf("a dump of %d entries, want %d", d.seen, d.least)
		}
		d.seen = 0
	}
	return entries, err
}

// cookieOf is the cookie of the paged results control; empty at the end.
func cookieOf(controls []byte) ([]byte, error) {
	_, list, _, err := element(controls)
	if err != nil {
		return nil, fmt.Errorf("an answer without a control: %w", err)
	}
	_, control, _, err := element(list)
	if err != nil {
		return nil, err
	}
	// SEQUENCE { oid, [criticality,] value }: the value is the last element.
	var value []byte
	for rest := control; len(rest) > 0; {
		if _, value, rest, err = element(rest); err != nil {
			return nil, err
		}
	}
	_, value, _, err = element(value)
	if err != nil {
		return nil, err
	}
	_, _, value, err = element(value)
	if err != nil {
		return nil, err
	}
	_, cookie, _, err := element(value)
	return bytes.Clone(cookie), err
}
