package site

import (
	"strconv"

	"gatehouse/directory"
)

// settings comes last: what it breaks depends on everything else.
func (a *applier) settings() error {
	on := a.site.Settings.RequireMFA
	if on == nil {
		return nil
	}
	value, _, err := a.w.Setting(directory.SettingRequireMFA)
	if err != nil || (value == "true") == *on {
		return err
	}
	if *on {
		impact, err := a.w.MFAImpact()
		if err != nil {
			return err
		}
		a.plan.Warnings = append(a.plan.Warnings, impact.Lines()...)
	}
	a.did("update", "setting", directory.SettingRequireMFA)
	return a.at(a.w.SetSetting(directory.SettingRequireMFA, strconv.FormatBool(*on)), "$.settings.require_mfa")
}
