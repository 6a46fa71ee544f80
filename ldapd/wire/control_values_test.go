package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seq encodes a SEQUENCE of what is already encoded.
func seq(parts ...[]byte) []byte { return wrap(tagSequence, parts...) }

func wrap(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(AppendHeader(nil, tag, len(body)), body...)
}

func str(s string) []byte { return AppendOctets(nil, s) }

func num(n int32) []byte { return appendInt(nil, tagInteger, n) }

// decoders are the parsers of control and extended values, by name. Each gets the value and returns what it read.
func decoders() map[string]func([]byte) (any, error) {
	return map[string]func([]byte) (any, error){
		"sort":  func(b []byte) (any, error) { return DecodeSort(b) },
		"view":  func(b []byte) (any, error) { return DecodeListView(b) },
		"deref": func(b []byte) (any, error) { return DecodeDeref(b) },
		"read":  func(b []byte) (any, error) { return DecodeSelection(b) },
		"assertion": func(b []byte) (any, error) {
			var f Filter
			err := DecodeAssertion(&f, b)
			return f.text(err), err
		},
		"values": func(b []byte) (any, error) {
			var f Filter
			err := DecodeMatchedValues(&f, b)
			return f.text(err), err
		},
		"password": func(b []byte) (any, error) { return DecodePasswordModify(b) },
		"cancel":   func(b []byte) (any, error) { return DecodeCancel(b) },
	}
}

func (f *Filter) text(err error) string {
	if err != nil {
		return ""
	}
	return f.String()
}

