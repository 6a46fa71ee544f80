package test

import (
	"context"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// gatewayFiles are the configurations of what asks by RADIUS. $secret is the shared secret. Silence is an answer of
// radiusd when it cannot decide in time, so everybody asks again; pam_radius_auth asks the next server.
var gatewayFiles = map[string]string{ //nolint:gochecknoglobals // a constant
	"pam/pam_radius_auth.conf": strings.Repeat("127.0.0.1:1812 $secret 10\n", 3),
	"pam/service":              "auth required pam_radius_auth.so\naccount required pam_permit.so\n",
	"openvpn/server.conf": `local 127.0.0.1
port 1194
proto udp
dev tun
topology subnet
server 10.99.0.0 255.255.255.0
ca server.pem
cert server.pem
key server.key
dh none
verify-client-cert none
username-as-common-name
status /run/openvpn-status.log 1
status-version 2
client-config-dir ccd
plugin /usr/lib/openvpn/radiusplugin.so /etc/openvpn/radius.cnf
keepalive 5 20
`,
	"openvpn/client.conf": `client
remote 127.0.0.1 1194
proto udp
dev tun
nobind
ca server.pem
remote-cert-tls server
auth-user-pass login
auth-retry none
ifconfig-noexec
route-noexec
`,
	"openvpn/radius.cnf": `NAS-Identifier=vpn
Service-Type=5
Framed-Protocol=1
NAS-Port-Type=5
NAS-IP-Address=127.0.0.1
OpenVPNConfig=/etc/openvpn/server.conf
subnet=255.255.255.0
overwriteccfiles=true
server
{
acctport=1813
authport=1812
name=127.0.0.1
retry=3
wait=10
sharedsecret=$secret
}
`,
	"strongswan/server/strongswan.conf": `charon-systemd {
  plugins {
    vici { socket = unix:///run/sw/server.vici }
  }
}
charon {
  plugins {
    include /etc/strongswan.d/charon/*.conf
    eap-radius {
      accounting = yes
      accounting_send_class = yes
      dae {
        enable = yes
        listen = 127.0.0.1
        port = 3799
        secret = $secret
      }
      servers {
        gatehouse {
          address = 127.0.0.1
          secret = $secret
          auth_port = 1812
          acct_port = 1813
        }
      }
    }
  }
}
`,
	"strongswan/server/swanctl.conf": `connections {
  vpn {
    version = 2
    childless = force
    local_addrs = 10.77.0.1
    send_cert = always
    local {
      auth = pubkey
      certs = server.pem
      id = vpn.example.com
    }
    remote {
      auth = eap-radius
      id = %any
      eap_id = %any
    }
    children {
      net { local_ts = 0.0.0.0/0 }
    }
  }
}
`,
	"strongswan/client/strongswan.conf": `charon-systemd {
  plugins {
    vici { socket = unix:///run/sw/client.vici }
  }
}
charon {
  plugins {
    include /etc/strongswan.d/charon/*.conf
  }
}
`,
	"strongswan/client/swanctl.conf": `connections {
  vpn {
    version = 2
    childless = force
    local_addrs = 10.77.0.2
    remote_addrs = 10.77.0.1
    local {
      auth = eap
      id = alice
      eap_id = alice
    }
    remote {
      auth = pubkey
      id = vpn.example.com
      certs = /run/sw/server/x509/server.pem
    }
    children {
      net { remote_ts = 0.0.0.0/0 }
    }
  }
  device {
    version = 2
    childless = force
    local_addrs = 10.77.0.2
    remote_addrs = 10.77.0.1
    local {
      auth = eap-tls
      certs = laptop.pem
      aaa_id = radius.example.com
    }
    remote {
      auth = pubkey
      id = vpn.example.com
      certs = /run/sw/server/x509/server.pem
    }
    children {
      net { remote_ts = 0.0.0.0/0 }
    }
  }
}
secrets {
  eap-alice {
    id = alice
    secret = "PASSWORD"
  }
}
`,
}

// TestGateways: Debian's pam_radius_auth, pyrad, OpenVPN and strongSwan ask radiusd, and a lockdown ends a tunnel. The
// kernel may be without ESP, so the IKE_SA has no child (RFC 6023): who may enter is decided before there is one.
func TestGateways(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t, expand(`groups:
  - {name: crew, members: [alice]}
apps:
  - {slug: vpn, name: VPN, bindings: [{group: crew}], radius: {}}
radius_clients:
  - {name: ap-hall, networks: ["127.0.0.1/32"], secret: "$secret", app: vpn, methods: [pap, eap-mschapv2, eap-tls], legacy_tls: true, message_authenticator: auto, reply: [], coa: {address: nas}}
`, "secret", w.radiusSecret))
	// The namespace is its own: the ports are the usual ones, of which the plugin of OpenVPN reads four digits.
	w.replaceConfig(t, w.Auth, "127.0.0.1:1812")
	w.replaceConfig(t, w.Acct, "127.0.0.1:1813")
	got := w.gatewayHost(t, w.made(t, "network-password", "create", "alice", "--label", "vpn"))
	for step, want := range map[string][]string{ // step → what it says, its exit code with it
		"pam": {"=> 0"}, "pamwrong": {"=> 1"},
		"pyrad": {"Access-Accept alice", "=> 0"}, "pyradwrong": {"Access-Reject", "=> 0"},
		"openvpn": {"Initialization Sequence Completed"}, "openvpnwrong": {"AUTH_FAILED"},
		"ike": {"EAP_MSCHAPV2", "initiate completed successfully", "=> 0"}, "ikewrong": {"EAP_FAILURE", "=> "},
		"device": {"EAP_TLS", "initiate completed successfully", "=> 0"}, "revoked": {"EAP_FAILURE", "=> "},
		"established": {"ESTABLISHED"}, "session": {"alice"}, "lockdown": {"=> 0"}, "ended": {"=> 1"}, "locked": {"EAP_FAILURE"},
	} {
		for _, text := range want {
			if !strings.Contains(got[step], text) {
				t.Errorf("%s: %q, want %s", step, got[step], text)
			}
		}
	}
	if t.Failed() {
		t.Log(got["log"])
	}
}

