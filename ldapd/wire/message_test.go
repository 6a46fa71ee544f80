package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// sent returns the PDU that go-ldap writes for one call. The answer it gets is nonsense, which it may report.
func sent(t *testing.T, call func(*ldap.Conn)) []byte {
	t.Helper()
	client, server := net.Pipe()
	conn := ldap.NewConn(client, false)
	conn.Start()
	conn.SetTimeout(10 * time.Second)
	done := make(chan struct{})
	go func() {
		defer close(done)
		call(conn)
	}()
	pdu, err := NewReader(server).Next(1 << 20)
	if err != nil {
		t.Fatalf("read what go-ldap sent: %v", err)
	}
	pdu = bytes.Clone(pdu)
	_ = server.Close()
	<-done
	_ = conn.Close()
	return pdu
}

func TestDecodeWhatGoLDAPSends(t *testing.T) {
	paging := ldap.NewControlPaging(500)
	paging.SetCookie([]byte("abc"))
	tests := []struct {
		name string
		call func(*ldap.Conn)
		want func(*Message) any
		out  any
	}{
		{
			"simple bind", func(c *ldap.Conn) { _ = c.Bind("uid=alice,ou=users,dc=example,dc=com", "pass") },
			func(m *Message) any { return m.Bind },
			BindRequest{Version: 3, Name: []byte("uid=alice,ou=users,dc=example,dc=com"), Auth: AuthSimple, Password: []byte("pass")},
		},
		{
			"external bind", func(c *ldap.Conn) { _ = c.ExternalBind() },
			func(m *Message) any { return m.Bind },
			BindRequest{Version: 3, Name: []byte{}, Auth: AuthSASL, Mechanism: []byte("EXTERNAL"), Credentials: []byte{}},
		},
		{
			"compare", func(c *ldap.Conn) { _, _ = c.Compare("cn=staff,dc=x", "member", "uid=a,dc=x") },
			func(m *Message) any { return m.Compare },
			CompareRequest{Name: []byte("cn=staff,dc=x"), Attr: []byte("member"), Value: []byte("uid=a,dc=x")},
		},
		{
			"delete", func(c *ldap.Conn) { _ = c.Del(ldap.NewDelRequest("uid=a,dc=x", nil)) },
			func(m *Message) any { return string(m.Delete) }, "uid=a,dc=x",
		},
		{
			"modify dn", func(c *ldap.Conn) { _ = c.ModifyDN(ldap.NewModifyDNRequest("uid=a,dc=x", "uid=b", true, "dc=y")) },
			func(m *Message) any { return m.ModifyDN },
			ModifyDNRequest{Name: []byte("uid=a,dc=x"), NewRDN: []byte("uid=b"), DeleteOldRDN: true, NewSuperior: []byte("dc=y")},
		},
		{
			"who am i", func(c *ldap.Conn) { _, _ = c.WhoAmI(nil) },
			func(m *Message) any { return m.Extended },
			ExtendedRequest{Name: []byte(OIDWhoAmI)},
		},
		{"add", func(c *ldap.Conn) {
			r := ldap.NewAddRequest("uid=a,dc=x", nil)
			r.Attribute("uid", []string{"a"})
			r.Attribute("mail", []string{"a@x", "a@y"})
			_ = c.Add(r)
		}, func(m *Message) any { return m.Add }, AddRequest{Name: []byte("uid=a,dc=x"), Attributes: []Attribute{
			{Type: []byte("uid"), Values: [][]byte{[]byte("a")}},
			{Type: []byte("mail"), Values: [][]byte{[]byte("a@x"), []byte("a@y")}},
		}}},
		{"modify", func(c *ldap.Conn) {
			r := ldap.NewModifyRequest("uid=a,dc=x", nil)
			r.Replace("mail", []string{"a@z"})
			r.Delete("title", nil)
			_ = c.Modify(r)
		}, func(m *Message) any { return m.Modify }, ModifyRequest{Name: []byte("uid=a,dc=x"), Changes: []Change{
			{Kind: ChangeReplace, Attribute: Attribute{Type: []byte("mail"), Values: [][]byte{[]byte("a@z")}}},
			{Kind: ChangeDelete, Attribute: Attribute{Type: []byte("title"), Values: [][]byte{}}},
		}}},
		{"controls", func(c *ldap.Conn) {
			_, _ = c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, false, "(objectClass=*)", nil,
				[]ldap.Control{paging, ldap.NewControlManageDsaIT(true)}))
		}, func(m *Message) any { return m.Controls }, []Control{
			{OID: []byte(OIDPagedResults), Value: []byte("0\x09\x02\x02\x01\xf4\x04\x03abc")},
			{OID: []byte(OIDManageDsaIT), Critical: true},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			if err := m.Decode(sent(t, tt.call)); err != nil {
				t.Fatal(err)
			}
			if m.ID <= 0 {
				t.Errorf("message id %d", m.ID)
			}
			if diff := cmp.Diff(tt.out, tt.want(&m)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeSearch(t *testing.T) {
	pdu := sent(t, func(c *ldap.Conn) {
		_, _ = c.Search(ldap.NewSearchRequest("ou=users,dc=example,dc=com", ldap.ScopeWholeSubtree, ldap.DerefAlways, 1000, 30,
			true, "(&(objectClass=person)(uid=alice))", []string{"cn", "memberOf"}, nil))
	})
	var m Message
	if err := m.Decode(pdu); err != nil {
		t.Fatal(err)
	}
	r := &m.Search
	if got := r.Filter.String(); got != "(&(objectClass=person)(uid=alice))" {
		t.Errorf("filter %s", got)
	}
	r.Filter = Filter{}
	want := SearchRequest{
		Base: []byte("ou=users,dc=example,dc=com"), Scope: ScopeSubtree, Deref: DerefAlways, SizeLimit: 1000,
		TimeLimit: 30, TypesOnly: true, Attributes: [][]byte{[]byte("cn"), []byte("memberOf")},
	}
	if diff := cmp.Diff(want, *r); diff != "" {
		t.Error(diff)
	}
}

// searchPDU is a search of base "" for (objectClass=*).
const searchPDU = "30250201016320 0400 0a0100 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeEvil(t *testing.T) {
	const (
		fatal      = "fatal"
		answerable = "answerable"
		good       = "good"
	)
	tests := []struct{ name, in, want string }{
		{"a search", searchPDU, good},
		{"long-form lengths of Windows", "308400000005 020101 4200", good},
		{"unknown trailing component is skipped", "3009 020101 500102 8b0100", good},
		{"unbind with contents", "3006 020101 420105", good},
		{"authentication choice nobody knows", "300c 020101 6007 020103 0400 8100", good},
		{"true is any octet but 0", "30250201016320 0400 0a0100 0a0100 020100 020100 010101 870b6f626a656374436c617373 3000", good},

		{"empty", "", fatal},
		{"only a tag", "30", fatal},
		{"not a sequence", "0403020101", fatal},
		{"octets after the message", "3005 020101 4200 00", fatal},
		{"shorter than it says", "3006 020101 4200", fatal},
		{"indefinite length", "3080 020101 4200 0000", fatal},
		{"five length octets", "30850000000005 020101 4200", fatal},
		{"length of 4 GiB", "3084ffffffff 020101 4200", fatal},
		{"high tag number", "3006 020101 5f2100", fatal},
		{"high tag number behind the known components", "3008 020101 4200 1f0100", fatal},
		{"length that ends with the message", "3007 020101 4200 0484", fatal},
		{"inner length beyond the outer", "3005 020101 4205", fatal},
		{"message id 0", "3005 020100 4200", fatal},
		{"negative message id", "3005 0201ff 4200", fatal},
		{"message id of five octets", "3009 02050100000000 4200", fatal},
		{"message id not in its shortest form", "3006 02020001 4200", fatal},
		{"message id without octets", "3004 0200 4200", fatal},
		{"no operation", "3003 020101", fatal},
		{"response as a request", "300c 020101 6107 0a0100 0400 0400", fatal},
		{"unknown operation", "3005 020101 7e00", fatal},
		{"version as an octet string", "300c 020101 6007 040103 0400 8000", fatal},
		{"boolean of two octets", "30260201016321 0400 0a0100 0a0100 020100 020100 01020000 870b6f626a656374436c617373 3000", fatal},

		{"size limit without octets", "301a 020101 6315 0400 0a0100 0a0100 0200 020100 010100 870161 3000", fatal},
		{"size limit of five octets", "301f 020101 631a 0400 0a0100 0a0100 02050100000000 020100 010100 870161 3000", fatal},

		{"bind version 0", "300c 020101 6007 020100 0400 8000", answerable},
		{"bind version 128", "300d 020101 6008 02020080 0400 8000", answerable},
		{"scope 3", "30250201016320 0400 0a0103 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000", answerable},
		{"dereferencing 4", "30250201016320 0400 0a0100 0a0104 020100 020100 010100 870b6f626a656374436c617373 3000", answerable},
		{"negative size limit", "30250201016320 0400 0a0100 0a0100 0201ff 020100 010100 870b6f626a656374436c617373 3000", answerable},
		{"negative time limit", "30250201016320 0400 0a0100 0a0100 020100 0201ff 010100 870b6f626a656374436c617373 3000", answerable},
		{"unknown filter choice", "301a0201016315 0400 0a0100 0a0100 020100 020100 010100 aa00 3000", answerable},
		{"presence of nothing", "301a0201016315 0400 0a0100 0a0100 020100 020100 010100 8700 3000", answerable},
		{"equality of nothing", "301e0201016319 0400 0a0100 0a0100 020100 020100 010100 a304 0400 0400 3000", answerable},
		{"substrings without any", "301f020101631a 0400 0a0100 0a0100 020100 020100 010100 a405 040161 3000 3000", answerable},
		{"final before any", "30250201016320 0400 0a0100 0a0100 020100 020100 010100 a40b 040161 3006 820162 810163 3000", answerable},
		{"initial after any", "30250201016320 0400 0a0100 0a0100 020100 020100 010100 a40b 040161 3006 810162 800163 3000", answerable},
		{"empty substring", "3021020101631c 0400 0a0100 0a0100 020100 020100 010100 a407 040161 3002 8000 3000", answerable},
		{"substrings of nothing", "3021 020101 631c 0400 0a0100 0a0100 020100 020100 010100 a407 0400 3003 820162 3000", answerable},
		{"substring of an unknown kind", "3022 020101 631d 0400 0a0100 0a0100 020100 020100 010100 a408 040161 3003 830162 3000", answerable},
		{"extensible with an empty type", "3022 020101 631d 0400 0a0100 0a0100 020100 020100 010100 a908 810131 8200 830161 3000", answerable},
		{"extensible without rule and type", "301d0201016318 0400 0a0100 0a0100 020100 020100 010100 a903 830161 3000", answerable},
		{"extensible with an empty rule", "3022020101631d 0400 0a0100 0a0100 020100 020100 010100 a908 8100 820161 830161 3000", answerable},
		{"not of nothing", "301a0201016315 0400 0a0100 0a0100 020100 020100 010100 a200 3000", fatal},
		{"not of two", "30200201016 31b 0400 0a0100 0a0100 020100 020100 010100 a206 870161 870162 3000", fatal},
		{"add without values", "3011 020101 680c 040161 3007 3005 040161 3100", answerable},
		{"add of nothing", "3013 020101 680e 040161 3009 3007 0400 3103 040162", answerable},
		{"modify of nothing", "3015 020101 6610 040161 300b 3009 0a0100 3004 0400 3100", answerable},
		{"compare of nothing", "300e 020101 6e09 040161 3004 0400 0400", answerable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			err := m.Decode(unhex(t, tt.in))
			var e *Error
			got := good
			switch {
			case errors.As(err, &e) && e.Fatal:
				got = fatal
			case err != nil:
				got = answerable
			}
			if got != tt.want {
				t.Fatalf("got %s (%v), want %s", got, err, tt.want)
			}
			if got == answerable && (m.ID != 1 || m.Op == 0) {
				t.Errorf("answerable, but id %d and op %d", m.ID, m.Op)
			}
		})
	}
}

func TestDecodeBounds(t *testing.T) {
	search := func(filter, attrs []byte) []byte {
		body := unhex(t, "0400 0a0100 0a0100 020100 020100 010100")
		body = append(append(body, filter...), AppendHeader(nil, tagSequence, len(attrs))...)
		body = append(body, attrs...)
		msg := append(appendInt(nil, tagInteger, 1), AppendHeader(nil, byte(OpSearchRequest), len(body))...)
		msg = append(msg, body...)
		return append(AppendHeader(nil, tagSequence, len(msg)), msg...)
	}
	present := []byte{0x87, 1, 'a'}
	nest := func(n int) []byte {
		f := present
		for range n {
			f = append(AppendHeader(nil, byte(FilterNot), len(f)), f...)
		}
		return f
	}
	wide := func(n int) []byte {
		f := bytes.Repeat(present, n)
		return append(AppendHeader(nil, byte(FilterAnd), len(f)), f...)
	}
	pieces := func(n int) []byte {
		list := bytes.Repeat([]byte{byte(PieceAny), 1, 'b'}, n)
		f := append([]byte{4, 1, 'a'}, AppendHeader(nil, tagSequence, len(list))...)
		f = append(f, list...)
		return append(AppendHeader(nil, byte(FilterSubstrings), len(f)), f...)
	}
	attrs := func(n int) []byte { return bytes.Repeat([]byte{4, 1, 'a'}, n) }
	controls := func(n int) []byte {
		list := bytes.Repeat(unhex(t, "3003 040131"), n)
		msg := unhex(t, "020101 4a0161")
		msg = append(append(msg, AppendHeader(nil, tagControls, len(list))...), list...)
		return append(AppendHeader(nil, tagSequence, len(msg)), msg...)
	}
	update := func(op Op, part []byte, n int) []byte {
		list := bytes.Repeat(part, n)
		body := append(unhex(t, "040161"), AppendHeader(nil, tagSequence, len(list))...)
		body = append(body, list...)
		msg := append(unhex(t, "020101"), AppendHeader(nil, byte(op), len(body))...)
		msg = append(msg, body...)
		return append(AppendHeader(nil, tagSequence, len(msg)), msg...)
	}
	attribute := func(values int) []byte {
		set := bytes.Repeat(unhex(t, "040162"), values)
		a := append(unhex(t, "040161"), AppendHeader(nil, tagSet, len(set))...)
		a = append(a, set...)
		return append(AppendHeader(nil, tagSequence, len(a)), a...)
	}
	change := unhex(t, "300d 0a0100 3008 040161 3103 040162")
	tests := []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"1024 attributes to add", update(OpAddRequest, attribute(1), MaxAttributes), true},
		{"1025 attributes to add", update(OpAddRequest, attribute(1), MaxAttributes+1), false},
		{"1024 changes", update(OpModifyRequest, change, MaxAttributes), true},
		{"1025 changes", update(OpModifyRequest, change, MaxAttributes+1), false},
		{"65536 values", update(OpAddRequest, attribute(MaxValues), 1), true},
		{"65537 values", update(OpAddRequest, attribute(MaxValues+1), 1), false},
		{"64 levels", search(nest(MaxFilterDepth-1), nil), true},
		{"65 levels", search(nest(MaxFilterDepth), nil), false},
		{"10,000 levels", search(nest(10_000), nil), false},
		{"512 nodes", search(wide(MaxFilterNodes-1), nil), true},
		{"513 nodes", search(wide(MaxFilterNodes), nil), false},
		{"511 pieces", search(pieces(MaxFilterNodes-1), nil), true},
		{"512 pieces", search(pieces(MaxFilterNodes), nil), false},
		{"1024 attributes", search(present, attrs(MaxSearchAttributes)), true},
		{"1025 attributes", search(present, attrs(MaxSearchAttributes+1)), false},
		{"32 controls", controls(MaxControls), true},
		{"33 controls", controls(MaxControls + 1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			err := m.Decode(tt.in)
			if tt.ok != (err == nil) {
				t.Fatalf("got %v", err)
			}
			var e *Error
			if err != nil && (!errors.As(err, &e) || e.Fatal || e.Code != AdminLimitExceeded) {
				t.Errorf("got %#v, want adminLimitExceeded that can be answered", err)
			}
		})
	}
}

