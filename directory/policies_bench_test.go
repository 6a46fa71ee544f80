package directory_test

import (
	"log/slog"
	"net/netip"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// BenchmarkPolicies is what an app's rules cost over the barrier and the user's
// own status: three bindings of groups and two policies.
func BenchmarkPolicies(b *testing.B) {
	d := directorytest.Core(b, directorytest.OpenSQLite(b), func(c *directory.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	var alice directory.User
	_, err := d.Write(b.Context(), directorytest.Operator(), func(w *directory.Writer) (err error) {
		if alice, err = w.CreateUser(directory.User{Username: "alice"}); err != nil {
			return err
		}
		var bindings []directory.Binding
		for _, name := range []string{"contractors", "guests", "staff"} {
			g, err := w.CreateGroup(directory.Group{Name: name})
			if err != nil {
				return err
			}
			bindings = append(bindings, directory.Binding{Kind: directory.BindGroup, Ref: int64(g.ID), RefName: name, Negate: name != "staff"})
			if name == "staff" {
				if err := w.AddMembers(g.ID, directory.Membership{User: alice.ID}); err != nil {
					return err
				}
			}
		}
		for name, rule := range map[string]string{
			"net": `request.ip.in("10.0.0.0/8") && user.in_group("staff")`, "agent": `request.user_agent.contains("Linux") || request.protocol == "ldap"`,
		} {
			p, err := w.SavePolicy(directory.Policy{Name: name, Rule: rule})
			if err != nil {
				return err
			}
			bindings = append(bindings, directory.Binding{Kind: directory.BindPolicy, Ref: int64(p.ID), RefName: name})
		}
		a, err := w.CreateApp(directory.App{Slug: "wiki"})
		if err != nil {
			return err
		}
		return w.SetBindings(a.ID, bindings, false)
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, app := range []string{"", "wiki"} {
		name := "five bindings"
		if app == "" {
			name = "no app"
		}
		b.Run(name, func(b *testing.B) {
			a := directory.Admission{
				User: alice.ID, Epoch: alice.Epoch, App: app, Protocol: directory.ProtocolLDAP, Client: netip.MustParseAddr("10.1.2.3"),
			}
			b.ReportAllocs()
			for b.Loop() {
				dec, err := d.Authorize(b.Context(), a)
				if err != nil || !dec.Allowed() {
					b.Fatalf("%s, %v", dec.Reason, err)
				}
			}
		})
	}
}
