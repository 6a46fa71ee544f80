package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"gatehouse/config"
)

// becomeOwner gives up root for good when the data directory belongs to
// somebody else, so that root leaves no file in it which the owner's daemons
// could not write. A packaged installation has an account for this, which the
// core takes when it opens.
func becomeOwner(c config.Config) error {
	if os.Geteuid() != 0 || c.IsPackaged() {
		return nil
	}
	info, err := os.Stat(c.DataDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	if err := dropTo(int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("become the owner of %s (uid %d): %w", c.DataDir, owner.Uid, err)
	}
	return nil
}

func dropTo(uid, gid int) error {
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return err
	}
	if err := syscall.Setgid(gid); err != nil {
		return err
	}
	return syscall.Setuid(uid)
}
