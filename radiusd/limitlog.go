package radiusd

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// limitedLog writes at most one line a second about what a stranger can cause,
// and says how many it left out.
type limitedLog struct {
	log  *slog.Logger
	now  func() time.Time
	mu   sync.Mutex
	next time.Time
	held int
}

func (l *limitedLog) warn(ctx context.Context, msg string, attrs ...slog.Attr) {
	now := l.now()
	l.mu.Lock()
	if now.Before(l.next) {
		l.held++
		l.mu.Unlock()
		return
	}
	held := l.held
	l.held, l.next = 0, now.Add(time.Second)
	l.mu.Unlock()
	if held > 0 {
		attrs = append(attrs, slog.Int("suppressed", held))
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, msg, attrs...) //nolint:sloglint // every caller passes a constant
}
