package radiusd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/directory/schema"
)

// needCode makes the app wifi ask for a code.
func (w *world) needCode() {
	w.t.Helper()
	w.write(func(tx *directory.Writer) error {
		a, err := tx.AppBySlug("wifi")
		if err != nil {
			return err
		}
		_, err = tx.UpdateApp(a.ID, func(a *directory.App) error {
			a.Require = []directory.Factor{directory.FactorTOTP}
			return nil
		})
		return err
	})
}

// person is somebody of staff with an authenticator.
func (w *world) person(name string) credential.TOTP {
	w.t.Helper()
	hash, err := w.directory.HashPassword(w.t.Context(), alicePassword)
	if err != nil {
		w.t.Fatal(err)
	}
	var g credential.TOTP
	w.write(func(tx *directory.Writer) error {
		u, err := tx.CreateUser(directory.User{Username: name})
		if err != nil {
			return err
		}
		if err := tx.SetPassword(u.ID, hash); err != nil {
			return err
		}
		if err := tx.AddMembers(w.staff.ID, directory.Membership{User: u.ID}); err != nil {
			return err
		}
		g, _, err = tx.AddTOTP(u.ID, "")
		return err
	})
	return g
}

func codeNow(g credential.TOTP) string { return g.Code(g.Step(time.Now())) }

// from is an Access-Request from a station, with the State of a challenge.
func (w *world) from(station, name, password string, asked *radius.Packet) *radius.Packet {
	p := accessRequest(w.t, name, password)
	_ = rfc2865.CallingStationID_SetString(p, station)
	if asked != nil {
		_ = rfc2865.State_Set(p, rfc2865.State_Get(asked))
	}
	return (&world{t: w.t, auth: w.auth}).ask(p)
}

// TestAccessChallenge: where the client opts in the code is asked for, after a
// wrong password too, and only after a right one does it open anything.
func TestAccessChallenge(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Challenge: true})
	w.needCode()
	g := map[string]credential.TOTP{}
	for _, name := range []string{"ann", "ben", "cat", "dan"} {
		g[name] = w.person(name)
	}
	const station = "02-00-00-00-00-01"
	for _, tt := range []struct {
		what, name, password string
		station              string // of the answer
		code                 string // instead of the right one
		want                 radius.Code
	}{
		{what: "right", name: "ann", want: radius.CodeAccessAccept},
		{what: "wrong code", name: "ben", code: "12345x", want: radius.CodeAccessReject},
		{what: "wrong password", name: "cat", password: "wrong", want: radius.CodeAccessReject},
		{what: "another station", name: "dan", station: "02-00-00-00-00-99", want: radius.CodeAccessReject},
		{what: "nobody", name: "nobody", code: "123456", want: radius.CodeAccessReject},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, auth: w.auth}
			password := alicePassword
			if tt.password != "" {
				password = tt.password
			}
			begun := time.Now()
			asked := w.from(station, tt.name, password, nil)
			if asked.Code != radius.CodeAccessChallenge || len(rfc2865.State_Get(asked)) != stateSize ||
				!strings.Contains(rfc2865.ReplyMessage_GetString(asked), "code") || rfc2865.SessionTimeout_Get(asked) != 120 {
				t.Fatalf("%v %v", asked.Code, asked.Attributes)
			}
			if took := time.Since(begun); took < 990*time.Millisecond {
				t.Errorf("it was asked after %v, before the tick of a denial", took)
			}
			code, at := tt.code, station
			if code == "" {
				code = codeNow(g[tt.name])
			}
			if tt.station != "" {
				at = tt.station
			}
			if got := w.from(at, tt.name, code, asked); got.Code != tt.want {
				t.Errorf("%v, want %v", got.Code, tt.want)
			}
			if got := w.from(at, tt.name, code, asked); got.Code != radius.CodeAccessReject {
				t.Errorf("the same State again: %v", got.Code)
			}
		})
	}
}

// TestAppendedCode: a code behind the password, at clients of both kinds; one that
// does not ask says no to a password alone.
func TestAppendedCode(t *testing.T) {
	for _, challenge := range []bool{false, true} {
		t.Run(fmt.Sprintf("challenge %v", challenge), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, schema.RADIUSClient{Challenge: challenge})
			w.needCode()
			alone := radius.CodeAccessReject
			if challenge {
				alone = radius.CodeAccessChallenge
			}
			g := w.person("ann")
			if got := w.from("02-00-00-00-00-01", "ann", alicePassword, nil); got.Code != alone {
				t.Errorf("a password alone: %v, want %v", got.Code, alone)
			}
			typed := alicePassword + ";" + codeNow(g)
			if got := w.from("02-00-00-00-00-01", "ann", typed, nil); got.Code != radius.CodeAccessAccept {
				t.Errorf("with a code: %v", got.Code)
			}
			if got := w.from("02-00-00-00-00-02", "ann", typed, nil); got.Code == radius.CodeAccessAccept {
				t.Error("a code opened twice")
			}
		})
	}
}

// TestPrompts: a State is for one answer of the same client, station and name,
// for two minutes.
func TestPrompts(t *testing.T) {
	now := time.Unix(1000, 0)
	c := prompt{client: 1, station: "s", name: "ann", user: 7, proved: []directory.Factor{directory.FactorPassword}, until: now.Add(promptFor)}
	for _, tt := range []struct {
		what, station, name string
		client              directory.RADIUSClientID
		at                  time.Time
		ok                  bool
	}{
		{"all the same", "s", "ann", 1, c.until.Add(-time.Second), true},
		{"another station", "x", "ann", 1, now, false},
		{"another name", "s", "bob", 1, now, false},
		{"another client", "s", "ann", 2, now, false},
		{"too late", "s", "ann", 1, c.until, false},
	} {
		var p prompts
		state := p.begin(c, now)
		if got := p.take(state[:], tt.client, tt.station, tt.name, tt.at); (got.user == 7) != tt.ok {
			t.Errorf("%s: user %d", tt.what, got.user)
		}
		if got := p.take(state[:], 1, "s", "ann", now); got.user != 0 {
			t.Errorf("%s: it can be answered again", tt.what)
		}
	}
	var p prompts
	first := p.begin(c, now)
	for range 2 * maxPrompts {
		p.begin(c, now)
	}
	if len(p.open) > maxPrompts {
		t.Errorf("%d conversations are kept", len(p.open))
	}
	nothing := c
	nothing.user = 0
	p = prompts{}
	if second := p.begin(nothing, now); second == first || len(p.open) != 0 {
		t.Error("a conversation in which nothing was proved is kept, or a State comes twice")
	}
}
