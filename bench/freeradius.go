package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gatehouse/test/stage"

	"layeh.com/radius/rfc2759"
)

// rival is a FreeRADIUS that does one thing. Its modules, and the sections of its
// virtual servers, are parts of its configuration.
type rival struct {
	name    string
	modules string
	server  string            // sections of the default server
	servers string            // further virtual servers
	files   map[string]string // in its folder, beside the configuration
	first   packet            // a request that it must answer once it runs
	acct    bool              // which is for the accounting port
}

const rivalConf = `prefix = /usr
exec_prefix = /usr
libdir = /usr/lib/freeradius
logdir = $dir
run_dir = $dir
raddbdir = $dir
radacctdir = $dir
sysconfdir = /etc
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
  ipaddr = 127.0.0.0/8
  secret = $secret
  require_message_authenticator = $signed
}
modules {
  expr {
  }
$modules
}
$servers
server default {
  listen {
    type = $type
    ipaddr = 127.0.0.1
    port = $port
  }
$server
}
`

// rivalPAP reads people from its users file or from SQLite, for PAP.
func rivalPAP(backend string, p people) rival {
	r := rival{
		name:    "pap-" + backend,
		modules: "pap {\n normalise = no\n }\n" + rivalFiles,
		server:  "authorize {\n " + backend + "\n pap\n }\n authenticate {\n Auth-Type PAP {\n pap\n }\n }",
		files:   map[string]string{"users": p.radiusUsers()},
		first:   papRequest(0, p.radius, p.name(0), p.password(0), ""),
	}
	if backend == "sql" {
		r.modules, r.files = "pap {\n normalise = no\n }\n"+rivalSQL, nil
	}
	return r
}

const rivalFiles = `files {
  filename = $dir/users
}`

