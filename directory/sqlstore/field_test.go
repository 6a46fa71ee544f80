package sqlstore

import (
	"encoding/json"
	"testing"

	"gatehouse/directory"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Synchronous commits are what keeps an acknowledged write through a power cut.
func TestSQLiteSettings(t *testing.T) {
	cfg := Config{URL: "sqlite:", DataDir: t.TempDir()}
	if _, err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	d, err := newDialect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = withConn(t.Context(), d, func(c *conn) error {
		return c.plain(t.Context(), func() error {
			for name, want := range map[string]int64{"synchronous": 2, "foreign_keys": 1} {
				var got int64
				if _, err := c.row("PRAGMA "+name, nil, number(&got)); err != nil || got != want {
					t.Errorf("%s = %d, %v, want %d", name, got, err, want)
				}
			}
			var mode string
			if _, err := c.row("PRAGMA journal_mode", nil, text(&mode)); err != nil || mode != "wal" {
				t.Errorf("journal_mode = %s, %v", mode, err)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzAttributes(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":["b"]}`, `{"a":["b","c"],"d":[""]}`, `{"a":["\"q\""]}`, `{"a":[]}`, `{"a":["b"`, `{"a":["b"]}x`, `{"a" :["b"]}`, ``,
		`{"a":["b"],}`, `{"a":["b",]}`, "{\"a\":[\"\x01\"]}", `{"a":["b"],"a":["c"]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseAttributes(s)
		if !ok {
			return
		}
		var want directory.Attributes
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			return // the store never wrote it
		}
		if json.Valid([]byte(s)) && !hasControl(s) && cmp.Diff(want, got, cmpopts.EquateEmpty()) != "" && clean(s) == s {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	})
}

func hasControl(s string) bool {
	for _, r := range s {
		if r < ' ' {
			return true
		}
	}
	return false
}

func TestAttributesRoundTrip(t *testing.T) {
	for _, want := range []directory.Attributes{
		{}, {"a": {"b"}}, {"k": {"1", "2"}, "l": {""}}, {"q": {`"\/<>&`, "ü\n"}}, {`"`: {"x"}},
	} {
		var got directory.Attributes
		if err := attributes(&got).scan(attributes(&want).value()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
