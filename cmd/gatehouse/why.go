package main

import (
	"net/netip"
	"slices"
	"strings"

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
	var app, protocol, address, peer, at string
	var factors []string
	var device bool
	circumstances := map[string]*string{}
	var event int64
	c := t.jsonFlag(&cobra.Command{
		Use: "why USER | --event ID", Short: "Say why somebody may or may not enter an app", Args: arguments(0, 1),
		Long: "Decides as if the password had been right, and names every check. Nothing is recorded.\n" +
			"Policies show the part of the rule that decided, and its value; what is not given here is\n" +
			"not known to them. With --event it explains a decision that was made, from its audit event:\n" +
			"gatehouse audit list shows the ids. The exit code is 0 for allow and 3 for deny.",
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
			if peer != "" {
				if q.Peer, err = netip.ParseAddr(peer); err != nil {
					return usagef("--peer %q is not an address", peer)
				}
			}
			if q.At, err = t.parseTime("at", at); err != nil {
				return err
			}
			if q.Factors, err = parseFactors(factors); err != nil {
				return err
			}
			q.DeviceKnown, q.Context = device, given(c, circumstances)
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
	f.StringVar(&peer, "peer", "", "`address` that connects, when it is not the device")
	f.StringVar(&at, "at", "", "`time` of the attempt; default now")
	f.Int64Var(&event, "event", 0, "`id` of the audit event of an attempt, instead of USER")
	f.StringSliceVar(&factors, "factor", nil, "`factor` that was proved: password, totp, passkey …; repeated for several (default password)")
	f.BoolVar(&device, "known-device", false, "with a device that was used before")
	for flag, help := range map[string]string{
		directory.ContextUserAgent: "what the browser calls itself, as `text`", directory.ContextMethod: "RADIUS `method`: pap, eap-tls …",
		directory.ContextSSID: "`name` of the wireless network", directory.ContextMAC: "MAC `address` of the device, as 00-10-A4-23-19-C0",
		directory.ContextPortType: "NAS port `type`: Wireless-802.11, Ethernet, Virtual …",
		directory.ContextNAS:      "`name` of the RADIUS client", directory.ContextNASIP: "`address` of the NAS",
	} {
		circumstances[flag] = f.String(strings.ReplaceAll(flag, "_", "-"), "", help)
	}
	return c
}

// given returns what rules may read of the request, as far as the flags say it.
func given(c *cobra.Command, flags map[string]*string) map[string]string {
	out := map[string]string{}
	for key, value := range flags {
		if c.Flags().Changed(strings.ReplaceAll(key, "_", "-")) {
			out[key] = *value
		}
	}
	return out
}

func parseFactors(names []string) ([]directory.Factor, error) {
	var out []directory.Factor
	for _, n := range names {
		if !slices.Contains(directory.Factors(), directory.Factor(n)) {
			return nil, usagef("--factor %q is none of %v", n, directory.Factors())
		}
		out = append(out, directory.Factor(n))
	}
	return out, nil
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
