package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgressIsSaidNowAndThen(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	say := (&tool{errs: &out, now: func() time.Time { return now }}).progress()
	for i := range 60 {
		say("users", i, 60)
		now = now.Add(100 * time.Millisecond)
	}
	if want := "users: 20 of 60\nusers: 40 of 60\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
}
