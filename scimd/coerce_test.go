package scimd

import (
	"encoding/json"
	"testing"
)

func TestCoerceSimple(t *testing.T) {
	tests := []struct {
		name   string
		typ    string
		strict bool
		in     any
		want   any
		bad    bool
	}{
		{name: "integer", typ: typeInteger, strict: true, in: json.Number("7"), want: json.Number("7")},
		{name: "integer as a string", typ: typeInteger, in: "7", want: json.Number("7")},
		{name: "strict: integer as a string", typ: typeInteger, strict: true, in: "7", bad: true},
		{name: "fraction", typ: typeInteger, in: json.Number("1.5"), bad: true},
		{name: "integer beyond 64 bits", typ: typeInteger, in: json.Number("99999999999999999999"), bad: true},
		{name: "not a number", typ: typeInteger, in: "12x", bad: true},
		{name: "date", typ: typeDateTime, in: "2026-01-02T03:04:05Z", want: "2026-01-02T03:04:05Z"},
		{name: "not a date", typ: typeDateTime, in: "yesterday", bad: true},
		{name: "boolean in capitals", typ: typeBoolean, in: "TRUE", want: true},
		{name: "number for a boolean", typ: typeBoolean, in: json.Number("1"), bad: true},
		{name: "boolean for a string", in: true, want: "true"},
		{name: "empty string", in: "", want: nil},
		{name: "wrapped value", in: newObject("value", "x"), want: "x"},
		{name: "strict: wrapped value", strict: true, in: newObject("value", "x"), bad: true},
	}
	for _, tt := range tests {
		c := compiler{strict: tt.strict}
		got, err := c.coerceOne(&attribute{name: "a", typ: tt.typ}, tt.in)
		if (err != nil) != tt.bad || err == nil && got != tt.want {
			t.Errorf("%s: got %v, %v", tt.name, got, err)
		}
	}
}
