package radiusd

import (
	"context"
	"sync"
	"time"
)

// patience bounds how long requests are worked on. Those that arrive within a
// second share one context: a timer for each costs more than some decisions.
// The zero value is ready to use.
type patience struct {
	mu  sync.Mutex
	ctx context.Context
}

// bound returns a context that ends decideWithin from now, or up to a second
// later, or with parent, which is the same at every call.
func (p *patience) bound(parent context.Context) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx != nil {
		if ends, _ := p.ctx.Deadline(); time.Until(ends) >= decideWithin {
			return p.ctx
		}
	}
	ctx, cancel := context.WithTimeout(parent, decideWithin+time.Second)
	context.AfterFunc(ctx, cancel)
	p.ctx = ctx
	return ctx
}
