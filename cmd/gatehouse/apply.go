package main

import (
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/site"
)

// stepView is a step of a plan as JSON.
type stepView struct {
	Action string `json:"action"`
	Entity string `json:"entity"`
	Name   string `json:"name"`
}

func (t *tool) applyCommand() *cobra.Command {
	var file string
	var options site.Options
	c := t.jsonFlag(&cobra.Command{
		Use: "apply -f FILE", Short: "Make the directory as a site.yaml says",
		Long: "Makes users, groups, apps, RADIUS clients and SCIM sources as a file says, in one\n" +
			"transaction, and prints what it did. A key that is absent is left alone; a second run\n" +
			"changes nothing. Until it is done nobody else writes: ten thousand people take seconds.",
		Example: "  gatehouse apply -f site.yaml --dry-run\n  gatehouse apply -f site.yaml --prune",
		Args:    arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("which file? usage: gatehouse apply -f site.yaml")
			}
			parsed, err := site.Parse(file)
			if err != nil {
				return err
			}
			var plan site.Plan
			err = t.withCore(c.Context(), func(opened *core.Core) (err error) {
				options.Actor, options.Progress = t.operator(), t.progress()
				plan, err = site.Apply(c.Context(), opened.Directory, parsed, options)
				return err
			})
			if err != nil {
				return err
			}
			return t.printPlan(plan, options.DryRun)
		},
	})
	f := c.Flags()
	f.StringVarP(&file, "file", "f", "", "the `file` to apply")
	f.BoolVar(&options.DryRun, "dry-run", false, "print the plan and change nothing")
	f.BoolVar(&options.Prune, "prune", false, "delete what this file made before and no longer names")
	return c
}

// sayEvery is how often the operator hears how far a long command is.
const sayEvery = 2 * time.Second

// progress says now and then how far a command is; nothing of a short one.
func (t *tool) progress() func(what string, done, all int) {
	said := t.now()
	return func(what string, done, all int) {
		if now := t.now(); now.Sub(said) >= sayEvery {
			said = now
			t.say("%s: %d of %d", what, done, all)
		}
	}
}

func (t *tool) printPlan(plan site.Plan, dryRun bool) error {
	views := make([]stepView, len(plan.Steps))
	for i, step := range plan.Steps {
		views[i] = stepView(step)
		if !t.json {
			if err := t.print("%s", step); err != nil {
				return err
			}
		}
	}
	for _, step := range plan.Extra {
		t.say("No longer in the file: %s %s. --prune deletes it.", step.Entity, step.Name)
	}
	for _, line := range plan.Warnings {
		t.say("%s", line)
	}
	switch {
	case len(plan.Steps) == 0:
		t.say("All is as the file says.")
	case dryRun:
		t.say("%s to do. Nothing was changed.", plural(len(plan.Steps), "step"))
	default:
		t.say("Done: %s.", plural(len(plan.Steps), "step"))
	}
	if t.json {
		return t.printJSON(views)
	}
	return nil
}
