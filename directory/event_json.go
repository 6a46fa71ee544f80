package directory

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxEventLine bounds a line of a file of checkpoints.
const maxEventLine = 1 << 20

// eventJSON is an Event as it leaves the machine. It holds everything that the
// link covers, and so can be checked without the store.
type eventJSON struct {
	ID       int64           `json:"id,string"`
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor,omitempty"`
	Via      string          `json:"via,omitempty"`
	IP       string          `json:"ip,omitempty"`
	Verb     string          `json:"verb"`
	Entity   string          `json:"entity,omitempty"`
	Ref      int64           `json:"ref,omitempty,string"`
	Name     string          `json:"name,omitempty"`
	Outcome  string          `json:"outcome"`
	Reason   Reason          `json:"reason,omitempty"`
	App      string          `json:"app,omitempty"`
	Count    int             `json:"count"`
	Detail   json.RawMessage `json:"detail,omitempty"`
	Chain    string          `json:"chain"`
	N        int64           `json:"n"`
	Segment  int64           `json:"segment"`
	Previous []byte          `json:"previous,omitempty"`
	Link     []byte          `json:"link,omitempty"`
}

// MarshalJSON returns e as JSON.
func (e Event) MarshalJSON() ([]byte, error) { return json.Marshal(e.json()) }

// Line returns e as a line of JSON that ParseEvent reads, and with it the bytes
// that the link covers. encoding/json would escape the output of MarshalJSON.
func (e *Event) Line() ([]byte, error) {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(e.json()); err != nil {
		return nil, fmt.Errorf("encode audit event %d: %w", e.ID, err)
	}
	return b.Bytes(), nil
}

func (e *Event) json() eventJSON {
	return eventJSON{
		ID: e.ID, At: e.At.UTC(), Actor: e.Actor, Via: e.Via, IP: e.IP, Verb: e.Verb, Entity: e.Entity, Ref: e.Ref,
		Name: e.Name, Outcome: e.Outcome, Reason: e.Reason, App: e.App, Count: e.Count, Detail: e.Detail,
		Chain: e.Chain, N: e.N, Segment: e.Segment, Previous: e.Previous, Link: e.Link,
	}
}

// checkpointKey is the attribute of the log line that carries a checkpoint, as
// base64url of its JSON: one word in every log format.
const checkpointKey = "checkpoint"

// logValue returns e for a log line.
func (e *Event) logValue() string {
	b, err := e.Line()
	if err != nil {
		return err.Error()
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseEvent finds an audit event in a line of a log, of syslog or of an
// export: its JSON, or what a log line has under "checkpoint". found is false
// when there is none. What is found is no more than a claim: its link says
// whether it is true.
func ParseEvent(line []byte) (e Event, found bool, err error) {
	if len(line) > maxEventLine {
		return e, false, fmt.Errorf("longer than %d bytes", maxEventLine)
	}
	text := line
	encoded, logged := loggedCheckpoint(line)
	if logged {
		if text, err = base64.RawURLEncoding.AppendDecode(nil, encoded); err != nil {
			return e, true, fmt.Errorf("the checkpoint is damaged: %w", err)
		}
	}
	start := bytes.IndexByte(text, '{')
	if start < 0 {
		start = len(text)
	}
	var j eventJSON
	if err := json.NewDecoder(bytes.NewReader(text[start:])).Decode(&j); err != nil || j.Chain == "" || len(j.Link) == 0 {
		if logged {
			return e, true, errors.New("the checkpoint is damaged")
		}
		return e, false, nil // JSON of something else
	}
	return Event{
		ID: j.ID, At: j.At.UTC(), Actor: j.Actor, Via: j.Via, IP: j.IP, Verb: j.Verb, Entity: j.Entity, Ref: j.Ref,
		Name: j.Name, Outcome: j.Outcome, Reason: j.Reason, App: j.App, Count: j.Count, Detail: j.Detail,
		Chain: j.Chain, N: j.N, Segment: j.Segment, Previous: j.Previous, Link: j.Link,
	}, true, nil
}

// loggedCheckpoint returns the word after checkpoint= or "checkpoint":".
func loggedCheckpoint(line []byte) ([]byte, bool) {
	for _, mark := range []string{checkpointKey + "=", `"` + checkpointKey + `":"`} {
		_, rest, ok := bytes.Cut(line, []byte(mark))
		if !ok {
			continue
		}
		end := bytes.IndexFunc(rest, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
		if end < 0 {
			end = len(rest)
		}
		return rest[:end], true
	}
	return nil, false
}