// rivalSQL is Debian's sql module on SQLite.
const rivalSQL = `sql {
  driver = rlm_sql_sqlite
  dialect = sqlite
  sqlite {
    filename = $dir/people.db
    busy_timeout = 2000
  }
  radius_db = radius
  read_groups = no
  read_profiles = no
  acct_table1 = radacct
  acct_table2 = radacct
  postauth_table = radpostauth
  authcheck_table = radcheck
  authreply_table = radreply
  groupcheck_table = radgroupcheck
  groupreply_table = radgroupreply
  usergroup_table = radusergroup
  client_table = nas
  group_attribute = "SQL-Group"
  $INCLUDE /etc/freeradius/3.0/mods-config/sql/main/sqlite/queries.conf
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

// rivalMSCHAPv2 has NT hashes in its users file.
func rivalMSCHAPv2(first packet, devices []owner) rival {
	return rival{
		name:    "mschapv2",
		modules: rivalFiles + "\nmschap {\n use_mppe = yes\n }",
		server:  "authorize {\n files\n mschap\n }\n authenticate {\n Auth-Type MS-CHAP {\n mschap\n }\n }",
		files:   map[string]string{"users": hashedUsers(devices)},
		first:   first,
	}
}

// hashedUsers is a users file of NT hashes.
func hashedUsers(devices []owner) string {
	var b strings.Builder
	for _, o := range devices {
		utf16, _ := rfc2759.ToUTF16([]byte(o.networkPassword)) // which is ASCII
		fmt.Fprintf(&b, "%s NT-Password := 0x%s\n", o.name, hex.EncodeToString(rfc2759.NTPasswordHash(utf16)))
	}
	return b.String()
}

// rivalAccounting writes records with its detail module or into SQLite, by
// Debian's own queries.
func rivalAccounting(backend string, first packet) rival {
	r := rival{name: "accounting-" + backend, first: first, acct: true}
	r.modules = "detail {\n filename = $dir/detail\n permissions = 0600\n }"
	if backend == "sql" {
		r.modules = rivalSQL
	}
	// Which session a record is of (Debian's policy.d/accounting).
	r.server = `preacct {
    update request {
      &Acct-Unique-Session-Id := "%{md5:%{User-Name},%{Acct-Session-ID},%{%{NAS-IPv6-Address}:-%{NAS-IP-Address}},%{NAS-Identifier},%{NAS-Port-ID},%{NAS-Port}}"
    }
  }
  accounting {
    ` + backend + `
  }`
	return r
}

// rivalEAP proposes one method first.
func rivalEAP(typ byte, p people, devices []owner, certificates eapFiles) rival {
	method := map[byte]string{typeTLS: "tls", typeTTLS: "ttls", typePEAP: "peap"}[typ]
	r := rival{
		name: "eap-" + method, modules: strings.NewReplacer("$method", method, "$certificate", certificates.server, "$key", certificates.serverKey, "$ca", certificates.deviceCA).Replace(rivalEAPConf) +
			"\npap {\n normalise = no\n }\nmschap {\n use_mppe = yes\n }\n" + rivalFiles,
		server: "authorize {\n eap {\n ok = return\n }\n }\n authenticate {\n eap\n }",
		files:  map[string]string{"users": hashedUsers(devices)},
		first:  identityRequest(p.radius),
	}
	inner := "eap {\n ok = return\n }\n files\n"
	if typ == typeTTLS {
		inner, r.files["users"] = "files\n pap\n", p.radiusUsers()
	}
	r.servers = "server inner-tunnel {\n authorize {\n " + inner + "}\n authenticate {\n Auth-Type PAP {\n pap\n }\n Auth-Type MS-CHAP {\n mschap\n }\n eap\n }\n }"
	return r
}

// rivalInstalledEAP is rivalEAP with the TLS of Debian's package but the files.
func rivalInstalledEAP(typ byte, p people, devices []owner, certificates eapFiles) rival {
	r := rivalEAP(typ, p, devices, certificates)
	r.name += "-installed"
	r.modules = strings.NewReplacer("enable = yes", "enable = no", "tls_max_version = \"1.3\"", "tls_max_version = \"1.2\"",
		"fragment_size = 1280", "fragment_size = 1024").Replace(r.modules)
	return r
}

// rivalEAPConf has the session cache, the fragments and the curve of radiusd.
const rivalEAPConf = `eap {
  default_eap_type = $method
  timer_expire = 30
  ignore_unknown_eap_types = no
  max_sessions = 4096
  tls-config tls-common {
    private_key_file = $key
    certificate_file = $certificate
    ca_file = $ca
    cipher_list = "DEFAULT"
    tls_min_version = "1.2"
    tls_max_version = "1.3"
    ecdh_curve = ""
    fragment_size = 1280
    cache {
      enable = yes
      lifetime = 24
      name = "bench"
      persist_dir = "$dir/sessions"
    }
  }
  tls {
    tls = tls-common
  }
  ttls {
    tls = tls-common
    default_eap_type = mschapv2
    copy_request_to_tunnel = no
    use_tunneled_reply = no
    virtual_server = "inner-tunnel"
  }
  peap {
    tls = tls-common
    default_eap_type = mschapv2
    copy_request_to_tunnel = no
    use_tunneled_reply = no
    virtual_server = "inner-tunnel"
  }
  mschapv2 {
  }
}`

// freeradius starts Debian's server and waits until it answers.
func (r *runner) freeradius(ctx context.Context, v rival, p people) (*stage.Process, string, error) {
	dir, err := r.scratch("freeradius-" + v.name)
	if err != nil {
		return nil, "", err
	}
	port, err := stage.FreePort()
	if err != nil {
		return nil, "", err
	}
	kind, signed := "auth", "yes"
	if v.acct {
		kind, signed = "acct", "no"
	}
	text := strings.NewReplacer("$modules", v.modules, "$servers", v.servers, "$server", v.server, "$type", kind, "$signed", signed).Replace(rivalConf)
	text = strings.NewReplacer("$dir", dir, "$secret", p.radius, "$port", fmt.Sprint(port)).Replace(text)
	files := map[string]string{"radiusd.conf": text, "dictionary": "$INCLUDE /usr/share/freeradius/dictionary\n"}
	for name, text := range v.files {
		files[name] = text
	}
	err = os.Mkdir(filepath.Join(dir, "sessions"), 0o700) // of TLS, that may be resumed
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if err == nil && strings.Contains(v.modules, "people.db") {
		err = sqlPeople(ctx, filepath.Join(dir, "people.db"), p)
	}
	if err != nil {
		return nil, "", err
	}
	process, err := stage.Start("freeradius", exec.Command("/usr/sbin/freeradius", "-f", "-d", dir, "-n", "radiusd"))
	if err != nil {
		return nil, "", err
	}
	addr := stage.Loopback(port)
	err = stage.Poll(ctx, 10*time.Second, func() error {
		if !process.Running() {
			return fmt.Errorf("freeradius has ended: %s", process.Tail())
		}
		c, err := dialNAS("", addr)
		if err != nil {
			return err
		}
		_, err = c.exchange(v.first)
		return errors.Join(err, c.Close())
	})
	return process, addr, err
}
