package seal

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// redaction is embedded in what holds a secret: however it is printed, logged
// or marshalled, it reads "[redacted]".
type redaction struct{}

// String returns "[redacted]".
func (redaction) String() string { return redacted }

// GoString returns "[redacted]".
func (redaction) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (redaction) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]".
func (redaction) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]".
func (redaction) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]".
func (redaction) LogValue() slog.Value { return slog.StringValue(redacted) }
