package config

import "gatehouse/directory/authority"

// Config is a checked configuration. File paths in it are absolute.
type Config struct {
	// The domain of the organisation. It gives the LDAP base DN (example.com is
	// dc=example,dc=com) and the default names in certificates. Recorded by
	// `gatehouse init`; a different value later stops the daemons.
	Domain string `yaml:"domain"`
	// What browsers and applications see: the issuer of tokens and the start of
	// every link in a mail. https, a host name, no path. localhost is only for
	// trying out. Recorded by `gatehouse init`.
	PublicURL string `yaml:"public_url"`
	// Where the database, the CA certificate and (outside a package) the keys
	// live. Relative paths in this file are relative to the file.
	DataDir string `yaml:"data_dir"`
	// The directory of key rings. Empty: /etc/gatehouse/credentials when
	// data_dir is /var/lib/gatehouse, else <data_dir>/keys. A unit's
	// $CREDENTIALS_DIRECTORY comes before both.
	KeysDir string `yaml:"keys_dir"`

	// The store that all daemons share.
	Database Database `yaml:"database"`
	// The server certificate of LDAPS, StartTLS and https.
	TLS TLS `yaml:"tls"`
	// Log lines on standard error.
	Log Log `yaml:"log"`
	// The LDAP server, ldapd.
	LDAP LDAP `yaml:"ldap"`
	// The RADIUS server, radiusd.
	RADIUS RADIUS `yaml:"radius"`
	// The SCIM server, scimd.
	SCIM SCIM `yaml:"scim"`
	// The sign-in pages and the OpenID Connect server, idp.
	IDP IDP `yaml:"idp"`
	// /metrics, /healthz and /readyz. An empty address is off.
	Metrics Metrics `yaml:"metrics"`
	// The range of uidNumber and gidNumber given to users and groups.
	POSIX POSIX `yaml:"posix"`
	// What people may do for themselves.
	SelfService SelfService `yaml:"self_service"`
	// The audit: who did what, and who came in.
	Audit Audit `yaml:"audit"`
	// Where addresses are, for policies that ask for it.
	GeoIP GeoIP `yaml:"geoip"`
}

// Database says where the store is.
type Database struct {
	// sqlite: is <data_dir>/directory.db, sqlite:PATH another file, and
	// postgres://USER@HOST/NAME a PostgreSQL database. {daemon} is replaced by
	// the name of the daemon: postgres://gatehouse_{daemon}@db/gatehouse.
	URL string `yaml:"url"`
	// A file that holds the url, for one with a password in it.
	URLFile string `yaml:"url_file"`
	// A file that holds the PostgreSQL password alone.
	PasswordFile string `yaml:"password_file"`
}

// TLS names the server certificate.
type TLS struct {
	// A PEM file with the certificate and its chain. Empty: a certificate of
	// the built-in CA, whose root is <data_dir>/ca.pem.
	CertFile string `yaml:"cert_file"`
	// The PEM file of its private key.
	KeyFile string `yaml:"key_file"`
}

// Log says how much is logged and in which form.
type Log struct {
	// debug, info, warn or error.
	Level string `yaml:"level"`
	// text or json.
	Format string `yaml:"format"`
}

// LDAP holds the listeners of ldapd, and whom it believes.
type LDAP struct {
	// LDAP with StartTLS. localhost is 127.0.0.1 and, where there is IPv6,
	// ::1; a port alone, as in ":389", is every address of the machine.
	Listen []string `yaml:"listen"`
	// LDAP over TLS (ldaps).
	ListenTLS []string `yaml:"listen_tls"`
	// LDAP over a unix socket (ldapi). Empty is off.
	ListenUnix string `yaml:"listen_unix"`
	// How entries look to clients of a listener: ADDRESS=PROFILE, with an
	// address from above, as in "localhost:3390=ad-lite". The profiles are
	// rfc2307bis (default), rfc2307, vcenter, ad-lite, samba. The profile of a
	// service account goes before that of the listener.
	Profiles []string `yaml:"profiles"`
	// Local programs that bind over ldapi without a password (SASL EXTERNAL):
	// USER:SERVICE-ACCOUNT, as in "www-data:nextcloud", the user by name or
	// number. root is nobody.
	Peers []string `yaml:"peers"`
	// The addresses or networks of load balancers. Their connections, and no
	// others, must begin with a PROXY protocol header of version 2, which says
	// whose they are.
	Proxies []string `yaml:"proxies"`
}

