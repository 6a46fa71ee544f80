package scimd

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDecodeObjectRefuses(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}` }
	for name, in := range map[string]string{
		"empty":                            ``,
		"not an object":                    `[]`,
		"cut short":                        `{"a":1`,
		"something behind":                 `{} {}`,
		"comma too many":                   `{"a":1,}`,
		"the same member twice":            `{"a":1,"a":2}`,
		"the same member in another case":  `{"userName":"a","username":"b"}`,
		"the same member further down":     `{"x":[{"Op":1,"op":2}]}`,
		"the same member by an escape":     `{"active":true,"\u0061ctive":false}`,
		"invalid UTF-8":                    "{\"a\":\"\xff\"}",
		"a comment":                        `{/**/}`,
		"33 levels":                        deep(33),
		"a hundred thousand levels":        strings.Repeat("[", 100_000),
		"members without a comma":          `{"a":1 "b":2}`,
		"member name that is not a string": `{1:2}`,
	} {
		if o, err := decodeObject([]byte(in)); err == nil {
			t.Errorf("%s: read as %s", name, appendJSON(nil, o))
		}
	}
	if _, err := decodeObject([]byte(deep(32))); err != nil {
		t.Errorf("32 levels: %v", err)
	}
}

func TestAppendJSON(t *testing.T) {
	const in = `{"s":"a\"\\\u0000é<>","n":-1.5e3,"b":[true,false,null],"o":{}}`
	o, err := decodeObject([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(appendJSON(nil, o)); got != in {
		t.Errorf("got %s", got)
	}
}

func FuzzPatch(f *testing.F) {
	for _, tt := range tolerances {
		f.Add([]byte(patchHead+tt.ops+"}"), tt.group)
	}
	f.Add([]byte(janeJSON), false)
	user, group := userType(), groupType()
	f.Fuzz(func(t *testing.T, body []byte, isGroup bool) {
		o, err := decodeObject(body)
		if err != nil {
			return
		}
		if !json.Valid(appendJSON(nil, o)) {
			t.Fatalf("%q prints as %q", body, appendJSON(nil, o))
		}
		rt := user
		if isGroup {
			rt = group
		}
		for _, p := range []Profile{ProfileLenient, ProfileRFC} {
			if cs, err := compilePatch(rt, p, o); err == nil {
				_ = cs.String()
				if out := again(t, cs, rt, p); out != nil && !json.Valid(appendJSON(nil, out)) {
					t.Fatalf("%q makes %q", body, appendJSON(nil, out))
				}
			}
			_, _ = compileResource(rt, p, o)
		}
	})
}
