package directory

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The internal ids. They are made by the process before the insert, are never
// reused and are never shown outside; outside, a uid (UUID) names the row.
type (
	// UserID names a User, a person or a service account.
	UserID int64
	// GroupID names a Group.
	GroupID int64
	// CredentialID names a Credential.
	CredentialID int64
	// AppID names an App.
	AppID int64
	// FacetID names a Facet.
	FacetID int64
	// PolicyID names a Policy.
	PolicyID int64
	// BindingID names a Binding.
	BindingID int64
	// RADIUSClientID names a RADIUSClient.
	RADIUSClientID int64
	// SCIMSourceID names a SCIMSource.
	SCIMSourceID int64
	// JobID names a Job.
	JobID int64
)

// Seq is a position in the change feed: gap-free and in commit order, from 1.
type Seq int64

// Head is the newest position of the feed. Epoch grows when a backup was
// restored; everything derived from an earlier epoch must be loaded again.
type Head struct {
	Seq   Seq
	Epoch int64
}

// idSource makes row ids: 41 bits of milliseconds since 2020 and 22 random
// bits, rising within the process, so that a deleted row's id never comes back
// and a bulk load does not meet itself.
type idSource struct {
	now  func() time.Time
	rand io.Reader

	mu   sync.Mutex
	last int64
}

const idEpochMillis = 1_577_836_800_000 // 2020-01-01T00:00:00Z

func (s *idSource) next() (int64, error) {
	var b [4]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return 0, fmt.Errorf("make a row id: %w", err)
	}
	id := (s.now().UnixMilli()-idEpochMillis)<<22 | int64(binary.BigEndian.Uint32(b[:])>>10)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(id, s.last+1)
	return s.last, nil
}

// uid makes a random UUID (RFC 9562 §5.4) in its canonical lower-case form.
func (s *idSource) uid() (string, error) {
	u, err := uuid.NewRandomFromReader(s.rand)
	if err != nil {
		return "", fmt.Errorf("make a uid: %w", err)
	}
	return u.String(), nil
}
