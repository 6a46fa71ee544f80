package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatehouse/directory/geo"
)

// check adds a problem for every value that cannot work.
func (d *document) check() {
	c := &d.config
	if err := CheckHostName(c.Domain); err != nil {
		d.problem("domain", "%v", err)
	}
	if c.IsPackaged() && c.Domain == Default().Domain {
		d.problem("domain", "%s is the example; set the domain of your organisation", c.Domain)
	}
	if err := checkPublicURL(c.PublicURL, c.IsPackaged()); err != nil {
		d.problem("public_url", "%v", err)
	}
	if c.DataDir == "" {
		d.problem("data_dir", "must not be empty")
	}
	d.checkDatabase()
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		d.problem("tls", "cert_file and key_file go together")
	}
	if (c.RADIUS.EAP.CertFile == "") != (c.RADIUS.EAP.KeyFile == "") {
		d.problem("radius.eap", "cert_file and key_file go together")
	}
	d.checkOneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	d.checkOneOf("log.format", c.Log.Format, "text", "json")
	d.checkListeners()
	d.checkProfiles()
	d.checkProxies("idp.trusted_proxies", c.IDP.TrustedProxies)
	d.checkProxies("ldap.proxies", c.LDAP.Proxies)
	d.checkPeers()
	for i, key := range c.SelfService.Writable {
		d.checkOneOf(item("self_service.writable", i), key, "sshPublicKey")
	}
	for i, alias := range c.IDP.Aliases {
		if err := CheckHostName(alias); err != nil {
			d.problem(item("idp.aliases", i), "%v", err)
		}
	}
	d.checkPOSIX()
	d.checkAudit()
	d.checkGeoIP()
	d.checkAuthorities()
}

// checkAuthorities leaves the files to who loads them.
func (d *document) checkAuthorities() {
	names := map[string]bool{}
	for i, a := range d.config.RADIUS.Authorities {
		key := item("radius.authorities", i)
		if err := a.Imported().Check(); err != nil {
			d.problem(key, "%v", err)
		}
		if names[a.Name] {
			d.problem(key, "%s is named twice", a.Name)
		}
		names[a.Name] = true
	}
}

func item(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func (d *document) checkOneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		d.problem(key, "%q is none of %s", value, strings.Join(allowed, ", "))
	}
}

// CheckHostName accepts a host name of RFC 1123 §2.1 in lower case.
func CheckHostName(name string) error {
	if name == "" || len(name) > 253 {
		return fmt.Errorf("must be a domain name of 1 to 253 characters")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("%q is an address, not a domain name", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is not a domain name: a part of it is empty, too long, or starts or ends with a hyphen", name)
		}
		if i := strings.IndexFunc(label, notHostCharacter); i >= 0 {
			return fmt.Errorf("%q is not a domain name: %q is not a lower-case letter, digit or hyphen", name, label[i:i+1])
		}
	}
	return nil
}

func notHostCharacter(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}

func checkPublicURL(text string, packaged bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not a URL, as in https://id.example.com", text)
	}
	if u.Scheme != "https" {
		return fmt.Errorf("%q must start with https://", text)
	}
	if text != "https://"+u.Host {
		return fmt.Errorf("%q must be a scheme and a host, as in https://id.example.com, without a user, a path, a slash at the end or a query", text)
	}
	host := u.Hostname()
	if err := CheckHostName(host); err != nil {
		return err
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q: the port must be 1 to 65535", text)
		}
	}
	if packaged && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		return fmt.Errorf("localhost is only for trying out; set the name that browsers use")
	}
	return nil
}

func (d *document) checkDatabase() {
	db := d.config.Database
	if d.config.IsSQLite() {
		if db.PasswordFile != "" {
			d.problem("database.password_file", "is only for PostgreSQL")
		}
		return
	}
	u, err := url.Parse(strings.ReplaceAll(db.URL, "{daemon}", "daemon"))
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		d.problem("database.url", "must start with sqlite: or postgres://")
		return
	}
	if db.PasswordFile != "" && hasPassword(u) {
		d.problem("database.password_file", "the url holds a password as well; keep one of them")
	}
	if db.PasswordFile != "" && u.User.Username() == "" {
		d.problem("database.url", "must name the user whose password is in password_file")
	}
}

