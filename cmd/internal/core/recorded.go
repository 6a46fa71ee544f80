package core

import (
	"context"
	"fmt"

	"gatehouse/directory"
)

// checkRecorded compares the process with what init recorded in the store; the
// names only when they are not to be changed. A command starts whatever the
// policies read, to change them.
func (c *Core) checkRecorded(ctx context.Context, o *Options) error {
	return c.Directory.Read(ctx, directory.System("config"), func(r *directory.Reader) error {
		for _, want := range []struct{ setting, value string }{
			{setting: directory.SettingDomain, value: c.Config.Domain},
			{setting: directory.SettingPublicURL, value: c.Config.PublicURL},
		} {
			recorded, found, err := r.Setting(want.setting)
			if err != nil {
				return err
			}
			if !found {
				return fmt.Errorf("the directory was not set up to its end: run gatehouse init on an empty store")
			}
			if recorded != want.value && !o.Renaming {
				return fmt.Errorf("%s is %s in the configuration, but this directory was made for %s; put that back, "+
					"or see gatehouse config rename", want.setting, want.value, recorded)
			}
		}
		if o.Daemon != CLI {
			if err := r.CheckSelfWritable(c.Config.SelfService.Writable); err != nil {
				return err
			}
		}
		return checkKeys(r, c.Keys)
	})
}
