package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatehouse/test/stage"
)

const (
	nsSlapd    = "/usr/sbin/ns-slapd"
	dirsrvData = "/usr/share/dirsrv/data"
	dirsrvEtc  = "/etc/dirsrv"
)

// dirsrvTuning is what 389-ds gets beside its defaults, each under a line of the
// template: caches that hold everybody, no limits, no access log, SSHA as it is.
func dirsrvTuning() *strings.Replacer {
	return strings.NewReplacer(
		"\nnsslapd-mode: 600\n", `
nsslapd-mode: 600
nsslapd-cache-autosize: 0
nsslapd-dbcachesize: 268435456
nsslapd-lookthroughlimit: -1
nsslapd-pagedlookthroughlimit: -1
`,
		"\nnsslapd-localhost:", `
nsslapd-sizelimit: -1
nsslapd-timelimit: -1
nsslapd-accesslog-logging-enabled: off
nsslapd-enable-upgrade-hash: off
passwordStorageScheme: SSHA
nsslapd-localhost:`,
		"memberof_postop_init\nnsslapd-plugintype: betxnpostoperation\nnsslapd-pluginenabled: off\n",
		"memberof_postop_init\nnsslapd-plugintype: betxnpostoperation\nnsslapd-pluginenabled: on\n",
	)
}

const dirsrvSuffix = `dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectclass: top
objectclass: extensibleObject
objectclass: nsBackendInstance
cn: userRoot
nsslapd-suffix: %[1]s
nsslapd-directory: %[2]s/db/userRoot
nsslapd-cachememsize: 536870912
nsslapd-dncachememsize: 134217728

dn: cn="%[1]s",cn=mapping tree,cn=config
objectclass: top
objectclass: extensibleObject
objectclass: nsMappingTree
cn: %[1]s
nsslapd-state: backend
nsslapd-backend: userRoot

dn: cn=index,cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectclass: top
objectclass: extensibleObject
cn: index
`

// dirsrvIndex is an index of an attribute that is asked for.
const dirsrvIndex = `
dn: cn=%[1]s,cn=index,cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectclass: top
objectclass: nsIndex
cn: %[1]s
nssystemindex: false
nsindextype: eq
nsindextype: pres
`

// dirsrv starts 389-ds as an instance of its own, without dscreate and systemd.
func (r *runner) dirsrv(ctx context.Context, p people) (directoryServer, error) {
	dir, err := r.scratch("389-ds")
	if err != nil {
		return directoryServer{}, err
	}
	s := directoryServer{name: "389-ds", can: plain | nesting}
	addr, port, err := addressOfOwn()
	if err != nil {
		return s, err
	}
	s.addr = addr
	cred, err := stage.Unprivileged("dirsrv")
	if err != nil {
		return s, err
	}
	if err := dirsrvInstance(dir, port, p); err != nil {
		return s, fmt.Errorf("make an instance of 389-ds: %w", err)
	}
	if cred != nil {
		if err := handOver(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return s, err
		}
	}
	attr := &syscall.SysProcAttr{Credential: cred}
	config := filepath.Join(dir, "config")
	load := exec.CommandContext(ctx, nsSlapd, "ldif2db", "-D", config, "-n", "userRoot", "-i", filepath.Join(dir, "people.ldif"))
	load.SysProcAttr = attr
	if out, err := load.CombinedOutput(); err != nil {
		return s, fmt.Errorf("ns-slapd ldif2db: %w\n%s", err, out)
	}
	serve := exec.Command(nsSlapd, "-D", config, "-i", filepath.Join(dir, "run", "pid"), "-d", "0")
	serve.SysProcAttr = attr
	if s.process, err = stage.Start("ns-slapd", serve); err != nil {
		return s, err
	}
	s.stop = func() error { return s.process.Stop(syscall.SIGTERM, 30*time.Second) }
	return s, answers(ctx, s, p)
}

// dirsrvInstance writes the files of an instance.
func dirsrvInstance(dir string, port int, p people) error {
	for _, name := range []string{"config/schema", "db/userRoot", "lock", "tmp", "run", "inst", "log", "ldif", "bak"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{
		"config/certmap.conf": "certmap.conf", "config/slapd-collations.conf": "slapd-collations.conf", "schema/99user.ldif": "schema/99user.ldif",
	} {
		text, err := os.ReadFile(filepath.Join(dirsrvEtc, from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "config", to), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	template, err := os.ReadFile(filepath.Join(dirsrvData, "template-dse.ldif"))
	if err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	account := me.Username
	if me.Uid == "0" {
		account = "dirsrv"
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	text := strings.NewReplacer(
		"%schema_dir%", in("config/schema"), "%config_dir%", in("config"), "%cert_dir%", in("config"), "%lock_dir%", in("lock"),
		"%tmp_dir%", in("tmp"), "%ldif_dir%", in("ldif"), "%bak_dir%", in("bak"), "%run_dir%", in("run"), "%inst_dir%", in("inst"),
		"%log_dir%", in("log"), "%db_dir%", in("db"), "%db_home_dir%", in("db"), "%db_lib%", "bdb",
		"%fqdn%", "localhost", "%ds_port%", fmt.Sprint(port), "%ds_user%", account, "%ds_suffix%", stage.BaseDN,
		"%rootdn%", "cn=root", "%ds_passwd%", ssha(rand.Text()), "%ldapi_enabled%", "off", "%ldapi_autobind%", "off", "%ldapi%", in("run/ldapi"),
	).Replace(string(template))
	text = dirsrvTuning().Replace(text) + fmt.Sprintf(dirsrvSuffix, stage.BaseDN, dir)
	for _, name := range []string{"uid", "mail", "cn", "sn", "givenName", "member", "memberOf"} {
		text += fmt.Sprintf(dirsrvIndex, name)
		if name != "member" && name != "memberOf" {
			text += "nsindextype: sub\n"
		}
	}
	return errors.Join(
		os.WriteFile(in("config/dse.ldif"), []byte(text), 0o600),
		os.WriteFile(in("people.ldif"), []byte(p.ldif(true)), 0o600),
	)
}

// handOver gives a folder and what is in it to another account.
func handOver(dir string, uid, gid int) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}
