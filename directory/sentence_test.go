package directory_test

import (
	"testing"

	"gatehouse/directory"
)

func TestSentence(t *testing.T) {
	bound := func(kind directory.BindingKind, name string) directory.Binding {
		return directory.Binding{Kind: kind, Ref: 1, RefName: name}
	}
	staff, admins, contractors := bound(directory.BindGroup, "staff"), bound(directory.BindGroup, "admins"), bound(directory.BindGroup, "contractors")
	jane, joe := bound(directory.BindUser, "jane"), bound(directory.BindUser, "joe")
	office, vpn := bound(directory.BindPolicy, "office-net"), bound(directory.BindPolicy, "vpn")
	gone := func(b directory.Binding) directory.Binding { b.Ref = 0; return b }
	for _, tt := range []struct {
		in   []directory.Binding
		app  directory.App
		want string
	}{
		{nil, directory.App{}, "Open to every user."},
		{[]directory.Binding{staff}, directory.App{}, "Open to members of staff."},
		{[]directory.Binding{staff, admins}, directory.App{}, "Open to members of staff or admins."},
		{[]directory.Binding{jane, staff}, directory.App{}, "Open to members of staff, and to jane."},
		{
			[]directory.Binding{staff, negated(contractors), office},
			directory.App{},
			"Open to members of staff who are not contractors, only when office-net allows.",
		},
		{[]directory.Binding{negated(contractors), negated(joe)}, directory.App{}, "Open to every user except contractors and joe."},
		{[]directory.Binding{office, vpn}, directory.App{}, "Open to every user, only when office-net and vpn allow."},
		{[]directory.Binding{office, negated(vpn)}, directory.App{}, "Open to every user, only when office-net allows and vpn does not."},
		{[]directory.Binding{office, vpn}, directory.App{PolicyMode: directory.AnyPolicy}, "Open to every user, only when office-net or vpn allows."},
		{[]directory.Binding{office, gone(vpn)}, directory.App{PolicyMode: directory.AnyPolicy}, "Open to every user, only when office-net allows."},
		{
			[]directory.Binding{gone(office), disabled(vpn)},
			directory.App{PolicyMode: directory.AnyPolicy},
			"Closed to everybody: every policy of which one is to allow is deleted or disabled.",
		},
		{[]directory.Binding{office, negated(gone(vpn))}, directory.App{PolicyMode: directory.AnyPolicy}, "Closed to everybody: the policy vpn was deleted."},
		{[]directory.Binding{staff, gone(office)}, directory.App{}, "Closed to everybody: the policy office-net was deleted."},
		{[]directory.Binding{disabled(office)}, directory.App{}, "Open to every user."},
		{[]directory.Binding{gone(staff)}, directory.App{}, "Closed to everybody: the group staff was deleted."},
		{[]directory.Binding{disabled(staff)}, directory.App{}, "Closed to everybody: the binding to staff is disabled."},
		{[]directory.Binding{gone(staff), jane}, directory.App{}, "Open to jane."},
		{[]directory.Binding{negated(gone(staff))}, directory.App{}, "Open to every user."},
		{
			[]directory.Binding{staff},
			directory.App{Require: []directory.Factor{directory.FactorTOTP}},
			"Open to members of staff, with totp.",
		},
	} {
		if got := tt.app.Sentence(tt.in); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}
