package wire

import (
	"bytes"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// tree decodes with go-asn1-ber and encodes again, which proves the shortest lengths on the way.
func tree(t *testing.T, b []byte) *ber.Packet {
	t.Helper()
	p, err := ber.DecodePacketErr(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.Bytes(), b) {
		t.Fatalf("not the shortest form:\n% x\n% x", b, p.Bytes())
	}
	return p
}

func TestAppendEntryAgainstGoBER(t *testing.T) {
	tests := []struct {
		name   string
		dn     string
		values []string
	}{
		{"small", "uid=alice,dc=x", []string{"Alice", "A."}},
		{"root dse", "", []string{"3"}},
		{"long value", "uid=a", []string{strings.Repeat("x", 300)}},
		{"many values", "uid=a", strings.Fields(strings.Repeat("uid=someone,ou=users,dc=example,dc=com ", 3000))},
		{"value of 70 KiB", strings.Repeat("d", 200), []string{strings.Repeat("y", 70<<10)}},
		{"types only", "uid=a", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prefix := []byte("in front")
			for _, id := range []int32{1, 127, 128, 70000, 1<<31 - 1} {
				controls := AppendControl(nil, "1.2.3", false, nil)
				dst, m := BeginEntry(bytes.Clone(prefix), id, []byte(tt.dn))
				dst = AppendAttribute(dst, "cn", tt.values...)
				var am AttributeMarks
				dst, am = BeginAttribute(dst, "member")
				for _, v := range tt.values {
					dst = AppendOctets(dst, v)
				}
				dst = EndAttribute(dst, am)
				dst = EndEntry(dst, m, []byte(tt.dn), controls)
				got, ok := bytes.CutPrefix(dst, prefix)
				if !ok {
					t.Fatal("wrote in front of where it began")
				}
				p := tree(t, got)
				op := p.Children[1]
				if p.Children[0].Value != int64(id) || op.Tag != ldap.ApplicationSearchResultEntry || op.Children[0].Data.String() != tt.dn {
					t.Fatalf("id %v, tag %d, name %s", p.Children[0].Value, op.Tag, op.Children[0].Data)
				}
				for i, name := range []string{"cn", "member"} {
					a := op.Children[1].Children[i]
					var values []string
					for _, v := range a.Children[1].Children {
						values = append(values, v.Data.String())
					}
					if diff := cmp.Diff(tt.values, values); a.Children[0].Data.String() != name || diff != "" {
						t.Fatalf("attribute %s: %s", a.Children[0].Data, diff)
					}
				}
				if len(p.Children) != 3 || p.Children[2].Tag != 0 {
					t.Fatal("controls are missing")
				}
			}
		})
	}
}

func TestCancelEntry(t *testing.T) {
	dst, m := BeginEntry([]byte("keep"), 1, []byte("uid=a"))
	if got := CancelEntry(AppendAttribute(dst, "cn", "x"), m); string(got) != "keep" {
		t.Errorf("got %q", got)
	}
}

func TestAppendResponses(t *testing.T) {
	r := Result{Code: InvalidCredentials, MatchedDN: "dc=x", Message: strings.Repeat("no ", 60)}
	controls := AppendPaged(nil, Paged{Size: 70000, Cookie: []byte("cookie")})
	tests := []struct {
		name string
		in   []byte
		tag  ber.Tag
	}{
		{"search done", AppendResult(nil, 300, OpSearchDone, r, controls), ldap.ApplicationSearchResultDone},
		{"modify", AppendResult(nil, 300, OpModifyResponse, r, controls), ldap.ApplicationModifyResponse},
		{"compare", AppendResult(nil, 300, OpCompareResponse, r, controls), ldap.ApplicationCompareResponse},
		{"bind", AppendBindResponse(nil, 300, r, nil, controls), ldap.ApplicationBindResponse},
		{"bind with credentials", AppendBindResponse(nil, 300, r, []byte{}, controls), ldap.ApplicationBindResponse},
		{"extended", AppendExtendedResponse(nil, 300, r, OIDWhoAmI, []byte("dn:"), controls), ldap.ApplicationExtendedResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tree(t, tt.in)
			if p.Children[1].Tag != tt.tag {
				t.Errorf("tag %d", p.Children[1].Tag)
			}
			e, ok := ldap.GetLDAPError(p).(*ldap.Error)
			if !ok || e.ResultCode != uint16(r.Code) || e.MatchedDN != r.MatchedDN || e.Err.Error() != r.Message {
				t.Errorf("go-ldap reads %+v", e)
			}
			ctl, err := ldap.DecodeControl(p.Children[2].Children[0])
			paged, ok := ctl.(*ldap.ControlPaging)
			if err != nil || !ok || paged.PagingSize != 70000 || string(paged.Cookie) != "cookie" {
				t.Errorf("go-ldap reads %+v, %v", ctl, err)
			}
		})
	}
}

func TestAppendOthers(t *testing.T) {
	notice := tree(t, AppendNotice(nil, Unavailable, "bye"))
	if notice.Children[0].Value != int64(0) || notice.Children[1].Children[3].Data.String() != OIDNoticeOfDisconnection {
		t.Error("notice of disconnection")
	}
	inter := tree(t, AppendIntermediate(nil, 5, "1.2.3", []byte("v"), nil))
	if inter.Children[1].Tag != ldap.ApplicationIntermediateResponse || inter.Children[1].Children[1].Data.String() != "v" {
		t.Error("intermediate response")
	}
	ref := tree(t, AppendReference(nil, 5, []string{"ldap://a/", "ldap://b/"}))
	if ref.Children[1].Tag != ldap.ApplicationSearchResultReference || ref.Children[1].Children[1].Data.String() != "ldap://b/" {
		t.Error("reference")
	}
	ctl := tree(t, AppendControl(nil, "1.2.3", true, []byte("v")))
	if ctl.Children[1].Value != true || ctl.Children[2].Data.String() != "v" {
		t.Error("control")
	}
}

func TestIntegers(t *testing.T) {
	for _, n := range []int32{0, 1, 127, 128, 255, 256, 32767, 32768, 1<<23 - 1, 1 << 23, 1<<31 - 1, -1, -128, -129, -1 << 23, -1<<23 - 1, -1 << 31} {
		b := appendInt(nil, tagInteger, n)
		if got := tree(t, b).Value; got != int64(n) {
			t.Errorf("%d: go-asn1-ber reads %v", n, got)
		}
		if got, err := int32Of(b[2:]); err != nil || got != n {
			t.Errorf("%d: read %d, %v", n, got, err)
		}
	}
}

func TestEndMovesNothingElse(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 24} {
		dst, outer := Begin([]byte("x"))
		dst, inner := Begin(dst)
		dst = append(dst, bytes.Repeat([]byte{'v'}, size)...)
		dst = End(End(dst, inner, tagOctetString), outer, tagSequence)
		want := append([]byte("x"), AppendHeader(nil, tagSequence, sizeOf(size))...)
		want = AppendOctets(want, bytes.Repeat([]byte{'v'}, size))
		if !bytes.Equal(dst, want) {
			t.Errorf("size %d", size)
		}
	}
}

func TestResultCodesAgainstGoLDAP(t *testing.T) {
	for code := range ldap.LDAPResultCodeMap {
		if code >= ldap.ErrorNetwork || ResultCode(code).String() != "" && code > 80 {
			continue
		}
		if name := ResultCode(code).String(); name == "" {
			t.Errorf("%d has no name", code)
		}
	}
	if got := ResultCode(4096).String(); got != "4096" {
		t.Errorf("got %s", got)
	}
}
