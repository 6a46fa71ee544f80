package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// freeradiusConfig is FreeRADIUS as a proxy in front of radiusd that takes Disconnect-Requests on its own connection.
const freeradiusConfig = `prefix = /usr
libdir = /usr/lib/freeradius
logdir = $dir
run_dir = $dir
proxy_requests = yes
security {
    allow_vulnerable_openssl = yes
}
modules {
    always ok {
        rcode = ok
    }
}
client access_points {
    ipaddr = 127.0.0.1
    secret = $secret
}
home_server gatehouse {
    type = auth+acct+coa
    ipaddr = 127.0.0.1
    port = $port
    proto = tcp
    secret = radsec
    tls {
        ca_file = $ca
        certificate_file = $cert
        private_key_file = $cert
    }
    recv_coa {
        virtual_server = sessions
    }
}
home_server_pool gatehouse {
    home_server = gatehouse
}
realm gatehouse {
    auth_pool = gatehouse
    acct_pool = gatehouse
    nostrip
}
server front {
    listen {
        type = auth
        ipaddr = 127.0.0.1
        port = $auth
    }
    listen {
        type = acct
        ipaddr = 127.0.0.1
        port = $acct
    }
    authorize {
        update control {
            Proxy-To-Realm := gatehouse
        }
    }
    preacct {
        update control {
            Proxy-To-Realm := gatehouse
        }
    }
}
server sessions {
    recv-coa {
        ok
    }
}
`

// freeradius runs Debian's FreeRADIUS in front of radiusd, with a certificate, and returns the world as it is seen through it.
func (w *world) freeradius(t *testing.T, certificate string) (*world, *stage.Process) {
	t.Helper()
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = stage.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(w.RadSec)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.Dir, "freeradius")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.file(t, "freeradius/radiusd.conf", expand(freeradiusConfig, "dir", dir, "cert", certificate, "ca", w.CAFile(), "secret", w.radiusSecret,
		"port", port, "auth", strconv.Itoa(ports[0]), "acct", strconv.Itoa(ports[1])))
	proxy, err := stage.Start("freeradius", exec.Command("/usr/sbin/freeradius", "-X", "-d", dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = proxy.Kill()
		if t.Failed() {
			t.Log(proxy.Log())
		}
	})
	g, seen := *w.Gatehouse, *w
	g.Auth, g.Acct = stage.Loopback(ports[0]), stage.Loopback(ports[1])
	seen.Gatehouse = &g
	return &seen, proxy
}

// TestDisconnectOverRadSec: a lockdown reaches an access point that nothing can reach, on the connection that its proxy has
// opened.
func TestDisconnectOverRadSec(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t, "radius_clients:\n  - {name: branch, tls: {}, app: wifi, coa: {via: radsec}}\n")
	w.start(t, "radiusd")
	certificate, _ := w.nasCertificate(t, "branch", "first")
	branch, proxy := w.freeradius(t, certificate)
	branch.untilAnswered(t)
	wantRADIUS(t, branch.pap(t, "alice", w.alicePassword), accept)
	w.cli(t, "", "user", "lockdown", "alice", "--reason", "stolen")
	poll(t, time.Minute, func() error {
		all := decode[[]networkSession](t, w.cli(t, "", "radius-session", "list", "--all", "--json").Stdout)
		if len(all) == 0 || slices.ContainsFunc(all, func(s networkSession) bool { return s.Disconnect != "acknowledged" }) {
			return fmt.Errorf("%+v", all)
		}
		return nil
	})
	if !strings.Contains(proxy.Log(), "Received Disconnect-Request") {
		t.Error("FreeRADIUS has not heard of it")
	}
}
