package ldap

import (
	"net"
	"testing"

	"gatehouse/config"
	"gatehouse/directory/schema"
)

func TestProfileAt(t *testing.T) {
	list := []config.LDAPProfile{
		{Address: "localhost:3390", Profile: "ad-lite"},
		{Address: ":389", Profile: "rfc2307"},
		{Address: "192.0.2.1:3389", Profile: "vcenter"},
		{Address: "/run/ldapi", Profile: "rfc2307"},
	}
	tcp := func(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	for _, tt := range []struct {
		at   net.Addr
		want schema.LDAPProfile
	}{
		{tcp("127.0.0.1", 3390), "ad-lite"},
		{tcp("::1", 3390), "ad-lite"},
		{tcp("192.0.2.1", 3390), ""},
		{tcp("::", 389), "rfc2307"},
		{tcp("192.0.2.1", 3389), "vcenter"},
		{tcp("127.0.0.1", 3389), ""},
		{&net.UnixAddr{Name: "/run/ldapi", Net: "unix"}, "rfc2307"},
		{&net.UnixAddr{Name: "/run/other", Net: "unix"}, ""},
	} {
		if got := profileAt(tt.at, list); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.at, got, tt.want)
		}
	}
}

// The configuration knows the profiles by name only.
func TestConfigurationKnowsEveryProfile(t *testing.T) {
	for _, p := range schema.LDAPProfiles() {
		env := []string{"GATEHOUSE_LDAP__PROFILES=localhost:3389=" + string(p)}
		c, err := config.Load("", env)
		if err != nil || len(c.LDAP.AddressProfiles()) != 1 || c.LDAP.AddressProfiles()[0].Profile != string(p) {
			t.Errorf("%s: %v, %v", p, c.LDAP.Profiles, err)
		}
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	}
	if _, err := config.Load("", []string{"GATEHOUSE_LDAP__PROFILES=localhost:3389=nosuch"}); err == nil {
		t.Error("an unknown profile is accepted")
	}
	if schema.LDAPProfile("nosuch").Check() == nil {
		t.Error("the schema knows an unknown profile")
	}
}
