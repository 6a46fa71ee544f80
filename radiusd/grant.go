package radiusd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// grant returns the reply row that counts for a decision about somebody with a
// device, nil when none does, and how long a session that begins now may last.
func (c *client) grant(dec *directory.Decision, station string, now time.Time) (*replyRule, time.Duration) {
	session := c.session
	rule := c.rule(dec, station)
	if rule != nil && rule.session > 0 {
		session = rule.session
	}
	// RFC 2865 §5.27: then the NAS asks again, and what has ended by then has ended.
	if !dec.Until.IsZero() {
		session = min(session, max(dec.Until.Sub(now), time.Second))
	}
	return rule, session
}

func (c *client) rule(dec *directory.Decision, station string) *replyRule {
	for i := range c.rules {
		if c.rules[i].matches(dec, station) {
			return &c.rules[i]
		}
	}
	return nil
}

// terms is what a decision is worth at this client, as a digest under the revision
// of its configuration: it differs when the same person would be told something
// else.
func (c *client) terms(dec *directory.Decision, station string) string {
	terms := c.revision()
	if rule := c.rule(dec, station); rule != nil {
		terms += rule.digest
	}
	return terms
}

// sameRevision reports whether terms are of this configuration. A change of the
// reply rows themselves counts from the next authentication on: who edits a VLAN
// does not mean to disconnect a site.
func (c *client) sameRevision(terms string) bool { return strings.HasPrefix(terms, c.revision()) }

func (c *client) revision() string { return strconv.FormatInt(c.rev, 10) + ":" }

// digestOf identifies what a reply row says, whoever it is for.
func digestOf(row schema.Reply) string {
	row.Group, row.User, row.Device = "", "", ""
	said, err := json.Marshal(row)
	if err != nil {
		return err.Error() // never: it came from JSON
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:8])
}