// TestDecodeGivesBackMemory: a large request is not kept for the small ones after it.
func TestDecodeGivesBackMemory(t *testing.T) {
	var m Message
	m.values, m.Search.Attributes = make([][]byte, 0, keep+1), make([][]byte, 0, keep+1)
	for _, small := range []string{"3011 020101 680c 040161 3007 3005 040161 3100", searchPDU} {
		_ = m.Decode(unhex(t, small))
	}
	if cap(m.values) > keep || cap(m.Search.Attributes) > keep {
		t.Errorf("room for %d values and %d attributes", cap(m.values), cap(m.Search.Attributes))
	}
}

// TestDecodedValuesEndWhereTheyEnd: to append to one does not write into the next.
func TestDecodedValuesEndWhereTheyEnd(t *testing.T) {
	var m Message
	for _, in := range []string{"300e 020101 6009 020103 040161 800162", "3012 020101 600d 020103 0484 00000001 61 800162"} {
		if err := m.Decode(unhex(t, in)); err != nil {
			t.Fatal(err)
		}
		if _ = append(m.Bind.Name, 0); string(m.Bind.Password) != "b" || cap(m.Bind.Name) != 1 {
			t.Errorf("%s: a name of 1 octet with room for %d", in, cap(m.Bind.Name))
		}
	}
}

