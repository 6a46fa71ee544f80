package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatehouse/test/stage"
)

// radiusRequests is how many different packets each socket has for a second: it
// must not repeat one, or the server answers from memory.
const radiusRequests = 4_000

// radius measures FreeRADIUS, with people in a file and in SQLite, and radiusd.
func (r *runner) radius(ctx context.Context) error {
	p := newPeople(r.people)
	sockets := make([][][]byte, connections)
	for i := range sockets {
		packets, err := accessRequests(radiusRequests*int(r.length.Seconds()+2), p.radius, p.signer, p.password)
		if err != nil {
			return err
		}
		for n, packet := range packets {
			seal(packet, byte(n), p.radius)
		}
		sockets[i] = packets
	}
	ask := func(process *stage.Process, addr string) (result, error) {
		if err := errors.Join(signInEachOnce(addr, p, sockets[0]), quiet(ctx, process)); err != nil {
			return result{}, fmt.Errorf("%w\n%s", err, process.Tail())
		}
		got, err := measure(ctx, process, r.length, connections, func(i int) (client, error) { return dialNAS(addr, sockets[i]) })
		if err != nil {
			return result{}, fmt.Errorf("%w\n%s", err, process.Tail())
		}
		return got, nil
	}
	g, err := r.gatehouse(ctx, "radius", p)
	if err != nil {
		return err
	}
	if err := g.Start(ctx, "radiusd"); err != nil {
		return err
	}
	got, err := ask(g.Process("radiusd"), g.Auth)
	if err = errors.Join(err, g.Stop("radiusd")); err != nil {
		return err
	}
	lines := []line{{server: "Gatehouse radiusd", target: "≤ 25 µs", result: got}}
	for _, backend := range []string{"files", "sql"} {
		process, addr, err := r.freeradius(ctx, backend, p)
		if err != nil {
			return err
		}
		got, err := ask(process, addr)
		if err = errors.Join(err, process.Signal(syscall.SIGTERM)); err != nil {
			return err
		}
		lines = append(lines, line{server: "FreeRADIUS, " + backend, result: got})
	}
	r.table.add(section{
		title: "RADIUS: PAP", lines: lines,
		note: fmt.Sprintf("Access-Request with PAP and Message-Authenticator from 100 of %d people who have signed in before. Gatehouse: freshness barrier, verified-password cache, session and audit included. FreeRADIUS: clear-text passwords in its users file, and in SQLite (`authorize` only, no accounting of sign-ins).", p.count),
	})
	return nil
}

// signer is the name of the i-th of those who have a password.
func (p people) signer(i int) string { return p.name(i % signers) }

// signInEachOnce sends one request for each person with a password.
func signInEachOnce(addr string, p people, packets [][]byte) error {
	c, err := dialNAS(addr, packets)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range signers {
		if _, err := c.ask(i); err != nil {
			return fmt.Errorf("first sign-in of %s: %w", p.signer(i), err)
		}
	}
	return nil
}

const radiusdConf = `prefix = /usr
exec_prefix = /usr
libdir = /usr/lib/freeradius
logdir = $dir
run_dir = $dir
raddbdir = $dir
name = bench
pidfile = $dir/pid
max_request_time = 30
cleanup_delay = 2
max_requests = 262144
hostname_lookups = no
log {
  destination = stderr
  auth = no
}
security {
  max_attributes = 200
  reject_delay = 0
  status_server = no
}
thread pool {
  start_servers = 5
  max_servers = 32
  min_spare_servers = 3
  max_spare_servers = 10
  max_requests_per_server = 0
}
client bench {
  ipaddr = 127.0.0.1
  secret = $secret
  require_message_authenticator = yes
}
modules {
  pap {
    normalise = no
  }
  $backend
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = $port
  }
  authorize {
    $module
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
`

const radiusFiles = `files {
    filename = $dir/users
  }`

const radiusSQL = `sql {
    driver = rlm_sql_sqlite
    dialect = sqlite
    sqlite {
      filename = $dir/people.db
      busy_timeout = 200
    }
    radius_db = radius
    read_groups = no
    read_profiles = no
    sql_user_name = "%{User-Name}"
    authcheck_table = radcheck
    authreply_table = radreply
    authorize_check_query = "SELECT id, username, attribute, value, op FROM radcheck WHERE username = '%{SQL-User-Name}' ORDER BY id"
    authorize_reply_query = "SELECT id, username, attribute, value, op FROM radreply WHERE username = '%{SQL-User-Name}' ORDER BY id"
    pool {
      start = 5
      min = 3
      max = 32
      spare = 10
      uses = 0
      lifetime = 0
      idle_timeout = 60
    }
  }`

// freeradius starts Debian's server; backend is "files" or "sql".
func (r *runner) freeradius(ctx context.Context, backend string, p people) (*stage.Process, string, error) {
	dir, err := r.scratch("freeradius-" + backend)
	if err != nil {
		return nil, "", err
	}
	port, err := stage.FreePort()
	if err != nil {
		return nil, "", err
	}
	module := radiusFiles
	if backend == "sql" {
		module = radiusSQL
		err = sqlPeople(ctx, filepath.Join(dir, "people.db"), p)
	} else {
		err = os.WriteFile(filepath.Join(dir, "users"), []byte(p.radiusUsers()), 0o600)
	}
	if err != nil {
		return nil, "", err
	}
	text := strings.NewReplacer("$backend", module, "$module", backend).Replace(radiusdConf)
	text = strings.NewReplacer("$dir", dir, "$secret", p.radius, "$port", fmt.Sprint(port)).Replace(text)
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "radiusd.conf"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(dir, "dictionary"), []byte("$INCLUDE /usr/share/freeradius/dictionary\n"), 0o600),
	); err != nil {
		return nil, "", err
	}
	process, err := stage.Start("freeradius", exec.Command("/usr/sbin/freeradius", "-f", "-d", dir, "-n", "radiusd"))
	if err != nil {
		return nil, "", err
	}
	addr := stage.Loopback(port)
	one, err := accessRequests(1, p.radius, p.signer, p.password)
	if err != nil {
		return nil, "", err
	}
	seal(one[0], 0, p.radius)
	err = stage.Poll(ctx, 10*time.Second, func() error {
		if !process.Running() {
			return fmt.Errorf("freeradius has ended: %s", process.Tail())
		}
		c, err := dialNAS(addr, one)
		if err != nil {
			return err
		}
		_, err = c.ask(0)
		return errors.Join(err, c.Close())
	})
	return process, addr, err
}
