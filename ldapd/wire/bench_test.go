package wire

import "testing"

// searchOf is what ldapsearch sends for (uid=alice) with five attributes.
func searchOf(b *testing.B) []byte {
	b.Helper()
	body := unhex(b, "0a0102 0a0100 020100 020100 010100")
	body = append(AppendOctets(nil, "ou=users,dc=example,dc=com"), body...)
	body = append(body, compiled(b, "(&(objectClass=posixAccount)(uid=alice))")...)
	var attrs []byte
	for _, a := range []string{"uid", "cn", "mail", "memberOf", "entryUUID"} {
		attrs = AppendOctets(attrs, a)
	}
	body = append(append(body, AppendHeader(nil, tagSequence, len(attrs))...), attrs...)
	msg := append(appendInt(nil, tagInteger, 7), AppendHeader(nil, byte(OpSearchRequest), len(body))...)
	msg = append(msg, body...)
	return append(AppendHeader(nil, tagSequence, len(msg)), msg...)
}

func BenchmarkSearchDecodeEncode(b *testing.B) {
	pdu := searchOf(b)
	dn := []byte("uid=alice,ou=users,dc=example,dc=com")
	var blobs [][]byte
	for _, a := range [][2]string{
		{"uid", "alice"},
		{"cn", "Alice Liddell"},
		{"mail", "alice@example.com"},
		{"memberOf", "cn=staff,ou=groups,dc=example,dc=com"},
		{"entryUUID", "5d2a6a4c-0f4e-4e0e-9f0a-5a2d7c3b1e11"},
	} {
		blobs = append(blobs, AppendAttribute(nil, a[0], a[1]))
	}
	var (
		m   Message
		n   Name
		out []byte
	)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Decode(pdu); err != nil {
			b.Fatal(err)
		}
		if err := n.Set(m.Search.Base); err != nil {
			b.Fatal(err)
		}
		dst, mark := BeginEntry(out[:0], m.ID, dn)
		for _, blob := range blobs {
			dst = append(dst, blob...)
		}
		dst = EndEntry(dst, mark, dn, nil)
		out = AppendResult(dst, m.ID, OpSearchDone, Result{}, nil)
	}
}

func BenchmarkDecodeSearch(b *testing.B) {
	pdu := searchOf(b)
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Decode(pdu); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNameSet(b *testing.B) {
	dn := []byte("uid=Alice,ou=users,dc=example,dc=com")
	var n Name
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Set(dn); err != nil {
			b.Fatal(err)
		}
	}
}