func (d *document) checkProxies(list string, proxies []string) {
	for i, text := range proxies {
		key := item(list, i)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				d.problem(key, "%q is neither an address nor a network, as in 192.0.2.0/24", text)
				continue
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		// A network of everybody would let anybody choose the address we see.
		if prefix.Bits() == 0 {
			d.problem(key, "%q is the whole internet; name the proxies", text)
		}
	}
}

// checkPeers wants a user that is not root, and a name, of each ldap.peers.
func (d *document) checkPeers() {
	for i, text := range d.config.LDAP.Peers {
		key := item("ldap.peers", i)
		user, account, ok := strings.Cut(text, ":")
		switch {
		case !ok || user == "" || account == "":
			d.problem(key, "%q is not USER:SERVICE-ACCOUNT, as in www-data:nextcloud", text)
		case user == "root" || strings.Trim(user, "0") == "":
			d.problem(key, "%q: root is nobody in the directory; let the program run as a user of its own", text)
		}
	}
}

func (d *document) checkPOSIX() {
	const nobody = 65534
	p := d.config.POSIX
	switch {
	case p.First > p.Last:
		d.problem("posix", "first is greater than last")
	case p.First < 1000:
		d.problem("posix.first", "numbers below 1000 belong to the system")
	case p.First <= nobody+1 && p.Last >= nobody:
		d.problem("posix", "the range holds 65534 (nobody) or 65535")
	case p.Last > 1<<32-3:
		d.problem("posix.last", "must be at most 4294967293")
	}
}

// loopback reports whether the host of a listen address is this machine only.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

// checkAddress accepts "127.0.0.1:389", "[::1]:389", "localhost:389", ":389"
// and, where allowed, "unix:PATH".
func checkAddress(address string, unix bool) error {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		switch {
		case !unix:
			return fmt.Errorf("%q: a unix socket is not possible here", address)
		case path == "":
			return fmt.Errorf("%q: the path is missing", address)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", address)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return fmt.Errorf("%q: the host must be an address, localhost or empty", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port must be a number up to 65535", address)
	}
	return nil
}

// checkAudit looks at the forms; what cannot be reached is found when it is used.
func (d *document) checkAudit() {
	a := d.config.Audit
	webhook := false
	for i, text := range a.Checkpoints {
		u, err := url.Parse(text)
		switch {
		case err != nil || !slices.Contains([]string{"https", "syslog", "syslog+udp", "syslog+tcp", "syslog+tls"}, u.Scheme):
			d.problem(item("audit.checkpoints", i), "%q must begin with https://, syslog:///, syslog+udp://, syslog+tcp:// or syslog+tls://", text)
		case u.User != nil:
			d.problem(item("audit.checkpoints", i), "must not hold a user or a password; a webhook's token is in webhook_token_file")
		case u.Scheme == "syslog" && (u.Host != "" || len(u.Path) < 2):
			d.problem(item("audit.checkpoints", i), "%q must name a socket, as in syslog:///dev/log", text)
		case u.Scheme != "syslog" && u.Hostname() == "":
			d.problem(item("audit.checkpoints", i), "%q names no host", text)
		case strings.HasPrefix(u.Scheme, "syslog+") && (u.Port() == "" || u.Path != ""):
			d.problem(item("audit.checkpoints", i), "%q must be %s://HOST:PORT", text, u.Scheme)
		}
		webhook = webhook || err == nil && u.Scheme == "https"
	}
	if a.WebhookTokenFile != "" && !webhook {
		d.problem("audit.webhook_token_file", "there is no webhook in audit.checkpoints")
	}
}

// checkGeoIP opens the databases. That the whole of each is sound is verified
// when it is loaded.
func (d *document) checkGeoIP() {
	files := d.config.GeoIP.Files
	for i, path := range files {
		switch key := item("geoip.files", i); {
		case path == "":
			d.problem(key, "must not be empty")
		case slices.Contains(files[:i], path):
			d.problem(key, "%s is named twice", path)
		default:
			if err := geo.Check(path); err != nil {
				d.problem(key, "%s %v", path, err)
			}
		}
	}
}
