package main

import (
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

// whyView is a decision as JSON.
type whyView struct {
	Outcome directory.Outcome `json:"outcome"`
	Reason  directory.Reason  `json:"reason"`
	Message string            `json:"message"`
	Checks  []checkView       `json:"checks"`
}

type checkView struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

func (t *tool) whyCommand() *cobra.Command {
	var app, protocol, address, at string
	var event int64
	c := t.jsonFlag(&cobra.Command{
		Use: "why USER | --event ID", Short: "Say why somebody may or may not enter an app", Args: arguments(0, 1),
		Long: "Decides as if the password had been right, and names every check. Nothing is recorded.\n" +
			"With --event it explains a decision that was made, from its audit event: gatehouse audit list\n" +
			"shows the ids. The exit code is 0 for allow and 3 for deny.",
		Example: "  gatehouse why jane --app wiki\n" +
			"  gatehouse why jane --app wifi --protocol radius --ip 10.0.5.7 --at 2027-01-31T18:00:00Z --json",
		RunE: func(c *cobra.Command, args []string) error {
			if (event != 0) == (len(args) == 1) {
				return usagef("name a USER, or an audit event by --event")
			}
			if event != 0 {
				return t.whyEvent(c, event)
			}
			q := directory.Question{Name: args[0], App: app, Protocol: directory.Protocol(protocol)}
			if protocol != "" && !slices.Contains(doors(), q.Protocol) {
				return usagef("--protocol %q is none of ldap, radius, oidc, saml, proxy, web", protocol)
			}
			var err error
			if address != "" {
				if q.Client, err = netip.ParseAddr(address); err != nil {
					return usagef("--ip %q is not an address", address)
				}
			}
			if q.At, err = t.parseTime("at", at); err != nil {
				return err
			}
			var decision directory.Decision
			err = t.withCore(c.Context(), func(opened *core.Core) (err error) {
				decision, err = opened.Directory.Why(c.Context(), t.operator(), q)
				return err
			})
			if err != nil {
				return err
			}
			return t.explain(decision)
		},
	})
	f := c.Flags()
	f.StringVar(&app, "app", "", "`slug` of the app; without one only the person's own status decides")
	f.StringVar(&protocol, "protocol", "", "`door`: ldap, radius, oidc, saml, proxy or web")
	f.StringVar(&address, "ip", "", "`address` of the person's device")
	f.StringVar(&at, "at", "", "`time` of the attempt; default now")
	f.Int64Var(&event, "event", 0, "`id` of the audit event of an attempt, instead of USER")
	return c
}

// doors are the protocols that people come through.
func doors() []directory.Protocol {
	return []directory.Protocol{
		directory.ProtocolLDAP, directory.ProtocolRADIUS, directory.ProtocolOIDC,
		directory.ProtocolSAML, directory.ProtocolProxy, directory.ProtocolWeb,
	}
}

func (t *tool) explain(d directory.Decision) error {
	v := whyView{Outcome: d.Outcome, Reason: d.Reason, Message: d.Message, Checks: []checkView{}}
	for _, check := range d.Trace {
		v.Checks = append(v.Checks, checkView(check))
	}
	if err := t.printWhy(v); err != nil {
		return err
	}
	if !d.Allowed() {
		return &answered{exitRefused}
	}
	return nil
}

func (t *tool) printWhy(v whyView) error {
	if t.json {
		return t.printJSON(v)
	}
	line := string(v.Outcome) + ": " + string(v.Reason)
	if v.Message != "" {
		line += " (" + v.Message + ")"
	}
	if err := t.print("%s", line); err != nil {
		return err
	}
	rows := make([][]string, len(v.Checks))
	for i, check := range v.Checks {
		rows[i] = []string{check.Name, check.Outcome, check.Detail}
	}
	return t.table("CHECK OUTCOME DETAIL", rows)
}
