package policy_test

import (
	"testing"

	"gatehouse/directory/policy"
)

func TestReady(t *testing.T) {
	office := policy.Hours{From: "08:00", To: "18:00", Zone: "Europe/Zurich", Days: []string{"mon", "tue"}}
	for _, tt := range []struct {
		name string
		in   policy.Ready
		rule string
		want policy.Verdict
	}{
		{"one group", policy.Ready{Groups: []string{"staff"}}, `user.in_group("staff")`, yes},
		{"two groups", policy.Ready{Groups: []string{"guests", `sta"ff\`}}, `(user.in_group("guests") || user.in_group("sta\"ff\\"))`, no},
		{
			"places",
			policy.Ready{Networks: []string{"10.0.0.0/8", "fd00::/8"}, Countries: []string{"CH"}},
			`(request.ip.in(["10.0.0.0/8", "fd00::/8"]) || geo.country in ["CH"])`, yes,
		},
		{"a country and a private address", policy.Ready{Countries: []string{"CH", "LI"}}, `geo.country in ["CH", "LI"]`, unknown},
		{"hours", policy.Ready{Hours: policy.Times{office}}, `request.time.between("08:00", "18:00", "Europe/Zurich", ["mon", "tue"])`, yes},
		{
			"everything",
			policy.Ready{
				Groups: []string{"staff"}, Networks: []string{"10.0.0.0/8"}, Hours: policy.Times{office, {From: "20:00", To: "21:00", Zone: "UTC"}},
				Factors: []string{"password", "totp"}, UserAgent: []string{"Linux", "Firefox"},
			},
			`user.in_group("staff") && request.ip.in(["10.0.0.0/8"]) && (request.time.between("08:00", "18:00", "Europe/Zurich", ["mon", "tue"]) || ` +
				`request.time.between("20:00", "21:00", "UTC")) && user.has_factor("password") && user.has_factor("totp") && ` +
				`request.user_agent.contains("Linux") && request.user_agent.contains("Firefox")`, no, // no code was shown
		},
	} {
		c := compiler(t)
		rule, err := c.Write(tt.in)
		if err != nil || rule != tt.rule {
			t.Errorf("%s: %s, %v", tt.name, rule, err)
			continue
		}
		if got := compile(t, rule).Eval(alice()); got.Verdict != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestReadyRefuses(t *testing.T) {
	for _, tt := range []struct {
		in   policy.Ready
		want string
	}{
		{policy.Ready{Networks: []string{"10.0.0.1/8"}}, `networks: "10.0.0.1/8" has bits set after /8; did you mean 10.0.0.0/8?`},
		{policy.Ready{Countries: []string{"ch"}}, `countries: "ch" is not two capital letters, such as CH`},
		{policy.Ready{Hours: policy.Times{{From: "8", To: "9", Zone: "UTC"}}}, `hours: "8" is not a time such as 08:30`},
		{policy.Ready{Hours: policy.Times{{From: "08:00", To: "09:00"}}}, `hours: "" is not a time zone such as Europe/Zurich`},
		{policy.Ready{Factors: []string{"sms"}}, `factors: "sms" is not one of password, totp, passkey`},
		{policy.Ready{UserAgent: []string{""}}, `user_agent: an empty text is in every name`},
	} {
		if _, err := compiler(t).Write(tt.in); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: %v, want %s", tt.in, err, tt.want)
		}
	}
}
