package test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/test/stage"
)

// openldap runs one of OpenLDAP's tools over StartTLS, with the certificate
// checked, bound as dn. It is told the address: for "localhost" libldap looks
// for this host's own name in the certificate, which a certificate shared
// through PostgreSQL does not have.
func (w *world) openldap(t *testing.T, tool, dn, password string, args ...string) stage.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	base := []string{"-x", "-ZZ", "-H", "ldap://" + w.LDAP, "-D", dn, "-w", password}
	env := []string{"LDAPTLS_CACERT=" + w.CAFile(), "LDAPTLS_REQCERT=demand"}
	r, err := stage.Run(ctx, "", env, tool, append(base, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// search runs ldapsearch as the reading service account and returns the LDIF.
func (w *world) search(t *testing.T, base, filter string, attributes ...string) string {
	t.Helper()
	args := append([]string{"-LLL", "-o", "ldif-wrap=no", "-b", base, filter}, attributes...)
	r := w.openldap(t, "ldapsearch", readerDN, w.readerPassword, args...)
	if r.Code != 0 {
		t.Fatalf("ldapsearch -b %s %s: %v", base, filter, r)
	}
	return r.Stdout
}

// whoami binds with ldapwhoami and returns the result code.
func (w *world) whoami(t *testing.T, dn, password string) (code int, id string) {
	t.Helper()
	r := w.openldap(t, "ldapwhoami", dn, password)
	return r.Code, strings.TrimSpace(r.Stdout)
}

// dial opens a connection with go-ldap over StartTLS.
func (w *world) dial(t *testing.T) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL("ldap://" + w.LDAP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !conn.IsClosing() {
			t.Error(err)
		}
	})
	conn.SetTimeout(10 * time.Second)
	if err := conn.StartTLS(w.tls(t)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// reader is a connection bound as the reading service account.
func (w *world) reader(t *testing.T) *ldap.Conn {
	t.Helper()
	conn := w.dial(t)
	if err := conn.Bind(readerDN, w.readerPassword); err != nil {
		t.Fatal(err)
	}
	return conn
}

// bindCode is the result code of a fresh bind.
func (w *world) bindCode(t *testing.T, dn, password string) uint16 {
	t.Helper()
	return resultCode(t, w.dial(t).Bind(dn, password))
}

func resultCode(t *testing.T, err error) uint16 {
	t.Helper()
	if err == nil {
		return ldap.LDAPResultSuccess
	}
	var e *ldap.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	return e.ResultCode
}

// count is how many entries a subtree search finds, an error if it fails.
func count(conn *ldap.Conn, base, filter string) (int, error) {
	found, err := conn.Search(&ldap.SearchRequest{BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: filter, Attributes: []string{"uid"}})
	if err != nil {
		return 0, err
	}
	return len(found.Entries), nil
}

// python runs a script of testdata with Debian's python-ldap.
func (w *world) python(t *testing.T, script string, args ...string) stage.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	interpreter := "/usr/bin/python3"
	if _, err := os.Stat(interpreter); err != nil {
		t.Fatal(err)
	}
	env := []string{"LDAPTLS_CACERT=" + w.CAFile()}
	r, err := stage.Run(ctx, "", env, interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
