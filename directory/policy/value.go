package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// plain is what every value of ours has in common: CEL does nothing with it but
// hand it to our functions.
type plain struct{}

// ConvertToNative converts nothing.
func (plain) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("a rule's value is no %s", t)
}

// ConvertToType converts nothing.
func (plain) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("cannot become a %s", t.TypeName())
}

// value is a variable, or an object inside one: a view of the Input.
type value struct {
	typ *types.Type
	in  *Input
}

// ConvertToNative converts nothing.
func (v *value) ConvertToNative(t reflect.Type) (any, error) { return plain{}.ConvertToNative(t) }

// ConvertToType converts nothing.
func (v *value) ConvertToType(t ref.Type) ref.Val { return plain{}.ConvertToType(t) }

// Equal compares the type: there is one value of each.
func (v *value) Equal(other ref.Val) ref.Val {
	o, ok := other.(*value)
	return types.Bool(ok && o.typ.TypeName() == v.typ.TypeName())
}

// Type returns the type's name.
func (v *value) Type() ref.Type { return v.typ }

// Value returns the value itself.
func (v *value) Value() any { return v }

// ip is an address.
type ip struct{ netip.Addr }

// ConvertToNative converts nothing.
func (a ip) ConvertToNative(t reflect.Type) (any, error) { return plain{}.ConvertToNative(t) }

// ConvertToType converts to text.
func (a ip) ConvertToType(t ref.Type) ref.Val {
	if t == types.StringType {
		return types.String(a.String())
	}
	return plain{}.ConvertToType(t)
}

// Equal compares addresses.
func (a ip) Equal(other ref.Val) ref.Val {
	o, ok := other.(ip)
	return types.Bool(ok && o.Addr == a.Addr)
}

// Type returns "ip".
func (a ip) Type() ref.Type { return types.NewOpaqueType(ipType) }

// Value returns the netip.Addr.
func (a ip) Value() any { return a.Addr }

// prepared is an argument that was read when the rule was compiled: networks, a
// span of the day, a group's key.
type prepared[T any] struct {
	plain
	is T
}

// Equal is not asked of an argument.
func (p prepared[T]) Equal(ref.Val) ref.Val { return types.False }

// Type returns the type of the literal that it stands for.
func (p prepared[T]) Type() ref.Type { return types.StringType }

// Value returns what was read.
func (p prepared[T]) Value() any { return p.is }

// networks are prefixes.
type networks []netip.Prefix

func parseNetworks(texts []string) (networks, error) {
	out := make(networks, 0, len(texts))
	for _, s := range texts {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			a = a.Unmap()
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", s)
		case p != p.Masked():
			return nil, fmt.Errorf("%q has bits set after /%d; did you mean %s?", s, p.Bits(), p.Masked())
		case p.Addr().Is4In6():
			return nil, fmt.Errorf("%q: write an IPv4 network as one", s)
		}
		out = append(out, p)
	}
	return out, nil
}

func (n networks) contains(a netip.Addr) bool {
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// span is a part of the day, from (included) until (excluded), on the clocks of
// a time zone; from after until goes past midnight. With days it counts when it
// began on one of them.
type span struct {
	from, until time.Duration // since midnight
	zone        *time.Location
	days        [7]bool // by time.Weekday
}

func (s *span) contains(t time.Time) bool {
	local := t.In(s.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	today := local.Weekday()
	if s.from < s.until {
		return clock >= s.from && clock < s.until && s.days[today]
	}
	yesterday := (today + 6) % 7
	return clock >= s.from && s.days[today] || clock < s.until && s.days[yesterday]
}

// parseClock reads "08:30" or "24:00".
func parseClock(s string) (time.Duration, error) {
	var hour, minute int
	if len(s) != 5 || s[2] != ':' || strings.ContainsFunc(s[:2]+s[3:], func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, fmt.Errorf("%q is not a time such as 08:30", s)
	}
	hour, minute = int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if minute > 59 || hour > 24 || hour == 24 && minute > 0 {
		return 0, fmt.Errorf("%q is not a time of the day", s)
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, nil
}

// dayNames are the names of days, in the order of time.Weekday.
func dayNames() [7]string { return [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// parseSpan reads the arguments of between; no days are all days.
func parseSpan(from, until, zone string, days []string) (*span, error) {
	var s span
	var err error
	if s.from, err = parseClock(from); err != nil {
		return nil, err
	}
	if s.until, err = parseClock(until); err != nil {
		return nil, err
	}
	if s.from == s.until || s.from == 24*time.Hour {
		return nil, fmt.Errorf("from %q until %q is no time at all", from, until)
	}
	if s.zone, err = parseZone(zone); err != nil {
		return nil, err
	}
	names := dayNames()
	for _, d := range days {
		i := 0
		for i < 7 && names[i] != d {
			i++
		}
		if i == 7 {
			return nil, fmt.Errorf("%q is not one of %s", d, strings.Join(names[:], ", "))
		}
		s.days[i] = true
	}
	if len(days) == 0 {
		s.days = [7]bool{true, true, true, true, true, true, true}
	}
	return &s, nil
}

// parseZone accepts a name of the IANA database. "Local" would mean another time
// on every machine.
func parseZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, fmt.Errorf("%q is not a time zone such as Europe/Zurich", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone such as Europe/Zurich", name)
	}
	return zone, nil
}
