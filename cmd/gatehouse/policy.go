package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
	"gatehouse/directory/policy"
)

func (t *tool) policyCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "policy", Short: "Rules that say who may enter an app, when and from where",
		Long: "Rules that say who may enter an app, when and from where. `gatehouse apply` binds them to\n" +
			"apps; `gatehouse why` says what they decide.",
	}, t.policySet(), t.policyList(), t.policyShow(), t.policyDelete())
}

// policyView is a policy as JSON: the keys of site.yaml and what the directory
// adds.
type policyView struct {
	Name string `json:"name"`
	Rule string `json:"rule,omitempty"`
	*policy.Ready
	Message    string    `json:"message,omitempty"`
	Expression string    `json:"expression"` // the rule, also of a ready-made one
	Apps       []string  `json:"apps"`       // that it is bound to
	Source     string    `json:"source"`
	UID        string    `json:"uid"`
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
}

func viewPolicy(r *directory.Reader, p directory.Policy) (policyView, error) {
	v := policyView{
		Name: p.Name, Rule: p.Rule, Ready: p.Ready, Message: p.Message, Expression: p.Rule,
		Apps: []string{}, Source: p.Source, UID: p.UID, Created: p.Created, Updated: p.Updated,
	}
	if p.Ready != nil {
		v.Rule = ""
	}
	var ids []directory.AppID
	for b, err := range r.Bindings(directory.BindingQuery{Kind: directory.BindPolicy, Ref: int64(p.ID)}) {
		if err != nil {
			return v, err
		}
		ids = append(ids, b.App)
	}
	if len(ids) == 0 {
		return v, nil
	}
	for a, err := range r.Apps(directory.AppQuery{IDs: ids}) {
		if err != nil {
			return v, err
		}
		v.Apps = append(v.Apps, a.Slug)
	}
	return v, nil
}

func (v policyView) facts() []fact {
	out := []fact{{"name", v.Name}}
	if v.Ready != nil {
		out = append(out,
			fact{"groups", strings.Join(v.Groups, ", ")},
			fact{"networks", strings.Join(v.Networks, ", ")},
			fact{"countries", strings.Join(v.Countries, ", ")},
			fact{"hours", showHours(v.Hours)},
			fact{"factors", strings.Join(v.Factors, ", ")},
			fact{"user agent", strings.Join(v.UserAgent, ", ")},
		)
	}
	return append(out, fact{"rule", v.Expression}, fact{"message", v.Message}, fact{"apps", strings.Join(v.Apps, ", ")},
		fact{"source", v.Source}, fact{"uid", v.UID}, fact{"created", moment(v.Created)}, fact{"updated", moment(v.Updated)})
}

func showHours(hours policy.Times) string {
	all := make([]string, len(hours))
	for i, h := range hours {
		all[i] = h.From + "-" + h.To + " " + h.Zone
		if len(h.Days) > 0 {
			all[i] += " " + strings.Join(h.Days, ",")
		}
	}
	return strings.Join(all, "; ")
}

func (t *tool) policySet() *cobra.Command {
	var p directory.Policy
	var ready policy.Ready
	c := &cobra.Command{
		Use: "set NAME", Short: "Create a policy, or change its rule and message", Args: arguments(1, 1),
		Long: "Creates a policy, or changes its rule and message. The rule is an expression (--rule), or is\n" +
			"put together from the other flags: everything given must hold, and of several groups,\n" +
			"and of networks and countries together, one is enough.",
		Example: "  gatehouse policy set office-net --rule 'request.ip.in(\"10.0.0.0/8\")' --message 'Only from the office network.'\n" +
			"  gatehouse policy set at-home --country CH --factor totp",
		RunE: func(c *cobra.Command, args []string) error {
			p.Name, p.Ready = args[0], &ready
			if p.Rule == "" && ready.Empty() {
				return usagef("the policy needs a rule; see %s --help", c.CommandPath())
			}
			err := t.write(c, func(w *directory.Writer) error {
				_, err := w.SavePolicy(p)
				return err
			})
			if err == nil {
				t.say("Set policy %s.", p.Name)
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&p.Rule, "rule", "", "the `expression`")
	f.StringVar(&p.Message, "message", "", "`text` for the person who is refused")
	f.StringSliceVar(&ready.Groups, "group", nil, "`name` of a group to be in")
	f.StringSliceVar(&ready.Networks, "network", nil, "`prefix` to come from, as 10.0.0.0/8")
	f.StringSliceVar(&ready.Countries, "country", nil, "`code` of a country to come from, as CH")
	f.StringSliceVar(&ready.Factors, "factor", nil, "`factor` that must have been proved, as totp")
	return c
}

func (t *tool) policyList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List policies"}, listing[policyView]{
		head: "NAME APPS RULE",
		find: func(r *directory.Reader) ([]policyView, error) {
			return collect(r.Policies(directory.PolicyQuery{}), func(p directory.Policy) (policyView, error) { return viewPolicy(r, p) })
		},
		row: func(v *policyView) []string { return []string{v.Name, strings.Join(v.Apps, ","), v.Expression} },
	})
}

func (t *tool) policyShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show NAME", Short: "Show a policy and the apps it is bound to",
	}, func(r *directory.Reader, name string) (policyView, error) {
		p, err := r.PolicyByName(name)
		if err != nil {
			return policyView{}, err
		}
		return viewPolicy(r, p)
	})
}

func (t *tool) policyDelete() *cobra.Command {
	var force bool
	c := t.deleteCommand(&cobra.Command{
		Use: "delete NAME", Short: "Delete a policy",
		Long: "Deletes a policy. One that an app is bound to is refused, unless --force is given: the\n" +
			"binding then stays and fails, so that no app opens.",
	}, "Deleted policy %s.", func(w *directory.Writer, name string) error {
		p, err := w.PolicyByName(name)
		if err != nil {
			return err
		}
		return orForce(w.DeletePolicy(p.ID, force), "fails")
	})
	c.Flags().BoolVar(&force, "force", false, "also when an app is bound to it")
	return c
}
