package filter

import (
	"encoding/json"
	"strings"
	"testing"
)

// object is a resource for tests; an extension is a key with its URN.
type object map[string]any

func (o object) Attribute(urn, name string) any {
	if urn != "" {
		ext, _ := o[urn].(object)
		return ext.Attribute("", name)
	}
	for k, v := range o {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func TestMatch(t *testing.T) {
	jane := object{
		"userName": "Jane.Doe", "externalId": "AbC", "active": true, "title": "", "age": json.Number("41"),
		"name":      object{"familyName": "Doe", "givenName": "Jane"},
		"emails":    []any{object{"value": "jane@example.com", "type": "work", "primary": true}, object{"value": "j@home.example", "type": "home"}},
		"meta":      object{"created": "2026-01-02T03:04:05.5Z"},
		"urn:x:ext": object{"department": "R&D"},
	}
	m := Matcher{CaseExact: func(p AttrPath) bool { return p.Name == "externalId" || p.Name == "emails" && p.Sub == "type" }}
	tests := []struct {
		in   string
		want bool
	}{
		{`userName eq "jane.doe"`, true},
		{`USERNAME eq "jane.doe"`, true},
		{`userName ne "jane.doe"`, false},
		{`externalId eq "abc"`, false},
		{`externalId eq "AbC"`, true},
		{`name.familyName sw "d"`, true},
		{`name.familyName ew "oe"`, true},
		{`name.familyName co "x"`, false},
		{`active eq true`, true},
		{`active eq "True"`, true},
		{`active ne "False"`, true},
		{`active gt false`, false},
		{`age gt 9`, true},
		{`age le 41.0`, true},
		{`age eq "x"`, false},
		{`title pr`, false},
		{`nickName pr`, false},
		{`nickName eq null`, true},
		{`userName ne null`, true},
		{`nickName ne "x"`, true},
		{`nickName lt "x"`, false},
		{`emails eq "J@home.example"`, true},
		{`emails.value eq "jane@example.com"`, true},
		{`emails.type ne "work"`, true},
		{`emails[type eq "work" and value co "home"]`, false},
		{`emails[type eq "home"].value eq "j@home.example"`, true},
		{`emails[type eq "HOME"]`, false},
		{`emails[not (primary eq true)]`, true},
		{`userName[type eq "work"]`, false},
		{`meta.created gt "2026-01-02T04:04:05+01:00"`, true},
		{`meta.created lt "2026-01-02T03:04:05.50Z"`, false},
		{`urn:x:ext:department eq "r&d"`, true},
		{`urn:x:other:department eq "r&d"`, false},
		{`not (userName pr) or active eq true and age pr`, true},
	}
	for _, tt := range tests {
		e, err := Parse(tt.in, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Match(e, jane); got != tt.want {
			t.Errorf("%s: got %v", tt.in, got)
		}
	}
}
