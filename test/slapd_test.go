package test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory/schema"
	"gatehouse/test/stage"
)

const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
$schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload sssvlv
loglevel none
sizelimit unlimited
database mdb
maxsize 1073741824
suffix "$base"
rootdn "cn=root,$base"
rootpw "$password"
directory $dir/db
overlay sssvlv
sssvlv-max 100000
sssvlv-maxperconn 100000
`

// startSlapd runs OpenLDAP's server with these entries until the test ends and
// returns a connection that may read them all.
func startSlapd(t *testing.T, entries []*ldap.Entry) *ldap.Conn {
	t.Helper()
	dir, password := scratch(t), "slapd"
	conf, data := filepath.Join(dir, "slapd.conf"), filepath.Join(dir, "entries.ldif")
	text := expand(slapdConf, "base", stage.BaseDN, "dir", dir, "schema", slapdSchema(), "password", password)
	for path, content := range map[string]string{conf: text, data: ldif(entries)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	// -s: our groups are of two structural classes at once, and may be empty.
	added, err := stage.Run(t.Context(), "", nil, "/usr/sbin/slapadd", "-q", "-s", "-f", conf, "-l", data)
	if err != nil || added.Code != 0 {
		t.Fatalf("slapadd: %v, %v", added, err)
	}
	port, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := stage.Loopback(port)
	p, err := stage.Start("slapd", exec.Command("/usr/sbin/slapd", "-d", "0", "-f", conf, "-h", "ldap://"+address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGTERM, 10*time.Second); err != nil {
			t.Error(err)
		}
	})
	var conn *ldap.Conn
	poll(t, 20*time.Second, func() error {
		if !p.Running() {
			t.Fatalf("slapd ended: %s", p.Log())
		}
		conn, err = ldap.DialURL("ldap://" + address)
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	conn.SetTimeout(20 * time.Second)
	if err := conn.Bind("cn=root,"+stage.BaseDN, password); err != nil {
		t.Fatal(err)
	}
	return conn
}

// slapdSchema is, of the schema that ldapd publishes, what OpenLDAP's own files
// lack: Unix accounts as in rfc2307bis, SSH keys and what hosts ask for.
func slapdSchema() string {
	var b strings.Builder
	for _, name := range []string{
		"gecos", "homeDirectory", "loginShell", "shadowLastChange", "shadowMin", "shadowMax", "shadowWarning",
		"shadowInactive", "shadowExpire", "shadowFlag", "memberUid", "sshPublicKey", "authorizedService", "app",
	} {
		at, _ := schema.LDAPType(name)
		fmt.Fprintf(&b, "attributetype %s\n", at)
	}
	for _, name := range []string{"posixAccount", "shadowAccount", "posixGroup", "ldapPublicKey", "authorizedServiceObject", "hostObject", "gatehouseApp", "gatehousePrimaryGroup"} {
		class, _ := schema.Class(name)
		fmt.Fprintf(&b, "objectclass %s\n", class)
	}
	return b.String()
}

func encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// ldif prints entries as slapadd reads them, containers first.
func ldif(entries []*ldap.Entry) string {
	var b strings.Builder
	for _, e := range slices.SortedStableFunc(slices.Values(entries), func(x, y *ldap.Entry) int { return strings.Count(x.DN, "=") - strings.Count(y.DN, "=") }) {
		fmt.Fprintf(&b, "dn:: %s\n", encode64([]byte(e.DN)))
		values := map[string][][]byte{}
		for _, a := range e.Attributes {
			values[a.Name] = a.ByteValues
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			for _, v := range values[name] {
				fmt.Fprintf(&b, "%s:: %s\n", name, encode64(v))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
