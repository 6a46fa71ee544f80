package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/internal/buildinfo"
)

// rootCommand builds the tree of commands.
func (t *tool) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gatehouse",
		Short: "One directory of people and apps behind LDAP, RADIUS, SCIM and OpenID Connect",
		Long: "Gatehouse keeps one directory of people, groups and apps, and answers for it in LDAP,\n" +
			"RADIUS, SCIM and OpenID Connect.",
		Example: "  gatehouse init --admin alice        set up this machine\n" +
			"  gatehouse serve                     run everything in one process\n" +
			"  gatehouse apply -f site.yaml        make the directory as the file says\n" +
			"  gatehouse user lockdown mallory     close every door at once\n" +
			"  gatehouse why bob --app wiki        say why somebody may or may not enter",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.errs)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%v; see %s --help", err, c.CommandPath())
	})
	// What only holds other commands is not called by itself.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(),
		"{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.PersistentFlags().StringVar(&t.configFile, "config", "",
		"configuration `file` (default ./gatehouse.yaml if there is one, else /etc/gatehouse/gatehouse.yaml, else built in)")
	t.group(root,
		t.initCommand(), t.serveCommand(), t.applyCommand(),
		t.userCommand(), t.groupCommand(), t.appCommand(), t.policyCommand(),
		t.radiusClientCommand(), t.radiusSessionCommand(), t.scimSourceCommand(), t.serviceAccountCommand(),
		t.totpCommand(), t.recoveryCodesCommand(), t.appPasswordCommand(), t.networkPasswordCommand(), t.deviceCertCommand(), t.settingsCommand(),
		t.whyCommand(), t.auditCommand(), t.keysCommand(),
		t.backupCommand(), t.restoreCommand(), t.migrateCommand(), t.doctorCommand(),
		t.configCommand(), t.versionCommand(), completionCommand(),
	)
	return root
}

// group makes c a command that only holds others: called by itself, or with a
// word that is none of them, it is wrong usage.
func (t *tool) group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.AddCommand(children...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			about := c.Long
			if about == "" {
				about = c.Short + "."
			}
			t.say("%s\n\n%s", about, strings.TrimRight(c.UsageString(), "\n"))
			return &answered{exitUsage}
		}
		msg := fmt.Sprintf("%s has no command %q", c.CommandPath(), args[0])
		if c.SuggestionsMinimumDistance == 0 {
			c.SuggestionsMinimumDistance = 2
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			msg += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usagef("%s; see %s --help", msg, c.CommandPath())
	}
	return c
}

// arguments makes a check for at least low and at most high arguments (-1: any
// number).
func arguments(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= low && (high < 0 || len(args) <= high) {
			return nil
		}
		what := "an argument is missing"
		if len(args) > low {
			what = fmt.Sprintf("%q is one argument too many", args[high])
		}
		return usagef("%s; usage: %s", what, c.UseLine())
	}
}

// jsonFlag gives c the flag --json.
func (t *tool) jsonFlag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&t.json, "json", false, "print JSON")
	return c
}

func (t *tool) versionCommand() *cobra.Command {
	return t.jsonFlag(&cobra.Command{
		Use: "version", Short: "Print the version", Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if t.json {
				return t.printJSON(struct {
					Version string `json:"version"`
					Go      string `json:"go"`
				}{buildinfo.Version(), buildinfo.GoVersion()})
			}
			return t.print("gatehouse %s (%s)", buildinfo.Version(), buildinfo.GoVersion())
		},
	})
}

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print a script that completes commands in a shell",
		Example: "  gatehouse completion bash > /etc/bash_completion.d/gatehouse\n" +
			"  gatehouse completion zsh > \"${fpath[1]}/_gatehouse\"\n" +
			"  gatehouse completion fish > ~/.config/fish/completions/gatehouse.fish",
		Args: arguments(1, 1), ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(c.OutOrStdout(), true)
			case "zsh":
				return c.Root().GenZshCompletion(c.OutOrStdout())
			case "fish":
				return c.Root().GenFishCompletion(c.OutOrStdout(), true)
			default:
				return usagef("no completion for %q; there is bash, zsh and fish", args[0])
			}
		},
	}
}
