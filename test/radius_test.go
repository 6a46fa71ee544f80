package test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// radclient sends one Access-Request and returns the answer as radclient
// prints it: the code on the first line, the attributes in the order of the
// packet.
func (w *world) radclient(t *testing.T, attributes ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := stage.Run(ctx, strings.Join(attributes, "\n")+"\n", nil, "radclient", "-x", "-r", "1", "-t", "3", w.Auth, "auth", w.radiusSecret)
	if err != nil {
		t.Fatal(err)
	}
	_, received, answered := strings.Cut(r.Stdout, "Received ")
	if !answered {
		if !strings.Contains(r.Stderr+r.Stdout, "No reply") {
			t.Fatalf("radclient: %v", r)
		}
		return ""
	}
	return received
}

// pap is an Access-Request with a password, as an access point sends it.
func (w *world) pap(t *testing.T, name, password string) string {
	t.Helper()
	return w.radclient(t,
		fmt.Sprintf("User-Name = %q", name),
		fmt.Sprintf("User-Password = %q", password),
		"NAS-IP-Address = 127.0.0.1", "NAS-Port = 7",
		`Calling-Station-Id = "02-00-00-00-00-01"`,
		"Message-Authenticator = 0x00")
}

// wantRADIUS compares the code of an answer with the expected one.
func wantRADIUS(t *testing.T, answer, want string) {
	t.Helper()
	got, _, _ := strings.Cut(answer, " ")
	if got != want {
		t.Errorf("RADIUS answered %q, want %q", answer, want)
	}
}

const (
	accept  = "Access-Accept"
	reject  = "Access-Reject"
	silence = ""
)
