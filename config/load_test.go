package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// load writes text to gatehouse.yaml in a new directory and loads it.
func load(t *testing.T, text string, environ ...string) (Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gatehouse.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load("gatehouse.yaml", environ)
}

func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		environ  []string
		want     string
	}{
		{name: "unknown key", in: "domain: example.org\nlisten: 1\n", want: `gatehouse.yaml:2:1: unknown key "listen"; known are domain, public_url, data_dir, keys_dir, database, tls, log, ldap, radius, scim, idp, metrics, posix, self_service, audit, geoip`},
		{name: "unknown key in a section", in: "ldap: {lisen: []}\n", want: `gatehouse.yaml:1:8: unknown key "lisen" in ldap; known are listen, listen_tls, listen_unix, profiles, peers, proxies`},
		{name: "capital letters", in: "Domain: example.org\n", want: `gatehouse.yaml:1:1: unknown key "Domain"; known are domain, public_url, data_dir, keys_dir, database, tls, log, ldap, radius, scim, idp, metrics, posix, self_service, audit, geoip`},
		{name: "duplicate key", in: "domain: a.example\ndomain: b.example\n", want: `gatehouse.yaml:2:1: mapping key "domain" already defined at [1:1]`},
		{name: "not yaml", in: "domain: [\n", want: `gatehouse.yaml:1:9: sequence end token ']' not found`},
		{name: "two documents", in: "---\ndomain: a.example\n---\ndomain: b.example\n", want: `gatehouse.yaml:4:7: a second document; there must be one`},
		{name: "a list at the top", in: "- a\n", want: `gatehouse.yaml:1:1: must be a mapping of keys to values`},
		{name: "text for a section", in: "ldap: yes\n", want: `gatehouse.yaml:1:7: ldap: must be a mapping of keys to values`},
		{name: "text for a list", in: "ldap:\n  listen: 127.0.0.1:389\n", want: `gatehouse.yaml:2:11: ldap.listen: must be a list, as in [127.0.0.1:389]`},
		{name: "list in a list", in: "ldap: {listen: [[a]]}\n", want: `gatehouse.yaml:1:17: ldap.listen: must be a list of texts`},
		{name: "null in a list", in: "ldap: {listen: [~]}\n", want: `gatehouse.yaml:1:17: ldap.listen: must be a list of texts`},
		{name: "list for a text", in: "domain: [a]\n", want: `gatehouse.yaml:1:9: domain: must be one text`},
		{name: "text for a number", in: "posix: {first: many}\n", want: `gatehouse.yaml:1:16: posix.first: must be a whole number`},
		{name: "negative number", in: "posix: {first: -1}\n", want: `gatehouse.yaml:1:16: posix.first: is too large or negative`},
		{name: "two problems", in: "domain: a..b\nlog: {level: loud}\n", want: "gatehouse.yaml:1:9: domain: \"a..b\" is not a domain name: a part of it is empty, too long, or starts or ends with a hyphen\n" + `gatehouse.yaml:2:14: log.level: "loud" is none of debug, info, warn, error`},

		{name: "domain with a capital", in: "domain: Example.com\n", want: `gatehouse.yaml:1:9: domain: "Example.com" is not a domain name: "E" is not a lower-case letter, digit or hyphen`},
		{name: "domain is an address", in: "domain: 192.0.2.1\n", want: `gatehouse.yaml:1:9: domain: "192.0.2.1" is an address, not a domain name`},
		{name: "empty domain", in: "domain: ''\n", want: `gatehouse.yaml:1:9: domain: must be a domain name of 1 to 253 characters`},
		{name: "http", in: "public_url: http://id.example.com\n", want: `gatehouse.yaml:1:13: public_url: "http://id.example.com" must start with https://`},
		{name: "public_url with a path", in: "public_url: https://id.example.com/auth\n", want: `gatehouse.yaml:1:13: public_url: "https://id.example.com/auth" must be a scheme and a host, as in https://id.example.com, without a user, a path, a slash at the end or a query`},
		{name: "public_url with a slash", in: "public_url: https://id.example.com/\n", want: `gatehouse.yaml:1:13: public_url: "https://id.example.com/" must be a scheme and a host, as in https://id.example.com, without a user, a path, a slash at the end or a query`},
		{name: "public_url with a user", in: "public_url: https://a@id.example.com\n", want: `gatehouse.yaml:1:13: public_url: "https://a@id.example.com" must be a scheme and a host, as in https://id.example.com, without a user, a path, a slash at the end or a query`},
		{name: "public_url is an address", in: "public_url: https://192.0.2.1\n", want: `gatehouse.yaml:1:13: public_url: "192.0.2.1" is an address, not a domain name`},
		{name: "public_url without a host", in: "public_url: id.example.com\n", want: `gatehouse.yaml:1:13: public_url: "id.example.com" is not a URL, as in https://id.example.com`},
		{name: "the example in a package", in: "domain: example.com\ndata_dir: /var/lib/gatehouse\npublic_url: https://a.example\n", want: `gatehouse.yaml:1:9: domain: example.com is the example; set the domain of your organisation`},
		{name: "localhost in a package", in: "domain: a.example\ndata_dir: /var/lib/gatehouse\npublic_url: https://localhost:443\n", want: `gatehouse.yaml:3:13: public_url: localhost is only for trying out; set the name that browsers use`},

		{name: "text for a switch", in: "audit: {strict: maybe}\n", want: `gatehouse.yaml:1:17: audit.strict: must be true or false`},
		{name: "switch by the environment", environ: []string{"GATEHOUSE_AUDIT__STRICT=yes"}, want: `GATEHOUSE_AUDIT__STRICT: must be true or false`},
		{name: "checkpoints in clear", in: "audit: {checkpoints: ['http://h/']}\n", want: `gatehouse.yaml:1:23: audit.checkpoints[0]: "http://h/" must begin with https://, syslog:///, syslog+udp://, syslog+tcp:// or syslog+tls://`},
		{name: "a password in a webhook", in: "audit: {checkpoints: ['https://u:p@h/']}\n", want: `gatehouse.yaml:1:23: audit.checkpoints[0]: must not hold a user or a password; a webhook's token is in webhook_token_file`},
		{name: "syslog without a socket", in: "audit: {checkpoints: ['syslog://h']}\n", want: `gatehouse.yaml:1:23: audit.checkpoints[0]: "syslog://h" must name a socket, as in syslog:///dev/log`},
		{name: "syslog without a port", in: "audit: {checkpoints: ['syslog+tls://h']}\n", want: `gatehouse.yaml:1:23: audit.checkpoints[0]: "syslog+tls://h" must be syslog+tls://HOST:PORT`},
		{name: "a token for no webhook", in: "audit: {webhook_token_file: t}\n", want: `gatehouse.yaml:1:29: audit.webhook_token_file: there is no webhook in audit.checkpoints`},

		{name: "other database", in: "database: {url: mysql://x}\n", want: `gatehouse.yaml:1:17: database.url: must start with sqlite: or postgres://`},
		{name: "two passwords", in: "database: {url: 'postgres://u:p@h/d', password_file: pw}\n", want: `gatehouse.yaml:1:54: database.password_file: the url holds a password as well; keep one of them`},
		{name: "password without a user", in: "database: {url: 'postgres://h/d', password_file: pw}\n", want: `gatehouse.yaml:1:17: database.url: must name the user whose password is in password_file`},
		{name: "password for sqlite", in: "database: {password_file: pw}\n", want: `gatehouse.yaml:1:27: database.password_file: is only for PostgreSQL`},
		{name: "half a certificate", in: "tls: {cert_file: a.pem}\n", want: `gatehouse.yaml:1:6: tls: cert_file and key_file go together`},

		{name: "address without a port", in: "ldap: {listen: [127.0.0.1]}\n", want: `gatehouse.yaml:1:17: ldap.listen[0]: "127.0.0.1" is not HOST:PORT`},
		{name: "address with a name", in: "ldap: {listen: ['a.example:389']}\n", want: `gatehouse.yaml:1:17: ldap.listen[0]: "a.example:389": the host must be an address, localhost or empty`},
		{name: "port out of range", in: "ldap: {listen: [':389', ':70000']}\n", want: `gatehouse.yaml:1:25: ldap.listen[1]: ":70000": the port must be a number up to 65535`},
		{name: "unix socket for RADIUS", in: "radius: {listen_auth: ['unix:a']}\n", want: `gatehouse.yaml:1:24: radius.listen_auth[0]: "unix:a": a unix socket is not possible here`},
		{name: "plain SCIM for everybody", in: "scim: {listen: ['0.0.0.0:80']}\n", want: `gatehouse.yaml:1:17: scim.listen[0]: "0.0.0.0:80": plain HTTP is for loopback addresses and unix sockets only; use scim.listen_tls`},
		{name: "plain SCIM on every address", in: "scim: {listen: [':80']}\n", want: `gatehouse.yaml:1:17: scim.listen[0]: ":80": plain HTTP is for loopback addresses and unix sockets only; use scim.listen_tls`},
		{name: "SCIM upstream elsewhere", in: "scim: {upstream: 'http://192.0.2.1:80'}\n", want: `gatehouse.yaml:1:18: scim.upstream: must be http://LOOPBACK:PORT or unix:PATH; it carries tokens in plain text`},
		{name: "one address twice", in: "ldap: {listen: [':389'], listen_tls: [':389']}\n", want: `gatehouse.yaml:1:39: ldap.listen_tls[0]: ":389" is already used by ldap.listen`},
		{name: "metrics address", in: "metrics: {idp: nowhere}\n", want: `gatehouse.yaml:1:16: metrics.idp: "nowhere" is not HOST:PORT`},

		{name: "everybody is a load balancer", in: "ldap: {proxies: [0.0.0.0/0]}\n", want: `gatehouse.yaml:1:18: ldap.proxies[0]: "0.0.0.0/0" is the whole internet; name the proxies`},
		{name: "a peer without an account", in: "ldap: {peers: [www-data]}\n", want: `gatehouse.yaml:1:16: ldap.peers[0]: "www-data" is not USER:SERVICE-ACCOUNT, as in www-data:nextcloud`},
		{name: "root as a peer", in: "ldap: {peers: ['root:nextcloud']}\n", want: `gatehouse.yaml:1:16: ldap.peers[0]: "root:nextcloud": root is nobody in the directory; let the program run as a user of its own`},
		{name: "root as a peer, by number", in: "ldap: {peers: ['0:nextcloud']}\n", want: `gatehouse.yaml:1:16: ldap.peers[0]: "0:nextcloud": root is nobody in the directory; let the program run as a user of its own`},
		{name: "everybody is a proxy", in: "idp: {trusted_proxies: [0.0.0.0/0]}\n", want: `gatehouse.yaml:1:25: idp.trusted_proxies[0]: "0.0.0.0/0" is the whole internet; name the proxies`},
		{name: "everybody is a proxy, IPv6", in: "idp: {trusted_proxies: ['::/0']}\n", want: `gatehouse.yaml:1:25: idp.trusted_proxies[0]: "::/0" is the whole internet; name the proxies`},
		{name: "a proxy by name", in: "idp: {trusted_proxies: [proxy]}\n", want: `gatehouse.yaml:1:25: idp.trusted_proxies[0]: "proxy" is neither an address nor a network, as in 192.0.2.0/24`},
		{name: "profile", in: "ldap: {profiles: ['localhost:3389=posix']}\n", want: `gatehouse.yaml:1:19: ldap.profiles[0]: "posix" is none of rfc2307bis, rfc2307, vcenter, ad-lite, samba`},
		{name: "profile of no listener", in: "ldap: {profiles: ['localhost:1=rfc2307']}\n", want: `gatehouse.yaml:1:19: ldap.profiles[0]: "localhost:1" is no address of ldap.listen, ldap.listen_tls or ldap.listen_unix`},
		{name: "profile without an address", in: "ldap: {profiles: [rfc2307]}\n", want: `gatehouse.yaml:1:19: ldap.profiles[0]: "rfc2307" is not ADDRESS=PROFILE`},
		{name: "alias", in: "idp: {aliases: ['a b']}\n", want: `gatehouse.yaml:1:17: idp.aliases[0]: "a b" is not a domain name: " " is not a lower-case letter, digit or hyphen`},

		{name: "posix range", in: "posix: {first: 2000, last: 1000}\n", want: `gatehouse.yaml:1:8: posix: first is greater than last`},
		{name: "posix numbers of the system", in: "posix: {first: 0}\n", want: `gatehouse.yaml:1:16: posix.first: numbers below 1000 belong to the system`},
		{name: "posix nobody", in: "posix: {first: 60000}\n", want: `gatehouse.yaml:1:8: posix: the range holds 65534 (nobody) or 65535`},
		{name: "posix end", in: "posix: {last: 4294967295}\n", want: `gatehouse.yaml:1:15: posix.last: must be at most 4294967293`},

		{name: "environment, bad value", environ: []string{"GATEHOUSE_LDAP__LISTEN=:1,x"}, want: `GATEHOUSE_LDAP__LISTEN: "x" is not HOST:PORT`},
		{name: "environment, no such key", environ: []string{"GATEHOUSE_LDAP__LISTN=:1"}, want: `GATEHOUSE_LDAP__LISTN: there is no key ldap.listn`},
		{name: "environment, a section", environ: []string{"GATEHOUSE_POSIX__FIRST__X=1"}, want: `GATEHOUSE_POSIX__FIRST__X: there is no key posix.first.x`},
		{name: "environment, not a number", environ: []string{"GATEHOUSE_POSIX__FIRST=many"}, want: `GATEHOUSE_POSIX__FIRST: must be a whole number`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.in, tt.environ...)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v is not a Problems", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadDefaults(t *testing.T) {
	want := Default()
	for _, text := range []string{"", "# nothing\n", "---\n", "{}\n", "ldap:\n", "ldap: {listen: ~}\ndomain: \n"} {
		got, err := load(t, text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		want.DataDir = filepath.Join(dir, "gatehouse-data")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", []string{"GATEHOUSE_DATA_DIR=elsewhere", "HOME=/x", "GATEHOUSE_UNRELATED=1"})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "elsewhere"); c.DataDir != want {
		t.Errorf("data_dir = %s, want %s", c.DataDir, want)
	}
	if _, err := Load("absent.yaml", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestLoadOffAndOverride(t *testing.T) {
	c, err := load(t, "ldap: {listen: [], listen_tls: [':1636']}\nmetrics: {listen: ''}\n",
		"GATEHOUSE_LDAP__LISTEN_TLS=127.0.0.1:1, [::1]:1", "GATEHOUSE_RADIUS__LISTEN_ACCT=", "GATEHOUSE_POSIX__FIRST=70000")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.LDAP.Listen) != 0 || c.Metrics.Listen != "" || len(c.RADIUS.ListenAcct) != 0 {
		t.Errorf("not off: %v %q %v", c.LDAP.Listen, c.Metrics.Listen, c.RADIUS.ListenAcct)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:1", "[::1]:1"}, c.LDAP.ListenTLS); diff != "" {
		t.Error(diff)
	}
	if c.POSIX.First != 70000 {
		t.Errorf("posix.first = %d", c.POSIX.First)
	}
}

func TestRelativePaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	file := filepath.Join(dir, "gatehouse.yaml")
	text := "data_dir: d\nkeys_dir: k\ndatabase: {url: 'sqlite:s.db'}\ntls: {cert_file: c, key_file: /k}\nldap: {listen_unix: l}\nscim: {listen: ['unix:s'], upstream: 'unix:s'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.DataDir, c.KeyRings(""), c.SQLiteFile(), c.TLS.CertFile, c.TLS.KeyFile, c.LDAP.ListenUnix, c.SCIM.Listen[0], c.SCIM.Upstream}
	want := []string{dir + "/d", dir + "/k", dir + "/s.db", dir + "/c", "/k", dir + "/l", "unix:" + dir + "/s", "unix:" + dir + "/s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFileSize(t *testing.T) {
	if _, err := load(t, "#"+strings.Repeat("x", maxFile)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("oversize file: %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gatehouse.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Find(); got != "gatehouse.yaml" {
		t.Errorf("Find() = %q", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "ldap: {listen: [a]}", "posix: {first: 1}", "a: &a [*a]", "<<: {domain: x}", "? [a]\n: b", "tls: !!binary x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := document{path: "gatehouse.yaml", config: Default()}
		d.decode(text)
		if len(d.problems) == 0 {
			d.check()
		}
		if len(d.problems) > 0 && d.problems.Error() == "" {
			t.Error("a problem without a message")
		}
	})
}