// RADIUS holds the listeners of radiusd.
type RADIUS struct {
	// Authentication over UDP.
	ListenAuth []string `yaml:"listen_auth"`
	// Accounting over UDP.
	ListenAcct []string `yaml:"listen_acct"`
	// RADIUS over TLS (RadSec), for both; the port is 2083.
	ListenTLS []string `yaml:"listen_tls"`
	// The certificate that devices know the network by (EAP).
	EAP EAP `yaml:"eap"`
	// CAs outside Gatehouse whose certificates let people's devices in (EAP-TLS).
	Authorities []Authority `yaml:"authorities"`
}

// Authority is an imported CA. It says whose a certificate is by one name in it.
type Authority struct {
	// For the log, the audit and policies (request.certificate.label).
	Name string `yaml:"name"`
	// device.
	Purpose string `yaml:"purpose"`
	// The PEM file of the certificates that are trusted.
	CAFile string `yaml:"ca_file"`
	// The revocation lists, PEM or DER, of every CA in a chain.
	CRLFile string `yaml:"crl_file"`
	// soft: certificates count also while a list is missing or out of date.
	CRL string `yaml:"crl"`
	// The name in the certificate: email, dns, uri or upn.
	SAN string `yaml:"san"`
	// An ending that each name must have and that is taken off.
	Strip string `yaml:"strip"`
	// The field of the user that the name is: username, email or uid.
	User string `yaml:"user"`
}

// Imported returns the authority as it is judged by.
func (a Authority) Imported() authority.Config {
	return authority.Config(a)
}

// EAP names the certificate of EAP-TLS, EAP-TTLS and PEAP.
type EAP struct {
	// A PEM file with the certificate and its chain. Empty: radius.<domain>,
	// of the built-in CA. Devices pin it: never one that changes by itself (ACME).
	CertFile string `yaml:"cert_file"`
	// The PEM file of its private key.
	KeyFile string `yaml:"key_file"`
}

// SCIM holds the listeners of scimd.
type SCIM struct {
	// SCIM in plain HTTP: loopback addresses or unix:PATH only. The idp
	// forwards <public_url>/scim/v2 here.
	Listen []string `yaml:"listen"`
	// SCIM over https, for provisioners that should not pass the idp.
	ListenTLS []string `yaml:"listen_tls"`
	// Where the idp forwards <public_url>/scim/v2: http://LOOPBACK:PORT or
	// unix:PATH. `gatehouse serve` does not use it.
	Upstream string `yaml:"upstream"`
}

// IDP holds the listeners of idp.
type IDP struct {
	// https.
	ListenTLS []string `yaml:"listen_tls"`
	// Plain HTTP for a reverse proxy on trusted_proxies; a request from
	// anywhere else is refused.
	Listen []string `yaml:"listen"`
	// The addresses or networks of reverse proxies whose X-Forwarded-For is
	// believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Further host names by which the pages are reached. They are in the
	// built-in certificate and lead to public_url.
	Aliases []string `yaml:"aliases"`
}

// Metrics holds the addresses of the metrics listeners.
type Metrics struct {
	// For `gatehouse serve`.
	Listen string `yaml:"listen"`
	// For ldapd as a daemon of its own; likewise the next three.
	LDAPD   string `yaml:"ldapd"`
	RADIUSD string `yaml:"radiusd"`
	SCIMD   string `yaml:"scimd"`
	IDP     string `yaml:"idp"`
}

// POSIX is the number range of users and groups, both ends included.
type POSIX struct {
	First uint32 `yaml:"first"`
	Last  uint32 `yaml:"last"`
}

