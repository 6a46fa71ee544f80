package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/go-ldap/ldap/v3"
)

// ldap binds as an account that does not exist: the right answer is "invalid
// credentials", which takes the listener, TLS, the store and a decision.
func (p *Patient) ldap(ctx context.Context) Finding {
	conn, where, err := p.dialLDAP(ctx)
	if where == "" {
		return skipped("every LDAP listener is off")
	}
	if err != nil {
		return failed(fmt.Sprintf("no TLS connection to %s: %v", where, err), "check that ldapd runs and the certificate")
	}
	defer func() { _ = conn.Close() }()
	conn.SetTimeout(patience)
	dn := "cn=gatehouse-doctor,ou=services," + p.Config.BaseDN()
	err = conn.Bind(dn, rand.Text())
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
		return fine("binds at " + where + " are decided")
	case ldap.IsErrorWithCode(err, ldap.LDAPResultUnavailable):
		return failed("ldapd at "+where+" cannot reach the store", "check the database; ldapd comes back by itself")
	case err == nil:
		return failed("a bind at "+where+" with a random password was let in", "another server answers there; see ss -ltnp")
	default:
		return failed(fmt.Sprintf("a bind at %s failed: %v", where, err), "look into the log of ldapd")
	}
}

// dialLDAP connects with TLS to the first listener. where is empty when there is
// none.
func (p *Patient) dialLDAP(ctx context.Context) (conn *ldap.Conn, where string, err error) {
	config := &tls.Config{RootCAs: p.roots(), ServerName: p.Config.PublicHost(), MinVersion: tls.VersionTLS12}
	dialer := &net.Dialer{Timeout: patience}
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Deadline = deadline
	}
	if len(p.Config.LDAP.Listen) > 0 {
		where = reach(p.Config.LDAP.Listen[0])
		conn, err = ldap.DialURL("ldap://"+where, ldap.DialWithDialer(dialer))
		if err != nil {
			return nil, where, err
		}
		conn.SetTimeout(patience)
		if err := conn.StartTLS(config); err != nil {
			_ = conn.Close()
			return nil, where, err
		}
		return conn, where, nil
	}
	if len(p.Config.LDAP.ListenTLS) > 0 {
		where = reach(p.Config.LDAP.ListenTLS[0])
		conn, err = ldap.DialURL("ldaps://"+where, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(config))
	}
	return conn, where, err
}
