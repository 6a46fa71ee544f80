package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

func (t *tool) userDisable() *cobra.Command {
	return t.shutCommand(&cobra.Command{
		Use: "disable NAME", Short: "Refuse a person everywhere, until enabled",
		Long: "From the next attempt on every door refuses; sessions, tokens and connections end.\n" +
			"Credentials are kept and work again after `gatehouse user enable`.",
		Example: "  gatehouse user disable jane --reason \"on leave\"",
	}, (*directory.Writer).DisableUser)
}

func (t *tool) userLockdown() *cobra.Command {
	return t.shutCommand(&cobra.Command{
		Use: "lockdown NAME", Short: "Disable a person and revoke every credential",
		Long: "Like disable, and every credential but the password is revoked and the password is\n" +
			"unusable. `gatehouse user enable --after-lockdown` then needs a new password.",
		Example: "  gatehouse user lockdown mallory --reason \"stolen laptop\"",
	}, (*directory.Writer).Lockdown)
}

type shutFunc func(*directory.Writer, directory.UserID, string) (directory.LockdownReport, error)

func (t *tool) shutCommand(c *cobra.Command, shut shutFunc) *cobra.Command {
	var reason string
	c.Args = arguments(1, 1)
	c.RunE = func(c *cobra.Command, args []string) error {
		var report directory.LockdownReport
		err := t.write(c, person(args[0], func(w *directory.Writer, u directory.User) (err error) {
			report, err = shut(w, u.ID, reason)
			return err
		}))
		if err != nil {
			return err
		}
		open, err := t.stillOpen(c, &report)
		if err != nil {
			return err
		}
		status := strings.ReplaceAll(string(report.User.Status), "_", " ")
		t.say("%s is %s. %s", report.User.Username, status, ended(report, len(open)))
		t.sayOpen(open, report.Waiting)
		if t.json {
			return t.printJSON(shutView{
				Username: report.User.Username, Status: report.User.Status, Sessions: report.Sessions,
				Tokens: report.Tokens, NetworkSessions: len(report.Told), Credentials: report.Credentials,
				NetworkOpen: open, NetworkWaiting: viewWaiting(report.Waiting),
			})
		}
		return nil
	}
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the audit")
	return t.jsonFlag(c)
}

// shutView is what a disable or lockdown ended.
type shutView struct {
	Username        string           `json:"username"`
	Status          directory.Status `json:"status"`
	Sessions        int              `json:"sessions"`
	Tokens          int              `json:"tokens"`
	NetworkSessions int              `json:"network_sessions"` // whose NAS was told to end them
	Credentials     int              `json:"credentials"`

	NetworkOpen    []openSessionView    `json:"network_sessions_open"`    // of those, not ended so far
	NetworkWaiting []waitingSessionView `json:"network_sessions_waiting"` // further ones, whose NAS cannot be told
}

// ended says in a sentence what a disable or lockdown closed.
func ended(r directory.LockdownReport, open int) string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{r.Sessions, "session"}, {r.Tokens, "token"}, {len(r.Told) - open, "network session"}, {r.Credentials, "credential"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.noun))
		}
	}
	switch {
	case len(parts) > 0:
	case open+len(r.Waiting) > 0:
		return "Still open:"
	default:
		return "Nothing was open."
	}
	return "Ended: " + strings.Join(parts, ", ") + "."
}

func (t *tool) userEnable() *cobra.Command {
	var after, generate bool
	var file string
	c := &cobra.Command{
		Use: "enable NAME", Short: "Let a disabled person in again", Args: arguments(1, 1),
		Long: "Lets a disabled person in again; what was open stays closed. After a lockdown the person\n" +
			"needs --after-lockdown and a new password.",
		Example: "  gatehouse user enable jane\n" +
			"  gatehouse user enable mallory --after-lockdown --generate",
		RunE: func(c *cobra.Command, args []string) error {
			if !after {
				if generate || file != "" {
					return usagef("a new password belongs to --after-lockdown; see also gatehouse user set-password")
				}
				return t.enable(c, args[0])
			}
			password, err := t.newPassword(args[0], file, generate)
			if err != nil {
				return err
			}
			err = t.writePassword(c, args[0], password, func(w *directory.Writer, u directory.User) error {
				_, err := w.EnableUser(u.ID, true)
				return err
			}, nil)
			if err != nil {
				return err
			}
			t.say("%s may sign in again, with the new password.", args[0])
			if generate {
				return t.printSecret(password)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&after, "after-lockdown", false, "end a lockdown and set a new password")
	passwordFlags(c, &file, &generate)
	return c
}

func (t *tool) enable(c *cobra.Command, name string) error {
	err := t.write(c, person(name, func(w *directory.Writer, u directory.User) error {
		_, err := w.EnableUser(u.ID, false)
		return err
	}))
	if err == nil {
		t.say("%s may sign in again.", name)
	}
	return err
}

func (t *tool) userUnlock() *cobra.Command {
	return &cobra.Command{
		Use: "unlock NAME", Short: "Forget failed sign-ins of a person", Args: arguments(1, 1),
		Long: "Forgets failed sign-ins, so that the person need not wait. It changes nothing else: who is\n" +
			"disabled stays disabled.",
		RunE: func(c *cobra.Command, args []string) error {
			err := t.withCore(c.Context(), func(opened *core.Core) error {
				u, err := findUser(c.Context(), opened.Directory, t.operator(), args[0])
				if err != nil {
					return err
				}
				return opened.Directory.Unlock(c.Context(), t.operator(), u.ID)
			})
			if err == nil {
				t.say("Forgot the failed sign-ins of %s.", args[0])
			}
			return err
		},
	}
}
