package name

import "strings"

// ReservedOnUnix reports whether a user or group of this name would take over a
// system account or a group with rights on a Unix host that reads the directory:
// Debian's base passwd and group files, the groups that give root (sudo, wheel,
// docker, lxd, libvirt …) and those of common system services. Such a name is
// never shown as posixAccount or posixGroup; everywhere else it is an ordinary
// name.
func ReservedOnUnix(s string) bool {
	key, ok := fold(foldSpace(s))
	if !ok {
		return true
	}
	if strings.HasPrefix(key, "_") || strings.HasPrefix(key, "systemd-") {
		return true
	}
	switch key {
	// base-passwd, users
	case "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp",
		"proxy", "www-data", "backup", "list", "irc", "gnats", "nobody", "nogroup":
		return true
	// base-passwd, groups
	case "adm", "tty", "disk", "kmem", "dialout", "fax", "voice", "cdrom", "floppy", "tape",
		"sudo", "audio", "dip", "operator", "src", "shadow", "utmp", "video", "sasl", "plugdev",
		"staff", "users":
		return true
	// root by another name, here or on other systems
	case "wheel", "admin", "admins", "sudoers", "toor", "docker", "podman", "lxd", "lxc", "incus",
		"incus-admin", "libvirt", "libvirt-qemu", "libvirtd", "kvm", "qemu", "vboxusers", "wireshark":
		return true
	// groups and users that packages of the base system make
	case "input", "render", "sgx", "crontab", "netdev", "ssh", "sshd", "ssl-cert", "messagebus",
		"polkitd", "polkituser", "lpadmin", "scanner", "bluetooth", "uuidd", "tss", "avahi", "ntp",
		"dbus", "halt", "shutdown", "ftp", "lock", "mem", "console", "rdma", "gatehouse", "sssd",
		"postfix", "postdrop", "mysql", "postgres", "redis", "nginx", "apache", "freerad", "openldap",
		"openvpn", "named", "bind", "rtkit", "colord", "saned", "statd", "dnsmasq":
		return true
	default:
		return false
	}
}
