package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// apache is Debian's httpd with a configuration of the test, on a port of its
// own and without privileges.
type apache struct {
	dir string
	url string // http://localhost:port
}

// modules that every configuration below needs; the protocol modules come
// with the configuration.
const apacheBase = `ServerRoot "$dir"
ServerName localhost
Listen 127.0.0.1:$port
PidFile "$dir/httpd.pid"
DefaultRuntimeDir "$dir"
ErrorLog "$dir/error.log"
LogLevel info
DocumentRoot "$dir/www"
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule auth_basic_module $modules/mod_auth_basic.so
LoadModule include_module $modules/mod_include.so
LoadModule mime_module $modules/mod_mime.so
TypesConfig /dev/null
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
<Directory "$dir/www">
  Options +Includes
</Directory>
`

const apacheModules = "/usr/lib/apache2/modules"

// newApache reserves the folder and the address, so that the address can be
// registered with Gatehouse before the server starts.
func newApache(t *testing.T) (*apache, int) {
	t.Helper()
	port, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := scratch(t)
	if err := os.Mkdir(filepath.Join(dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &apache{dir: dir, url: fmt.Sprintf("http://localhost:%d", port)}, port
}

// page puts a document below the document root.
func (a *apache) page(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, "www", name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs the server until the test ends. It trusts a copy of the
// installation's CA: the data directory is closed to other accounts.
func (a *apache) start(t *testing.T, w *world, port int, config string) {
	t.Helper()
	ca, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "ca.pem"), ca, 0o644); err != nil {
		t.Fatal(err)
	}
	text := expand(apacheBase+config, "dir", a.dir, "port", fmt.Sprint(port), "modules", apacheModules)
	path := filepath.Join(a.dir, "httpd.conf")
	cred, err := stage.Unprivileged("www-data")
	if err != nil {
		t.Fatal(err)
	}
	if cred != nil {
		if err := os.Chown(a.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/apache2", "-f", path, "-DFOREGROUND")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	p, err := stage.Start("apache2", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGTERM, 10*time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(a.log())
		}
	})
	poll(t, 10*time.Second, func() error {
		if !p.Running() {
			t.Fatalf("apache2 ended: %s%s", p.Log(), a.log())
		}
		return reachable(stage.Loopback(port))
	})
}

func (a *apache) log() string {
	b, err := os.ReadFile(filepath.Join(a.dir, "error.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// ldapConfig protects /staff with mod_authnz_ldap: search as the reader, bind
// as the person, a member of the group. The module's own caches are off, or it
// would go on letting people in by itself.
func ldapConfig(w *world) string {
	return expand(`LoadModule ldap_module $modules/mod_ldap.so
LoadModule authnz_ldap_module $modules/mod_authnz_ldap.so
LDAPTrustedGlobalCert CA_BASE64 "$dir/ca.pem"
LDAPTrustedMode TLS
LDAPVerifyServerCert On
LDAPSharedCacheSize 0
LDAPCacheEntries 0
LDAPOpCacheEntries 0
LDAPConnectionPoolTTL 0
<Location "/">
  AuthType Basic
  AuthName "staff"
  AuthBasicProvider ldap
  AuthLDAPURL "ldap://$host/$users?uid?sub?(objectClass=inetOrgPerson)" TLS
  AuthLDAPBindDN "$reader"
  AuthLDAPBindPassword "$password"
  AuthLDAPGroupAttribute member
  Require ldap-group cn=staff,$groups
</Location>
`, "host", w.LDAP, "users", usersDN, "groups", groupsDN,
		"reader", readerDN, "password", w.readerPassword)
}

// oidcConfig makes the server a relying party: mod_auth_openidc, code + PKCE.
func oidcConfig(issuer, redirect, clientSecret string) string {
	return expand(`LoadModule auth_openidc_module $modules/mod_auth_openidc.so
OIDCProviderMetadataURL $issuer.well-known/openid-configuration
OIDCClientID wiki
OIDCClientSecret $secret
OIDCRedirectURI $redirect
OIDCCryptoPassphrase $secret
OIDCScope "openid email profile"
OIDCPKCEMethod S256
OIDCSSLValidateServer On
OIDCCABundlePath "$dir/ca.pem"
OIDCPassIDTokenAs payload
OIDCPassUserInfoAs json
OIDCRemoteUserClaim preferred_username
<Location "/">
  AuthType openid-connect
  Require valid-user
</Location>
`, "issuer", issuer, "secret", clientSecret, "redirect", redirect)
}
