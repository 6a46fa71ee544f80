package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodePaged(t *testing.T) {
	tests := []struct {
		name, in string
		want     Paged
		ok       bool
	}{
		{"first page", "3005 020164 0400", Paged{Size: 100, Cookie: []byte{}}, true},
		{"next page", "3008 020164 0403616263", Paged{Size: 100, Cookie: []byte("abc")}, true},
		{"give up", "3008 020100 0403616263", Paged{Cookie: []byte("abc")}, true},
		{"empty", "", Paged{}, false},
		{"negative size", "3005 0201ff 0400", Paged{}, false},
		{"no cookie", "3003 020164", Paged{}, false},
		{"octets behind", "3005 020164 0400 00", Paged{}, false},
		{"not a sequence", "020164", Paged{}, false},
		{"size beyond 31 bits", "3009 02050080000000 0400", Paged{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodePaged(unhex(t, tt.in))
			if (err == nil) != tt.ok {
				t.Fatal(err)
			}
			if e, ok := err.(*Error); ok && e.Fatal {
				t.Error("a wrong control value is answered, it does not end the connection")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzPaged(f *testing.F) {
	f.Add([]byte("0\x08\x02\x01\x64\x04\x03abc"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := DecodePaged(in)
		if err != nil {
			return
		}
		c := cursor{rest: AppendPaged(nil, p)}
		controls, err := decodeControls(nil, c.rest)
		if err != nil || len(controls) != 1 {
			t.Fatalf("%d controls, %v", len(controls), err)
		}
		again, err := DecodePaged(controls[0].Value)
		if diff := cmp.Diff(p, again); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}