func TestControlValues(t *testing.T) {
	equality := wrap(byte(FilterEquality), str("cn"), str("x"))
	tests := []struct {
		name, decoder string
		in            []byte
		want          any // nil: refused, and answerable
	}{
		{"one key", "sort", seq(seq(str("cn"))), []SortKey{{Attr: []byte("cn")}}},
		{
			"rule and reverse", "sort", seq(seq(str("sn"), wrap(0x80, []byte("2.5.13.3")), wrap(0x81, []byte{0xff})), seq(str("cn"))),
			[]SortKey{{Attr: []byte("sn"), Rule: []byte("2.5.13.3"), Reverse: true}, {Attr: []byte("cn")}},
		},
		{"no keys", "sort", seq(), nil},
		{"empty attribute", "sort", seq(seq(str(""))), nil},
		{"seventeen keys", "sort", seq(bytes.Repeat(seq(str("cn")), MaxSortKeys+1)), nil},
		{"octets behind", "sort", append(seq(seq(str("cn"))), 0), nil},

		{"by offset", "view", seq(num(1), num(2), wrap(0xa0, num(3), num(4))), ListView{Before: 1, After: 2, Offset: 3, Count: 4}},
		{"at least", "view", seq(num(0), num(9), wrap(0x81, []byte("m")), str("context")), ListView{After: 9, AtLeast: []byte("m")}},
		{"at least nothing", "view", seq(num(0), num(9), wrap(0x81)), ListView{After: 9, AtLeast: []byte{}}},
		{"negative before", "view", seq(num(-1), num(2), wrap(0xa0, num(3), num(4))), nil},
		{"negative after", "view", seq(num(1), num(-2), wrap(0xa0, num(3), num(4))), nil},
		{"negative offset", "view", seq(num(1), num(2), wrap(0xa0, num(-3), num(4))), nil},
		{"negative count", "view", seq(num(1), num(2), wrap(0xa0, num(3), num(-4))), nil},
		{"no target", "view", seq(num(1), num(2)), nil},
		{"another target", "view", seq(num(1), num(2), wrap(0x82, []byte("m"))), nil},

		{
			"dereference", "deref", seq(seq(str("member"), seq(str("uid"), str("cn")))),
			[]Dereference{{Attr: []byte("member"), Attributes: [][]byte{[]byte("uid"), []byte("cn")}}},
		},
		{"nothing", "deref", seq(), nil},
		{"empty attribute", "deref", seq(seq(str(""), seq(str("uid")))), nil},
		{"too many", "deref", seq(bytes.Repeat(seq(str("member"), seq(str("uid"))), maxDerefs+1)), nil},
		{"too many attributes", "deref", seq(seq(str("member"), seq(bytes.Repeat(str("uid"), maxDerefAttributes+1)))), nil},
		{"not a list", "deref", seq(seq(str("member"), str("uid"))), nil},

		{"selection", "read", seq(str("cn"), str("+")), [][]byte{[]byte("cn"), []byte("+")}},
		{"all", "read", seq(), [][]byte{}},
		{"too long", "read", seq(bytes.Repeat(str("cn"), MaxSearchAttributes+1)), nil},
		{"no sequence", "read", str("cn"), nil},

		{"assertion", "assertion", equality, "(cn=x)"},
		{"two filters", "assertion", append(bytes.Clone(equality), equality...), nil},
		{"nothing", "assertion", nil, nil},
		{"nested", "assertion", []byte(strings.Repeat("\xa2\x84\x00\x00\x00\x00", 80)), nil},

		{"values", "values", seq(equality, wrap(byte(FilterPresent), []byte("sn"))), "(|(cn=x)(sn=*))"},
		{"none", "values", seq(), nil},
		{"an and", "values", seq(wrap(byte(FilterAnd), equality)), nil},
		{"a not", "values", seq(wrap(byte(FilterNot), equality)), nil},
		{"dnAttributes", "values", seq(wrap(byte(FilterExtensible), wrap(0x82, []byte("cn")), wrap(0x83, []byte("x")), wrap(0x84, []byte{1}))), nil},

		{"all three", "password", seq(wrap(0x80, []byte("i")), wrap(0x81, []byte("o")), wrap(0x82, []byte("n"))), PasswordModify{[]byte("i"), []byte("o"), []byte("n")}},
		{"absent", "password", nil, PasswordModify{}},
		{"empty", "password", seq(), PasswordModify{}},
		{"only a new one", "password", seq(wrap(0x82, []byte("n"))), PasswordModify{New: []byte("n")}},
		{"a field that nobody knows", "password", seq(wrap(0x80, []byte("i")), wrap(0x83, []byte("x"))), nil},
		{"out of order", "password", seq(wrap(0x82, []byte("n")), wrap(0x81, []byte("o"))), nil},
		{"text", "password", []byte("secret"), nil},

		{"id", "cancel", seq(num(7)), int32(7)},
		{"none", "cancel", seq(), nil},
		{"no value", "cancel", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.decoder+", "+tt.name, func(t *testing.T) {
			got, err := decoders()[tt.decoder](tt.in)
			if tt.want == nil {
				var e *Error
				if !errors.As(err, &e) || e.Fatal {
					t.Errorf("got %v, %v; want an error that can be answered", got, err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// FuzzControlValues: whatever a value holds, each decoder returns, and what it refuses can be answered.
func FuzzControlValues(f *testing.F) {
	f.Add(seq(seq(str("cn"), wrap(0x80, []byte("2.5.13.3")), wrap(0x81, []byte{0xff}))))
	f.Add(seq(num(1), num(2), wrap(0xa0, num(3), num(4))))
	f.Add(seq(num(1), num(2), wrap(0x81, []byte("m")), str("c")))
	f.Add(seq(seq(str("member"), seq(str("uid")))))
	f.Add(seq(wrap(byte(FilterEquality), str("cn"), str("x")), wrap(byte(FilterSubstrings), str("cn"), seq(wrap(0x80, []byte("x"))))))
	f.Add(wrap(byte(FilterNot), wrap(byte(FilterPresent), []byte("cn"))))
	f.Add(seq(wrap(0x80, []byte("i")), wrap(0x81, []byte("o")), wrap(0x82, []byte("n"))))
	f.Add(seq(num(7)))
	f.Fuzz(func(t *testing.T, value []byte) {
		for name, decode := range decoders() {
			_, err := decode(value)
			var e *Error
			if err != nil && (!errors.As(err, &e) || e.Fatal) {
				t.Errorf("%s: %v is not an answer", name, err)
			}
		}
		var filter Filter
		if DecodeMatchedValues(&filter, value) == nil {
			checkFilter(t, &filter)
		}
		EntryContents(value)
	})
}

func TestEntryContents(t *testing.T) {
	dn := []byte("cn=x")
	message, mark := BeginEntry(nil, 1, dn)
	message = EndEntry(AppendAttribute(message, "cn", "x"), mark, dn, nil)
	want := append(str("cn=x"), seq(AppendAttribute(nil, "cn", "x"))...)
	if got := EntryContents(message); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	if got := EntryContents(AppendResult(nil, 1, OpSearchDone, Result{}, nil)); got != nil {
		t.Errorf("of a result: % x", got)
	}
}
