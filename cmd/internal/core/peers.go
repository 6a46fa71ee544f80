package core

import (
	"log/slog"
	"os/user"
	"strconv"
	"strings"
)

// peers reads ldap.peers, USER:SERVICE-ACCOUNT each, and finds the numbers of
// the users. A user whom this host does not know, or who is root, is nobody.
func peers(list []string, log *slog.Logger) map[uint32]string {
	out := map[uint32]string{}
	for _, text := range list {
		name, account, _ := strings.Cut(text, ":")
		number := name
		if strings.Trim(name, "0123456789") != "" {
			u, err := user.Lookup(name)
			if err != nil {
				log.Warn("a user in ldap.peers does not exist on this host and is nobody", "user", name)
				continue
			}
			number = u.Uid
		}
		uid, err := strconv.ParseUint(number, 10, 32)
		if err != nil || uid == 0 {
			log.Warn("a user in ldap.peers is root and is nobody", "user", name)
			continue
		}
		out[uint32(uid)] = account
	}
	return out
}