// TestDecodeReuse makes sure that nothing of one message shows in the next.
func TestDecodeReuse(t *testing.T) {
	full := sent(t, func(c *ldap.Conn) {
		_, _ = c.Search(ldap.NewSearchRequest("dc=x", 2, 0, 1, 1, true, "(&(a=b)(c=*d*e*))", []string{"cn"},
			[]ldap.Control{ldap.NewControlManageDsaIT(true)}))
	})
	var used, fresh Message
	if err := used.Decode(full); err != nil {
		t.Fatal(err)
	}
	plain := unhex(t, searchPDU)
	if err := errors.Join(used.Decode(plain), fresh.Decode(plain)); err != nil {
		t.Fatal(err)
	}
	if len(used.Controls) != 0 || len(used.Search.Attributes) != 0 || used.Search.TypesOnly ||
		used.Search.Filter.String() != fresh.Search.Filter.String() || len(used.Search.Filter.Pieces) != 0 {
		t.Errorf("left over: %+v", used)
	}
}

func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		searchPDU,
		"300c 020101 6007 020103 0400 8000",
		"301c 020102 6017 020103 0400 a310 0408 45585445524e414c 0404 61626364",
		"3005 020103 4200",
		"3006 020104 500103",
		"3018 020105 6e13 0406 63 6e3d61 2c62 3009 0402 636e 0403 616263",
		"301d 020106 7718 8016 312e332e362e312e342e312e313436362e3230303337",
		"3025 020107 6816 0401 61 3011 300f 0402 636e 3109 0401 61 0401 62 0401 63 a008 3006 0401 31 010 1ff",
		"301c 020108 6617 0401 61 3012 3010 0a0102 300b 0402 636e 3105 0403 616263",
		"3013 020109 6c0e 0401 61 0401 62 0101ff 8003 633d64",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var m Message
		err := m.Decode(in)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error of another type: %v", err)
		}
		if err != nil && !e.Fatal && (m.ID <= 0 || m.Op == 0) {
			t.Fatal("answerable without id and operation")
		}
		if err == nil && m.Op == OpSearchRequest {
			checkFilter(t, &m.Search.Filter)
		}
	})
}
