package main

import (
	"bytes"
	"crypto/hmac"
	"fmt"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

func (t *tool) auditVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check that no audit event was edited, removed or inserted", Args: arguments(0, 0),
		Long: "Follows every chain of audit events from its beginning and computes each link again. An\n" +
			"event that was edited, removed from the middle or put in breaks its chain. Events removed\n" +
			"from the end of a chain leave no trace in the store: compare the last numbers that are\n" +
			"printed with those of an earlier run.",
		RunE: func(c *cobra.Command, _ []string) error {
			var chains chains
			err := t.withCore(c.Context(), func(opened *core.Core) error {
				linker, err := directory.NewLinker(opened.Keys, core.CLI, "verify")
				if err != nil {
					return err
				}
				return opened.Directory.Read(c.Context(), t.operator(), func(r *directory.Reader) error {
					chains = newChains(linker)
					for e, err := range r.Events(directory.EventQuery{}) {
						if err != nil {
							return err
						}
						chains.add(e)
					}
					return nil
				})
			})
			if err != nil {
				return err
			}
			if err := t.table("CHAIN EVENTS LAST", chains.rows()); err != nil {
				return err
			}
			if broken := chains.problems(); len(broken) > 0 {
				for _, problem := range broken {
					t.say("%s", problem)
				}
				return fmt.Errorf("the audit was changed: %s", plural(len(broken), "problem"))
			}
			t.say("Every link is right.")
			return nil
		},
	}
}

// chains follows audit chains. Events of one chain may come a little out of
// order: what comes early waits for its turn.
type chains struct {
	linker directory.Linker
	names  []string
	by     map[string]*chain
}

type chain struct {
	n       int64
	link    []byte
	early   map[int64]directory.Event
	problem string
	last    string
}

func newChains(l directory.Linker) chains { return chains{linker: l, by: map[string]*chain{}} }

func (c *chains) add(e directory.Event) {
	ch := c.by[e.Chain]
	if ch == nil {
		ch = &chain{early: map[int64]directory.Event{}}
		c.by[e.Chain] = ch
		c.names = append(c.names, e.Chain)
	}
	if ch.problem != "" {
		return
	}
	if e.N != ch.n+1 {
		if _, twice := ch.early[e.N]; twice || e.N <= ch.n {
			ch.problem = fmt.Sprintf("number %d is there twice", e.N)
			return
		}
		ch.early[e.N] = e
		return
	}
	c.follow(ch, e)
	for next, ok := ch.early[ch.n+1]; ok && ch.problem == ""; next, ok = ch.early[ch.n+1] {
		delete(ch.early, next.N)
		c.follow(ch, next)
	}
}

func (c *chains) follow(ch *chain, e directory.Event) {
	if !bytes.Equal(e.Previous, ch.link) || !hmac.Equal(e.Link, c.linker.Link(&e)) {
		ch.problem = fmt.Sprintf("number %d (%s, %s) was changed", e.N, moment(e.At), e.Verb)
		return
	}
	ch.n, ch.link, ch.last = e.N, e.Link, moment(e.At)
}

// problems returns one sentence for each chain that is broken.
func (c *chains) problems() []string {
	var out []string
	for _, name := range c.names {
		ch := c.by[name]
		if ch.problem == "" && len(ch.early) > 0 {
			ch.problem = fmt.Sprintf("number %d is missing", ch.n+1)
		}
		if ch.problem != "" {
			out = append(out, name+": "+ch.problem)
		}
	}
	return out
}

func (c *chains) rows() [][]string {
	rows := [][]string{}
	for _, name := range c.names {
		rows = append(rows, []string{name, fmt.Sprint(c.by[name].n), c.by[name].last})
	}
	return rows
}
