package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gatehouse/cmd/gatehouse/doctor"
	"gatehouse/cmd/internal/core"
)

func (t *tool) doctorCommand() *cobra.Command {
	return t.jsonFlag(&cobra.Command{
		Use: "doctor", Short: "Try what a person would try, and say what to do", Args: arguments(0, 0),
		Long: "Looks at keys, store, clock, certificate and names, and tries every door of the running\n" +
			"daemons from this machine. The exit code is 1 when something is wrong.",
		RunE: func(c *cobra.Command, _ []string) error {
			findings, err := t.examine(c.Context())
			if err != nil {
				return err
			}
			return t.printFindings(findings)
		},
	})
}

func (t *tool) examine(ctx context.Context) ([]doctor.Finding, error) {
	c, err := t.loadConfig()
	if err != nil {
		return []doctor.Finding{{
			Check: "configuration", Outcome: doctor.Failed, Detail: err.Error(), Advice: "correct it; gatehouse config describe prints every key",
		}}, nil
	}
	findings := []doctor.Finding{{Check: "configuration", Outcome: doctor.Fine, Detail: "every key is known and every value can work"}}
	patient := doctor.New(c, t.now)
	keys := patient.Keys(ctx) // before root is given up
	if err := becomeOwner(c); err != nil {
		return nil, err
	}
	opened, err := core.Open(ctx, t.options(c))
	if err != nil {
		patient.OpenError = err
	} else {
		patient.Directory = opened.Directory
		if patient.CA, err = opened.CAPool(ctx); err != nil {
			return nil, errors.Join(err, opened.Close())
		}
	}
	findings = append(append(findings, keys), patient.Examine(ctx)...)
	if opened != nil {
		err = opened.Close()
	} else {
		err = nil
	}
	return findings, err
}

func (t *tool) printFindings(findings []doctor.Finding) error {
	wrong := 0
	rows := make([][]string, len(findings))
	for i, f := range findings {
		rows[i] = []string{f.Check, string(f.Outcome), f.Detail}
		if f.Outcome == doctor.Failed {
			wrong++
		}
	}
	var err error
	if t.json {
		err = t.printJSON(findings)
	} else {
		err = t.table("CHECK OUTCOME DETAIL", rows)
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Advice != "" {
			t.say("%s: %s", f.Check, f.Advice)
		}
	}
	if wrong > 0 {
		return &answered{exitFailed}
	}
	t.say("Nothing is wrong.")
	return nil
}
