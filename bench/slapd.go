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

	"gatehouse/directory/credential"
	"gatehouse/test/stage"
)

const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/dyngroup.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload dynlist
moduleload argon2 m=$memory t=$time p=$lanes
loglevel none
sizelimit unlimited
database mdb
maxsize 1073741824
suffix "$base"
rootdn "cn=root,$base"
directory $dir/db
index objectClass,member eq
index uid,mail,cn,sn,givenName eq,pres,sub
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="$reader" read by dn.exact="$writer" write by * none
`

// nestedGroups lets slapd say who is in a group by nesting; without this overlay
// it is faster at everything else.
const nestedGroups = `overlay dynlist
dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*
`

// slapd starts OpenLDAP's server on the mdb backend.
func (r *runner) slapd(ctx context.Context, p people) (directoryServer, error) {
	dir, err := r.scratch("slapd")
	if err != nil {
		return directoryServer{}, err
	}
	if _, err := r.scratch(filepath.Join("slapd", "db")); err != nil {
		return directoryServer{}, err
	}
	ldif := filepath.Join(dir, "people.ldif")
	conf, err := writeSlapdConf(dir, slapdConf)
	if err = errors.Join(err, os.WriteFile(ldif, []byte(p.ldif(false)), 0o600)); err != nil {
		return directoryServer{}, err
	}
	added, err := stage.Run(ctx, "", nil, "/usr/sbin/slapadd", "-q", "-f", conf, "-l", ldif)
	if err != nil {
		return directoryServer{}, err
	}
	if added.Code != 0 {
		return directoryServer{}, fmt.Errorf("slapadd: %v", added)
	}
	return startSlapd(ctx, p, conf, directoryServer{name: "OpenLDAP slapd (mdb)", can: plain | argon2id})
}

// nestingSlapd starts it again, on the same database, with the overlay.
func (r *runner) nestingSlapd(ctx context.Context, p people) (directoryServer, error) {
	conf, err := writeSlapdConf(filepath.Join(r.dir, "slapd"), slapdConf+nestedGroups)
	if err != nil {
		return directoryServer{}, err
	}
	return startSlapd(ctx, p, conf, directoryServer{name: "OpenLDAP slapd (dynlist)", can: nesting})
}

func writeSlapdConf(dir, text string) (string, error) {
	conf, d := filepath.Join(dir, "slapd.conf"), credential.DefaultParams()
	text = strings.NewReplacer("$base", stage.BaseDN, "$dir", dir, "$reader", readerDN, "$writer", writerDN,
		"$memory", fmt.Sprint(d.Memory), "$time", fmt.Sprint(d.Time), "$lanes", fmt.Sprint(d.Threads)).Replace(text)
	return conf, os.WriteFile(conf, []byte(text), 0o600)
}

func startSlapd(ctx context.Context, p people, conf string, s directoryServer) (_ directoryServer, err error) {
	if s.addr, _, err = addressOfOwn(); err != nil {
		return s, err
	}
	s.process, err = stage.Start("slapd", exec.Command("/usr/sbin/slapd", "-d", "0", "-f", conf, "-h", "ldap://"+s.addr))
	if err != nil {
		return s, err
	}
	s.stop = func() error { return s.process.Stop(syscall.SIGTERM, 10*time.Second) }
	return s, answers(ctx, s, p)
}
