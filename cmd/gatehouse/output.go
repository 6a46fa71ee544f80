package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// printJSON writes v as indented JSON. A nil slice must not be passed: a
// listing of nothing is [].
func (t *tool) printJSON(v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes rows in columns under a head. Rows have the cells of the head.
func (t *tool) table(head string, rows [][]string) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(w, strings.ReplaceAll(head, " ", "\t")+"\n"); err != nil {
		return err
	}
	for _, row := range rows {
		for i, cell := range row {
			if cell == "" {
				row[i] = "-"
			}
		}
		if _, err := io.WriteString(w, strings.Join(row, "\t")+"\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}

// fact is a line of what `show` prints; one without a value is left out.
type fact struct{ name, value string }

// facts writes names and values.
func (t *tool) facts(list ...fact) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, f := range list {
		if f.value == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", f.name, f.value); err != nil {
			return err
		}
	}
	return w.Flush()
}

// moment is a time as people read it; "" for none.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05Z")
}

// number is n, or "" for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// plural is "1 session", "2 sessions".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// parseTime reads a point in time: RFC 3339, a date (its first moment here), or
// a duration from now such as 8h.
func (t *tool) parseTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC(), nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return at.UTC(), nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return t.now().Add(d).UTC().Truncate(time.Second), nil
	}
	return time.Time{}, usagef("--%s %q is neither a time such as 2027-01-31T18:00:00Z, nor a date such as 2027-01-31, nor a duration from now such as 8h", flag, s)
}
