package test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

const hostapdConf = `interface=port0
driver=wired
ctrl_interface=$dir/ctrl
ieee8021x=1
use_pae_group_addr=0
dynamic_vlan=0
own_ip_addr=127.0.0.1
nas_identifier=hall-7
auth_server_addr=127.0.0.1
auth_server_port=$auth
auth_server_shared_secret=$secret
acct_server_addr=127.0.0.1
acct_server_port=$acct
acct_server_shared_secret=$secret
radius_das_port=$das
radius_das_client=127.0.0.1 $secret
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
`

const deviceConf = `ctrl_interface=$dir/ctrl
ap_scan=0
network={
  key_mgmt=IEEE8021X
  eapol_flags=0
  eap=TTLS
  phase2="auth=PAP"
  identity="alice"
  anonymous_identity="somebody"
  password="$password"
  ca_cert="$ca"
  domain_match="radius.example.com"
}
`

// port is a switch port with a device behind it: hostapd and wpa_supplicant on the
// two ends of a cable, in a network of their own, with the radiusd that decides.
type port struct {
	*world
	dir     string
	signals io.Writer // for hostapd
}

// plugIn builds the port and plugs alice's device in.
func (w *world) plugIn(t *testing.T) *port {
	t.Helper()
	p := &port{world: w, dir: scratch(t)}
	das, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	site := strings.Replace(w.site(), "app: wifi,", fmt.Sprintf("app: wifi, coa: {address: %q},", "nas:"+strconv.Itoa(das)), 1)
	w.apply(t, strings.Replace(site, "members: [alice]", "members: []", 1))
	w.cli(t, "", "group", "add-member", "staff", "alice")
	for name, text := range map[string]string{"hostapd.conf": hostapdConf, "device.conf": deviceConf} {
		_, auth, _ := strings.Cut(w.Auth, ":")
		_, acct, _ := strings.Cut(w.Acct, ":")
		text = expand(text, "dir", p.dir, "das", strconv.Itoa(das), "auth", auth, "acct", acct, "secret", w.radiusSecret, "password", w.alicePassword, "ca", w.CAFile())
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--net", "--pid", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	args = append(args, "sh", "testdata/port.sh", p.dir, filepath.Join(shared.binaries, "radiusd"), w.Config)
	cmd := exec.Command("unshare", args...)
	if p.signals, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	network, err := stage.Start("port", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("--- radiusd\n%s\n--- hostapd\n%s\n--- device\n%s", network.Log(), p.tail("hostapd.log"), p.tail("device.log"))
		}
		if err := network.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *port) log(name string) string {
	text, _ := os.ReadFile(filepath.Join(p.dir, name)) // not there yet
	return string(text)
}

func (p *port) tail(name string) string {
	text := p.log(name)
	return text[max(0, len(text)-6000):]
}

// signal sends hostapd a signal.
func (p *port) signal(t *testing.T, name string) {
	t.Helper()
	if _, err := io.WriteString(p.signals, name+"\n"); err != nil {
		t.Fatal(err)
	}
}

// control asks a program of the port through its control socket.
func (p *port) control(ctx context.Context, program, device, command string) (stage.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	path := "PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
	return stage.Run(ctx, "", []string{path}, "env", program, "-p", filepath.Join(p.dir, "ctrl"), "-i", device, command)
}

// state is what hostapd says of the device behind the port.
func (p *port) state(ctx context.Context) string {
	r, err := p.control(ctx, "hostapd_cli", "port0", "all_sta")
	if err != nil {
		return err.Error()
	}
	return r.Stdout
}

// wantOpen waits until the port is open, or closed.
func (p *port) wantOpen(t *testing.T, open bool) {
	t.Helper()
	poll(t, 60*time.Second, func() error {
		if state := p.state(t.Context()); strings.Contains(state, "[AUTHORIZED]") != open {
			return fmt.Errorf("the port is open %v, want %v: %s", !open, open, state)
		}
		return nil
	})
}

// again has the device sign in anew, once hostapd has forgotten it: some seconds after
// it has disconnected a device it does so, also when the device is back by then.
func (p *port) again(t *testing.T) {
	t.Helper()
	poll(t, 60*time.Second, func() error {
		if state := p.state(t.Context()); strings.Contains(state, "flags=") {
			return fmt.Errorf("hostapd still knows the device: %s", state)
		}
		return nil
	})
	r, err := p.control(t.Context(), "wpa_cli", "cable0", "reassociate")
	if err != nil || !strings.Contains(r.Stdout, "OK") {
		t.Fatalf("wpa_cli: %v, %v", r, err)
	}
}

// networkSession is what `radius-session list --json` says of one.
type networkSession struct {
	ID, User, Client, State, Device, Disconnect string
	AcctSessionID                               string `json:"acct_session_id"`
	NASID                                       string `json:"nas_id"`
}

// session waits for the newest session of alice to be in a state, and for what came
// of the Disconnect: the Stop of the NAS can be recorded before its answer is.
func (p *port) session(t *testing.T, state, disconnect string) networkSession {
	t.Helper()
	var s networkSession
	poll(t, 60*time.Second, func() error {
		all := decode[[]networkSession](t, p.cli(t, "", "radius-session", "list", "--user", "alice", "--all", "--json").Stdout)
		if len(all) == 0 || all[0].State != state || all[0].Disconnect != disconnect {
			return fmt.Errorf("sessions %+v, want the first %s, its Disconnect %q", all, state, disconnect)
		}
		s = all[0]
		return nil
	})
	return s
}

// TestSwitchPort: a device signs in at a real 802.1X port; whatever takes its
// person's access away closes the port at once, through the port's own RADIUS
// server for dynamic authorization.
func TestSwitchPort(t *testing.T) {
	w := newWorld(t, "")
	p := w.plugIn(t)
	p.wantOpen(t, true)
	s := p.session(t, "started", "")
	if s.Client != "ap-hall" || s.Device == "" || s.AcctSessionID == "" || s.NASID != "hall-7" {
		t.Errorf("session %+v", s)
	}
	if hostapd := p.log("hostapd.log"); !strings.Contains(hostapd, "Tunnel-Private-Group-Id") || !strings.Contains(hostapd, "Acct-Interim-Interval") && !strings.Contains(hostapd, "Session-Timeout") {
		t.Error("hostapd was told neither a VLAN nor how long the session lasts")
	}

	// Out of the group, and back in.
	w.cli(t, "", "group", "remove-member", "staff", "alice")
	p.wantOpen(t, false)
	p.session(t, "ended", "acknowledged")
	w.cli(t, "", "group", "add-member", "staff", "alice")
	p.again(t)
	p.wantOpen(t, true)

	// Disconnected by hand: nothing else changes, so the device comes back.
	s = p.session(t, "started", "")
	w.cli(t, "", "radius-session", "disconnect", s.ID, "--reason", "wrong VLAN")
	p.wantOpen(t, false)
	p.again(t)
	p.wantOpen(t, true)
	p.session(t, "started", "")

	// Locked down while the switch is busy with something else.
	p.signal(t, "STOP")
	report := decode[struct {
		Told int `json:"network_sessions"`
		Open []struct{ Client, Device, Outcome string }
	}](t, strings.Replace(w.cli(t, "", "user", "lockdown", "alice", "--reason", "stolen", "--json").Stdout, "network_sessions_open", "open", 1))
	if report.Told != 1 || len(report.Open) != 1 || report.Open[0].Client != "ap-hall" {
		t.Errorf("while the switch does not answer: %+v", report)
	}
	p.signal(t, "CONT")
	begun := time.Now()
	p.wantOpen(t, false)
	t.Logf("the port was closed %v after the switch woke up", time.Since(begun))
	p.session(t, "ended", "acknowledged")

	// And it stays closed.
	p.again(t)
	poll(t, 60*time.Second, func() error {
		if denied := w.cli(t, "", "audit", "list", "--user", "alice", "--outcome", "deny", "--reason", "locked_down", "--json").Stdout; !strings.Contains(denied, "locked_down") {
			return fmt.Errorf("no refusal in the audit: %s", denied)
		}
		return nil
	})
	p.wantOpen(t, false)
}