// gatewayHost runs testdata/gatewayhost.sh and returns what each step says.
func (w *world) gatewayHost(t *testing.T, networkPassword string) map[string]string {
	t.Helper()
	dir := scratch(t)
	pap, err := os.ReadFile("testdata/pap.py")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := w.gatewayCertificate(t)
	files := map[string]string{
		"password": w.alicePassword, "network": networkPassword, "secret": w.radiusSecret, "pap.py": string(pap), "ca.pem": certificate,
	}
	for name, text := range gatewayFiles {
		files[name] = expand(text, "secret", w.radiusSecret)
	}
	for _, place := range []string{"openvpn/server.pem", "strongswan/server/x509/server.pem"} {
		files[place] = certificate
	}
	files["openvpn/server.key"], files["strongswan/server/private/server.key"] = key, key
	w.gatewayDevice(t, files)
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--mount", "--net", "--pid", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := stage.Run(ctx, "", nil, "unshare", append(args, "sh", "testdata/gatewayhost.sh", unixPackages, dir, shared.dir, shared.binaries, w.Config)...)
	if err != nil || r.Code != 0 {
		t.Fatalf("%v, %v", r, err)
	}
	said := map[string]string{}
	for part := range strings.SplitSeq(r.Stdout, "== ") {
		if name, text, ok := strings.Cut(part, "\n"); ok {
			said[name] = text
		}
	}
	return said
}

// gatewayDevice issues a device certificate to alice and puts it where strongSwan looks for such things.
func (w *world) gatewayDevice(t *testing.T, files map[string]string) {
	t.Helper()
	file := filepath.Join(w.Dir, "laptop.pem")
	w.cli(t, "", "device-cert", "create", "alice", "--label", "laptop", "--pem", file)
	made, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(made); block != nil; block, rest = pem.Decode(rest) {
		place := "strongswan/client/private/laptop.key"
		if block.Type == "CERTIFICATE" {
			place = "strongswan/client/x509/laptop.pem"
		}
		if files[place] == "" { // the CA comes last
			files[place] = string(pem.EncodeToMemory(block))
		}
	}
	files["strongswan/client/x509ca/ca.pem"] = string(ca)
	listed := decode[[]struct{ Serial string }](t, w.cli(t, "", "device-cert", "list", "alice", "--json").Stdout)
	files["serial"] = listed[0].Serial
}

// gatewayCertificate makes the certificate of a VPN gateway, which is its own authority.
func (w *world) gatewayCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	keyFile := filepath.Join(w.Dir, "gateway.key")
	r, err := stage.Run(t.Context(), "", nil, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", keyFile, "-subj", "/CN=vpn.example.com", "-days", "2", "-addext", "subjectAltName=DNS:vpn.example.com",
		"-addext", "extendedKeyUsage=serverAuth", "-addext", "keyUsage=digitalSignature,keyCertSign")
	if err != nil || r.Code != 0 {
		t.Fatalf("openssl: %v, %v", r, err)
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return r.Stdout, string(text)
}
