package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/directory/seal"
)

// Keys looks at the key files: each purpose has one, and nobody else reads it. It
// is apart from Examine because in a package only root reads them.
func (p *Patient) Keys(ctx context.Context) Finding {
	f := p.keys(ctx)
	f.Check = "keys"
	return f
}

func (p *Patient) keys(context.Context) Finding {
	dir := p.Config.KeyRings("")
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o022 != 0 {
		return failed(fmt.Sprintf("others may write the key directory %s (mode %04o)", dir, info.Mode().Perm()), "chmod 700 "+dir)
	}
	n := 0
	for _, purpose := range seal.Purposes() {
		ring, err := seal.Load(core.KeyDir(p.Config, purpose), purpose, p.Now)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return skipped("only root reads the keys in " + dir + "; run it with sudo")
		case errors.Is(err, fs.ErrNotExist):
			return failed(err.Error(), "put the keys back from your copy; on an empty machine run gatehouse init")
		case err != nil:
			return failed(err.Error(), "a key file is readable by its owner only: chmod 400 it; a damaged one comes from your copy")
		}
		n += len(ring.Keys())
	}
	return fine(fmt.Sprintf("%d keys in %s, closed to others", n, dir))
}

// group looks at the members of the package's group: it must have no people in
// it, because its members can write the database.
func (p *Patient) group(context.Context) Finding {
	if !p.Config.IsPackaged() {
		return skipped("not installed from the package")
	}
	f, err := os.Open(p.GroupFile)
	if err != nil {
		return failed(err.Error(), "check by hand that nobody but the daemons is in the group gatehouse")
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// name:password:gid:members
		fields := strings.Split(lines.Text(), ":")
		if len(fields) != 4 || fields[0] != "gatehouse" {
			continue
		}
		for member := range strings.SplitSeq(fields[3], ",") {
			if member != "" && !strings.HasPrefix(member, "gatehouse-") {
				return failed(member+" is in the group gatehouse, whose members can write the directory",
					"gpasswd -d "+member+" gatehouse")
			}
		}
	}
	return fine("only the daemons are in the group gatehouse")
}

// store reports how the store opened: that checks the connection, the schema,
// the recorded names and the keys.
func (p *Patient) store(ctx context.Context) Finding {
	if p.OpenError != nil {
		return failed(p.OpenError.Error(), "the daemons cannot start before this is right")
	}
	if err := p.Directory.Ready(ctx); err != nil {
		return failed("the store does not answer: "+err.Error(), "check database.url, the database server and the disk")
	}
	return fine("reachable, with the schema of this version")
}

// clock compares the clock with the newest event of the audit and asks the
// kernel whether it is disciplined: one-time codes, tokens and certificates all
// depend on it.
func (p *Patient) clock(ctx context.Context) Finding {
	const advice = "set the clock and keep it right: apt install chrony, or timedatectl set-ntp true"
	if p.Directory != nil {
		var newest directory.Event
		err := p.Directory.Read(ctx, directory.System("doctor"), func(r *directory.Reader) error {
			for e, err := range r.Events(directory.EventQuery{Newest: true, Limit: 1}) {
				newest = e
				return err
			}
			return nil
		})
		if err != nil {
			return failed("the audit cannot be read: "+err.Error(), "check the store")
		}
		if ahead := newest.At.Sub(p.Now()); ahead > patience {
			return failed(fmt.Sprintf("the clock is %v behind the newest audit event", ahead.Round(1e9)), advice)
		}
	}
	synchronised, err := p.Synchronised()
	if err != nil {
		return skipped("the kernel does not say whether the clock is kept right: " + err.Error())
	}
	if !synchronised {
		return warned("nothing on this machine keeps the clock right", advice)
	}
	return fine("kept right")
}

// dns resolves the host of public_url, as browsers do.
func (p *Patient) dns(ctx context.Context) Finding {
	host := p.Config.PublicHost()
	addresses, err := p.LookupHost(ctx, host)
	if err != nil {
		return failed(fmt.Sprintf("%s, the host of public_url, has no address: %v", host, err),
			"add it to the DNS, or for a test to /etc/hosts")
	}
	if first, err := netip.ParseAddr(addresses[0]); err == nil && first.IsLoopback() && p.listensForOthers() {
		return failed(fmt.Sprintf("%s is %s: other machines would reach themselves", host, first),
			"give the name the address of this machine, in the DNS and in /etc/hosts")
	}
	return fine(host + " is " + strings.Join(addresses, ", "))
}

// listensForOthers reports whether the sign-in pages are open to the network
// under a name that is not localhost.
func (p *Patient) listensForOthers() bool {
	host := p.Config.PublicHost()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	for _, listen := range p.Config.IDP.ListenTLS {
		host, _, err := net.SplitHostPort(listen)
		if a, parse := netip.ParseAddr(host); err == nil && host != "localhost" && (parse != nil || !a.IsLoopback()) {
			return true
		}
	}
	return false
}
