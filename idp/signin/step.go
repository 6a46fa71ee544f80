package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"
)

const (
	// stepCookie holds the step that a sign-in is at: it opens nothing by itself.
	stepCookie = "__Host-step"
	// stepKind is the kind of the token that the store keeps of a step.
	stepKind = "sign_in_step"
	// stepTTL is how long a sign-in may take from the password to the code.
	stepTTL = 5 * time.Minute
	// maxStepName bounds the name, as typed, that a step carries.
	maxStepName = 320
)

// step is a sign-in after the password and before the code. The store keeps it,
// hashed, only when the password was right; the browser cannot tell. Each answer
// uses it up: what follows is another.
type step struct {
	secret string
	until  time.Time
	name   string // as typed
}

func newStep(name string, until time.Time) step {
	return step{secret: rand.Text() + rand.Text(), until: until, name: name[:min(len(name), maxStepName)]}
}

func (s step) cookie() *http.Cookie {
	return cookie(stepCookie, s.secret+"."+strconv.FormatInt(s.until.Unix(), 10)+"."+base64.RawURLEncoding.EncodeToString([]byte(s.name)), 0)
}

func (s step) hash() []byte {
	sum := sha256.Sum256([]byte(s.secret))
	return sum[:]
}

// readStep reads the cookie. Nothing in it is to be believed but that whoever has
// the secret is at that step.
func readStep(r *http.Request) (step, bool) {
	c, err := r.Cookie(stepCookie)
	if err != nil || len(c.Value) > 1024 {
		return step{}, false
	}
	parts := strings.Split(c.Value, ".")
	if len(parts) != 3 || len(parts[0]) != 2*len(rand.Text()) {
		return step{}, false
	}
	until, err1 := strconv.ParseInt(parts[1], 10, 64)
	name, err2 := base64.RawURLEncoding.DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(name) > maxStepName {
		return step{}, false
	}
	return step{secret: parts[0], until: time.Unix(until, 0), name: string(name)}, true
}

// conversation is what was proved before the code. With User 0 it was nothing.
type conversation struct {
	Name       string                 `json:"name"`
	User       directory.UserID       `json:"-"` // beside it in the row, as is Epoch
	Epoch      int64                  `json:"-"`
	Factors    []directory.Factor     `json:"factors"`
	Credential directory.CredentialID `json:"credential,string"`
	Version    int64                  `json:"version,string"`
	Flow       []byte                 `json:"flow"` // hash of the browser's flow cookie
}

func conversationOf(dec *directory.Decision) *conversation {
	return &conversation{
		User: dec.User.ID, Epoch: dec.User.Epoch, Factors: dec.Factors, Credential: dec.Credential, Version: dec.Version,
	}
}

func flowHash(flow string) []byte {
	sum := sha256.Sum256([]byte("gatehouse step\x00" + flow))
	return sum[:]
}

// store keeps a step of somebody whose password was right. Of nobody's there is
// nothing to keep, so that strangers write nothing.
func (p *Page) store(ctx context.Context, s step, flow string, c *conversation) error {
	if c.User == 0 {
		return nil
	}
	c.Name, c.Flow = s.name, flowHash(flow)
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode a step of a sign-in: %w", err)
	}
	row := directory.Token{
		Hash: s.hash(), Kind: stepKind, User: c.User, Epoch: c.Epoch, Data: data, Created: p.Directory.Now(), Expires: s.until,
	}
	err = p.Directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error { return a.Tokens.Insert(row) })
	if err != nil {
		return fmt.Errorf("store a step of a sign-in: %w", err)
	}
	return nil
}

// take uses a step up. Of one that is not there, not this browser's, over or used
// before, nothing follows: what is returned proves nothing.
func (p *Page) take(ctx context.Context, s step, flow string) (*conversation, error) {
	var found *directory.Token
	err := p.Directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		found = nil
		q := directory.TokenQuery{Hashes: [][]byte{s.hash()}, Kind: stepKind}
		for row, err := range a.Tokens.Take(q) {
			if err != nil {
				return err
			}
			found = &row
		}
		if found == nil {
			return nil
		}
		_, err := a.Tokens.Delete(q)
		return err
	})
	nothing := &conversation{Name: s.name}
	if err != nil {
		return nil, fmt.Errorf("take a step of a sign-in: %w", err)
	}
	if found == nil || !found.Revoked.IsZero() || !p.Directory.Now().Before(found.Expires) {
		return nothing, nil
	}
	c := &conversation{User: found.User, Epoch: found.Epoch}
	if err := json.Unmarshal(found.Data, c); err != nil {
		return nil, fmt.Errorf("read a step of a sign-in: %w", err)
	}
	if !hmac.Equal(c.Flow, flowHash(flow)) {
		return nothing, nil
	}
	return c, nil
}
