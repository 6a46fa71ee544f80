package main

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) auditCommand() *cobra.Command {
	return t.group(&cobra.Command{Use: "audit", Short: "Who did what, and who came in"},
		t.auditList(), t.auditExport(), t.auditVerify())
}

// eventFlags select audit events.
type eventFlags struct{ user, app, verb, outcome, reason, chain, since, until string }

func (f *eventFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.user, "user", "", "only what was done to or by this person, and their sign-ins")
	c.Flags().StringVar(&f.app, "app", "", "only sign-ins to the app with this `slug`")
	c.Flags().StringVar(&f.verb, "verb", "", "only this `verb`, such as users.disable or authenticate")
	c.Flags().StringVar(&f.outcome, "outcome", "", "only this `outcome`: ok, allow, deny or challenge")
	c.Flags().StringVar(&f.reason, "reason", "", "only this `reason`, such as wrong_password")
	c.Flags().StringVar(&f.chain, "chain", "", "only what this `daemon@host` has written")
	c.Flags().StringVar(&f.since, "since", "", "`time` of the first; -24h is a day ago")
	c.Flags().StringVar(&f.until, "until", "", "`time` before which the last was")
}

func (f *eventFlags) query(t *tool, r *directory.Reader) (directory.EventQuery, error) {
	q := directory.EventQuery{
		App: f.app, Verb: f.verb, Outcome: f.outcome, Reason: directory.Reason(f.reason), Chain: f.chain, Username: f.user,
	}
	var err error
	if q.Since, err = t.parseTime("since", f.since); err != nil {
		return q, err
	}
	if q.Until, err = t.parseTime("until", f.until); err != nil {
		return q, err
	}
	if f.user == "" {
		return q, nil
	}
	u, err := r.UserByName(directory.Person, f.user)
	if directory.Is(err, directory.NotFound) {
		u, err = r.UserByName(directory.ServiceAccount, f.user)
	}
	switch {
	case err == nil:
		q.User, q.Username = u.ID, u.Username
	case !directory.Is(err, directory.NotFound): // their name may be in the audit all the same
		return q, err
	}
	return q, nil
}

func (t *tool) auditList() *cobra.Command {
	var flags eventFlags
	var limit int
	c := listCommand(t, &cobra.Command{
		Use: "list", Short: "List the newest audit events, the newest first",
		Long: "Lists the newest audit events, the newest first. `gatehouse why --event ID` explains the decision\n" +
			"of one with the verb authenticate or authorize.",
		Example: "  gatehouse audit list --user jane --since -24h\n  gatehouse audit list --outcome deny --app wiki",
	}, listing[directory.Event]{
		head: "ID TIME ACTOR VERB WHAT APP OUTCOME",
		find: func(r *directory.Reader) ([]directory.Event, error) {
			if limit < 1 {
				return nil, usagef("--limit must be at least 1")
			}
			q, err := flags.query(t, r)
			if err != nil {
				return nil, err
			}
			q.Newest, q.Limit = true, limit
			return collect(r.Events(q), func(e directory.Event) (directory.Event, error) { return e, nil })
		},
		row: func(e *directory.Event) []string {
			outcome := strings.TrimSpace(e.Outcome + " " + string(e.Reason))
			if e.Count > 1 {
				outcome += fmt.Sprintf(" (%d times)", e.Count)
			}
			return []string{
				strconv.FormatInt(e.ID, 10), moment(e.At), e.Actor, e.Verb, strings.TrimSpace(e.Entity + " " + e.Name), e.App, outcome,
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
		Long: "Prints audit events as JSON lines, the oldest first. What was exported can be compared with the\n" +
			"store later: gatehouse audit verify --checkpoints FILE.",
		Example: "  gatehouse audit export --since 2027-01-01 > audit.jsonl",
		RunE: func(c *cobra.Command, _ []string) error {
			out := bufio.NewWriter(t.out)
			err := t.read(c, func(r *directory.Reader) error {
				q, err := flags.query(t, r)
				if err != nil {
					return err
				}
				for e, err := range r.Events(q) {
					if err != nil {
						return err
					}
					line, err := e.Line()
					if err != nil {
						return err
					}
					if _, err := out.Write(line); err != nil {
						return err
					}
				}
				return nil
			})
			return errors.Join(err, out.Flush())
		},
	}
	flags.register(c)
	return c
}
