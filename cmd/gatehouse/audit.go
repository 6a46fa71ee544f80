package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) auditCommand() *cobra.Command {
	return t.group(&cobra.Command{Use: "audit", Short: "Who did what, and who came in"},
		t.auditList(), t.auditExport(), t.auditVerify())
}

// eventView is an audit event as JSON.
type eventView struct {
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor,omitempty"`
	Via     string          `json:"via,omitempty"`
	IP      string          `json:"ip,omitempty"`
	Verb    string          `json:"verb"`
	Entity  string          `json:"entity,omitempty"`
	Name    string          `json:"name,omitempty"`
	Outcome string          `json:"outcome"`
	Reason  string          `json:"reason,omitempty"`
	App     string          `json:"app,omitempty"`
	Count   int             `json:"count"`
	Detail  json.RawMessage `json:"detail,omitempty"`
	Chain   string          `json:"chain"`
	N       int64           `json:"n"`
	ID      int64           `json:"id"`
}

func viewEvent(e directory.Event) eventView {
	return eventView{
		At: e.At, Actor: e.Actor, Via: e.Via, IP: e.IP, Verb: e.Verb, Entity: e.Entity, Name: e.Name, Outcome: e.Outcome,
		Reason: string(e.Reason), App: e.App, Count: e.Count, Detail: e.Detail, Chain: e.Chain, N: e.N, ID: e.ID,
	}
}

// eventFlags select audit events.
type eventFlags struct{ user, verb, since, until string }

func (f *eventFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.user, "user", "", "only changes of this person")
	c.Flags().StringVar(&f.verb, "verb", "", "only this `verb`, such as users.disable or authenticate")
	c.Flags().StringVar(&f.since, "since", "", "`time` of the first; -24h is a day ago")
	c.Flags().StringVar(&f.until, "until", "", "`time` before which the last was")
}

func (f *eventFlags) query(t *tool, r *directory.Reader) (directory.EventQuery, error) {
	q := directory.EventQuery{Verb: f.verb}
	var err error
	if q.Since, err = t.parseTime("since", f.since); err != nil {
		return q, err
	}
	if q.Until, err = t.parseTime("until", f.until); err != nil {
		return q, err
	}
	if f.user != "" {
		u, err := r.UserByName(directory.Person, f.user)
		if err != nil {
			return q, err
		}
		q.User = u.ID
	}
	return q, nil
}

func (t *tool) auditList() *cobra.Command {
	var flags eventFlags
	var limit int
	c := listCommand(t, &cobra.Command{
		Use: "list", Short: "List the newest audit events, the newest first",
		Example: "  gatehouse audit list --user jane --since -24h",
	}, listing[eventView]{
		head: "TIME ACTOR VERB WHAT APP OUTCOME",
		find: func(r *directory.Reader) ([]eventView, error) {
			if limit < 1 {
				return nil, usagef("--limit must be at least 1")
			}
			q, err := flags.query(t, r)
			if err != nil {
				return nil, err
			}
			q.Newest, q.Limit = true, limit
			return collect(r.Events(q), func(e directory.Event) (eventView, error) { return viewEvent(e), nil })
		},
		row: func(e *eventView) []string {
			return []string{
				moment(e.At), e.Actor, e.Verb, strings.TrimSpace(e.Entity + " " + e.Name), e.App,
				strings.TrimSpace(e.Outcome + " " + e.Reason),
			}
		},
	})
	flags.register(c)
	c.Flags().IntVar(&limit, "limit", 50, "how many")
	return c
}

func (t *tool) auditExport() *cobra.Command {
	var flags eventFlags
	c := &cobra.Command{
		Use: "export", Short: "Print audit events as JSON lines, the oldest first", Args: arguments(0, 0),
		Example: "  gatehouse audit export --since 2027-01-01 > audit.jsonl",
		RunE: func(c *cobra.Command, _ []string) error {
			out := json.NewEncoder(t.out)
			out.SetEscapeHTML(false)
			return t.read(c, func(r *directory.Reader) error {
				q, err := flags.query(t, r)
				if err != nil {
					return err
				}
				for e, err := range r.Events(q) {
					if err != nil {
						return err
					}
					if err := out.Encode(viewEvent(e)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	flags.register(c)
	return c
}