// SelfService is what people may do for themselves.
type SelfService struct {
	// Attributes that people may change of themselves besides displayName,
	// preferredLanguage, telephone numbers and jpegPhoto: sshPublicKey, or none.
	Writable []string `yaml:"writable"`
}

// Audit says how sure the audit is, how long it is kept and where its
// checkpoints go.
type Audit struct {
	// true: a sign-in is answered after its audit event is on the disk. false:
	// at most 50 ms before, which a crash may lose.
	Strict bool `yaml:"strict"`
	// Days after which events are removed, in whole hours with a signed stub in
	// their place. 0 keeps them all.
	KeepDays uint32 `yaml:"keep_days"`
	// Where each daemon sends its hourly checkpoint besides its log:
	// syslog:///dev/log, syslog+udp://HOST:PORT, syslog+tcp://HOST:PORT or
	// syslog+tls://HOST:PORT (RFC 5424), or a webhook, https://HOST/PATH.
	Checkpoints []string `yaml:"checkpoints"`
	// A file that holds the bearer token for the webhooks.
	WebhookTokenFile string `yaml:"webhook_token_file"`
}

// GeoIP names the databases that say where an address is.
type GeoIP struct {
	// MaxMind or IP2Location databases in .mmdb format, as in [country.mmdb,
	// asn.mmdb]. The first that knows a country, city or AS number tells it. A
	// file that changes is loaded anew. None: no address has a country.
	Files []string `yaml:"files"`
}

// Default returns the configuration of `gatehouse serve` without a file. Its
// DataDir is relative to the current directory.
func Default() Config {
	return Config{
		Domain:    "example.com",
		PublicURL: "https://localhost:9443",
		DataDir:   "gatehouse-data",
		Database:  Database{URL: "sqlite:"},
		Log:       Log{Level: "info", Format: "text"},
		LDAP:      LDAP{Listen: []string{"localhost:3389"}, ListenTLS: []string{"localhost:6636"}, Profiles: []string{}, Peers: []string{}, Proxies: []string{}},
		RADIUS:    RADIUS{ListenAuth: []string{"localhost:1812"}, ListenAcct: []string{"localhost:1813"}, ListenTLS: []string{}, Authorities: []Authority{}},
		SCIM:      SCIM{Listen: []string{"localhost:9444"}, ListenTLS: []string{}, Upstream: "http://127.0.0.1:9444"},
		IDP:       IDP{ListenTLS: []string{"localhost:9443"}, Listen: []string{}, TrustedProxies: []string{}, Aliases: []string{}},
		Metrics: Metrics{
			Listen: "localhost:9300", LDAPD: "localhost:9301", RADIUSD: "localhost:9302",
			SCIMD: "localhost:9303", IDP: "localhost:9304",
		},
		POSIX:       POSIX{First: 1880000000, Last: 1999999999},
		SelfService: SelfService{Writable: []string{}},
		Audit:       Audit{Checkpoints: []string{}},
		GeoIP:       GeoIP{Files: []string{}},
	}
}

// Packaged returns the configuration that the package installs: the standard
// ports on every address, and the directories of the package.
func Packaged() Config {
	c := Default()
	c.PublicURL = "https://localhost" // refused, so that nobody forgets to set it
	c.DataDir = packagedDataDir
	c.Log.Format = "json"
	c.LDAP.Listen, c.LDAP.ListenTLS, c.LDAP.ListenUnix = []string{":389"}, []string{":636"}, packagedRuntimeDir+"/ldapi"
	c.RADIUS = RADIUS{ListenAuth: []string{":1812"}, ListenAcct: []string{":1813"}, ListenTLS: []string{":2083"}, Authorities: []Authority{}}
	c.SCIM.Listen = []string{"unix:" + packagedRuntimeDir + "/scim.sock"}
	c.SCIM.Upstream = "unix:" + packagedRuntimeDir + "/scim.sock"
	c.IDP.ListenTLS = []string{":443"}
	return c
}
