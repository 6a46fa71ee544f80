package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gatehouse/test/stage"
)

// idle measures what the daemons hold when nobody asks anything, and how soon
// they are ready.
func (r *runner) idle(ctx context.Context) error {
	g, err := r.gatehouse(ctx, "idle", newPeople(10))
	if err != nil {
		return err
	}
	var lines []line
	if err := g.Start(ctx, stage.Daemons()...); err != nil {
		return err
	}
	var total, own int64
	for _, name := range stage.Daemons() {
		rss, err := settled(ctx, g.Process(name))
		if err != nil {
			return err
		}
		anonymous, err := g.Process(name).OwnRSS()
		if err != nil {
			return err
		}
		total, own = total+rss, own+anonymous
		lines = append(lines, line{server: name + ", RSS", fact: mebibytes(rss)})
	}
	lines = append(lines, line{server: "the four daemons together, RSS", fact: mebibytes(total), target: "≤ 100 MiB"},
		line{server: "of it not the mapped program files", fact: mebibytes(own)})
	if err := g.Stop(stage.Daemons()...); err != nil {
		return err
	}
	var ready []time.Duration
	for range 5 {
		begin := time.Now()
		if err := g.Start(ctx, stage.AllInOne); err != nil {
			return err
		}
		ready = append(ready, time.Since(begin))
		if len(ready) == 1 {
			rss, err := settled(ctx, g.Process(stage.AllInOne))
			if err != nil {
				return err
			}
			lines = append(lines, line{server: "`gatehouse serve`, RSS", fact: mebibytes(rss), target: "≤ 100 MiB"})
		}
		if err := g.Stop(stage.AllInOne); err != nil {
			return err
		}
	}
	slices.Sort(ready)
	lines = append(lines, line{server: "`gatehouse serve`, from its start to ready (median of 5)", fact: fmt.Sprintf("%d ms", ready[len(ready)/2].Milliseconds()), target: "≤ 300 ms"})
	r.table.add(section{title: "Idle", note: "A directory of 10 people on SQLite, five seconds after the start. When they are ready the daemons give back what only the start needed: free heap, and the pages of their program files, which stay in the page cache of the kernel (20 MiB each) until it wants the memory.", lines: lines})
	return nil
}

// settled is the RSS five seconds after the call.
func settled(ctx context.Context, p *stage.Process) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(5 * time.Second):
		return p.RSS()
	}
}
