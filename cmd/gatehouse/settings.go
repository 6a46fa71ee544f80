package main

import (
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

func (t *tool) settingsCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "settings", Short: "What holds for everybody",
		Long: "Settings of the whole directory, which hold at every door at once:\n" +
			"  require_mfa   everybody needs a second factor: a code, or where programs sign in an app\n" +
			"                password, a network password or a certificate",
	}, t.settingsList(), t.settingsSet())
}

// settingNames are the settings that operators change.
func settingNames() []string { return []string{directory.SettingRequireMFA} }

type settingView struct {
	Name  string `json:"name"`
	Value bool   `json:"value"`
}

func (t *tool) settingsList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List settings"}, listing[settingView]{
		head: "NAME VALUE",
		find: func(r *directory.Reader) ([]settingView, error) {
			var out []settingView
			for _, name := range settingNames() {
				value, _, err := r.Setting(name)
				if err != nil {
					return nil, err
				}
				out = append(out, settingView{name, value == "true"})
			}
			return out, nil
		},
		row: func(v *settingView) []string { return []string{v.Name, strconv.FormatBool(v.Value)} },
	})
}

func (t *tool) settingsSet() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "set NAME true|false", Short: "Change a setting", Args: arguments(2, 2),
		Long: "Changes a setting. Before require_mfa is switched on, those whom it shuts out are listed;\n" +
			"when there are any nothing is saved without --force.",
		Example: "  gatehouse settings set require_mfa true",
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(settingNames(), args[0]) {
				return usagef("there is no setting %q; see gatehouse settings --help", args[0])
			}
			on, err := strconv.ParseBool(args[1])
			if err != nil {
				return usagef("%s is true or false, not %q", args[0], args[1])
			}
			return t.withCore(c.Context(), func(opened *core.Core) error { return t.setMFA(c, opened.Directory, on, force) })
		},
	}
	c.Flags().BoolVar(&force, "force", false, "save it although people or RADIUS clients are shut out")
	return c
}

// setMFA saves the setting after it was said what that does.
func (t *tool) setMFA(c *cobra.Command, d *directory.Directory, on, force bool) error {
	ctx := c.Context()
	if on {
		var impact directory.MFAImpact
		err := d.Read(ctx, t.operator(), func(r *directory.Reader) (err error) {
			impact, err = r.MFAImpact()
			return err
		})
		if err != nil {
			return err
		}
		for _, line := range impact.Lines() {
			t.say("%s", line)
		}
		if impact.Breaks() && !force {
			return refusef("nothing was saved; enrol them first (gatehouse totp create), or use --force")
		}
	}
	_, err := d.Write(ctx, t.operator(), func(w *directory.Writer) error {
		return w.SetSetting(directory.SettingRequireMFA, strconv.FormatBool(on))
	})
	if err != nil {
		return err
	}
	if on {
		t.say("Everybody needs a second factor now.")
	} else {
		t.say("A second factor is needed only where an app or a policy asks for one.")
	}
	return nil
}
