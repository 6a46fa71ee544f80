package core

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"gatehouse/config"
)

// The account that the package's CLI works as, so that root leaves no file in
// the data directory which the daemons could not write.
const (
	packageUser  = "gatehouse-idp"
	packageGroup = "gatehouse"
)

// DropRoot gives up root for good in a packaged installation. The keys, which
// only root can read, have been read before.
func DropRoot(c config.Config) error {
	if os.Geteuid() != 0 || !c.IsPackaged() {
		return nil
	}
	account, err := user.Lookup(packageUser)
	if err != nil {
		return fmt.Errorf("drop root: %w; systemd-sysusers makes the account", err)
	}
	group, err := user.LookupGroup(packageGroup)
	if err != nil {
		return fmt.Errorf("drop root: %w; systemd-sysusers makes the group", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return fmt.Errorf("drop root: the uid of %s is %q", packageUser, account.Uid)
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return fmt.Errorf("drop root: the gid of %s is %q", packageGroup, group.Gid)
	}
	syscall.Umask(0o007)
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("drop root: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("drop root: %w", err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("drop root: %w", err)
	}
	return nil
}
