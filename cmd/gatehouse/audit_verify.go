package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

func (t *tool) auditVerify() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "verify", Short: "Check that no audit event was edited, removed, moved or put in", Args: arguments(0, 0),
		Long: "Follows every chain of audit events and computes each link again, which needs the audit keys.\n" +
			"The checkpoints in the store show a chain that was cut off or removed up to an hour ago. Who had\n" +
			"the keys could have written those again: compare with what left the machine, by --checkpoints\n" +
			"FILE: a log of the daemons, of syslog, or an earlier `gatehouse audit export`; - is standard input.\n" +
			"The exit code is 1 when something is wrong.",
		Example: "  gatehouse audit verify\n  gatehouse audit verify --checkpoints /var/log/collected/gatehouse.log",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			var lines io.Reader
			switch file {
			case "":
			case "-":
				lines = t.in
			default:
				f, err := os.Open(file)
				if err != nil {
					return fmt.Errorf("--checkpoints: %w", err)
				}
				defer f.Close()
				lines = f
			}
			var report directory.AuditReport
			err = t.withCore(c.Context(), func(opened *core.Core) (err error) {
				report, err = opened.Directory.VerifyAudit(c.Context(), t.operator(), lines)
				return err
			})
			if err != nil {
				return err
			}
			return t.printReport(&report)
		},
	}
	c.Flags().StringVar(&file, "checkpoints", "", "`file` of checkpoints or exported events that left the machine; - is standard input")
	return c
}

func (t *tool) printReport(r *directory.AuditReport) error {
	rows := make([][]string, len(r.Chains))
	for i, c := range r.Chains {
		rows[i] = []string{c.Name, fmt.Sprint(c.Events), fmt.Sprint(c.Last), moment(c.LastAt), fmt.Sprint(c.Removed)}
	}
	if err := t.table("CHAIN EVENTS LAST AT REMOVED", rows); err != nil {
		return err
	}
	for _, notice := range r.Notices {
		t.say("%s", notice)
	}
	if len(r.Problems) > 0 {
		for _, problem := range r.Problems {
			t.say("%s", problem)
		}
		return fmt.Errorf("the audit was changed: %s", plural(len(r.Problems), "problem"))
	}
	if r.Claims > 0 {
		t.say("Every link is right, and %s from outside.", plural(r.Claims, "checkpoint"))
		return nil
	}
	t.say("Every link is right.")
	return nil
}
