package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// The names of the functions.
const (
	fnInGroup   = "in_group"
	fnHasFactor = "has_factor"
	fnValues    = "values"
	fnBetween   = "between"
)

// functions declare and implement what rules may call beside CEL's own. Their
// arguments are literals, which reader.prepare has read; a value that is not
// prepared is an error, and the rule Undecided.
func functions() []cel.EnvOption {
	user, address := types.NewObjectType(userType), types.NewOpaqueType(ipType)
	texts := types.NewListType(types.StringType)
	member := func(name string, args []*types.Type, result *types.Type, do func(args ...ref.Val) ref.Val) cel.FunctionOpt {
		return cel.MemberOverload(name, args, result, cel.FunctionBinding(do))
	}
	return []cel.EnvOption{
		cel.Function(fnInGroup, decls.DisableTypeGuards(true),
			member("user_in_group", []*types.Type{user, types.StringType}, types.BoolType, inGroup)),
		cel.Function(fnHasFactor, decls.DisableTypeGuards(true),
			member("user_has_factor", []*types.Type{user, types.StringType}, types.BoolType, hasFactor)),
		cel.Function(fnValues, decls.DisableTypeGuards(true),
			member("user_values", []*types.Type{user, types.StringType}, texts, values)),
		cel.Function(memberIn, decls.DisableTypeGuards(true),
			member("ip_in_network", []*types.Type{address, types.StringType}, types.BoolType, ipIn),
			member("ip_in_networks", []*types.Type{address, texts}, types.BoolType, ipIn)),
		cel.Function(fnBetween, decls.DisableTypeGuards(true),
			member("time_between", []*types.Type{types.TimestampType, types.StringType, types.StringType, types.StringType}, types.BoolType, between),
			member("time_between_days", []*types.Type{types.TimestampType, types.StringType, types.StringType, types.StringType, texts}, types.BoolType, between)),
	}
}

func inGroup(args ...ref.Val) ref.Val {
	user, ok1 := args[0].(*value)
	key, ok2 := args[1].(prepared[string])
	if !ok1 || !ok2 {
		return types.NoSuchOverloadErr()
	}
	return types.Bool(user.in.User.Person.InGroup(key.is))
}

func hasFactor(args ...ref.Val) ref.Val {
	user, ok1 := args[0].(*value)
	name, ok2 := args[1].(prepared[string])
	if !ok1 || !ok2 {
		return types.NoSuchOverloadErr()
	}
	return types.Bool(slices.Contains(user.in.Session.Counted, name.is))
}

func values(args ...ref.Val) ref.Val {
	user, ok1 := args[0].(*value)
	key, ok2 := args[1].(prepared[string])
	if !ok1 || !ok2 {
		return types.NoSuchOverloadErr()
	}
	all := user.in.User.Person.Attribute(key.is)
	if len(all) == 0 {
		return types.WrapErr(absent{name: userType + "." + attributesType + "." + key.is})
	}
	return types.NewStringList(types.DefaultTypeAdapter, all)
}

func ipIn(args ...ref.Val) ref.Val {
	address, ok1 := args[0].(ip)
	nets, ok2 := args[1].(prepared[networks])
	if !ok1 || !ok2 {
		return types.NoSuchOverloadErr()
	}
	return types.Bool(nets.is.contains(address.Addr))
}

func between(args ...ref.Val) ref.Val {
	at, ok1 := args[0].(types.Timestamp)
	during, ok2 := args[1].(prepared[*span])
	if !ok1 || !ok2 {
		return types.NoSuchOverloadErr()
	}
	return types.Bool(during.is.contains(at.Time))
}

// reader reads the literals that functions are called with, and puts what they
// mean in their place.
type reader struct {
	words Vocabulary
	err   error
	at    celast.Expr // what is wrong; nil: the call
}

// visit looks at one expression, unless a mistake was found before.
func (r *reader) visit(e celast.Expr) {
	if r.err != nil {
		return
	}
	if r.err = r.prepare(e); r.err != nil && r.at == nil {
		r.at = e
	}
}

// prepare reads the arguments of one call.
func (r *reader) prepare(e celast.Expr) error {
	switch e.Kind() {
	case celast.StructKind:
		return errors.New("a rule cannot make a " + e.AsStruct().TypeName())
	case celast.CallKind:
		return r.call(e.AsCall())
	default:
		return nil
	}
}

func (r *reader) call(call celast.CallExpr) error {
	args := call.Args()
	switch call.FunctionName() {
	case "dyn":
		return errors.New("dyn() would hide a type from the check")
	case fnInGroup:
		return r.put(args[0], func(texts []string) (ref.Val, error) {
			key, err := r.words.GroupKey(texts[0])
			return prepared[string]{is: key}, err
		})
	case fnHasFactor:
		return r.put(args[0], func(texts []string) (ref.Val, error) {
			return prepared[string]{is: texts[0]}, r.words.checkFactor(texts[0])
		})
	case fnValues:
		return r.put(args[0], func(texts []string) (ref.Val, error) { return prepared[string]{is: texts[0]}, nil })
	case memberIn:
		return r.put(args[0], func(texts []string) (ref.Val, error) {
			n, err := parseNetworks(texts)
			return prepared[networks]{is: n}, err
		})
	case fnBetween:
		return r.between(args)
	default:
		return nil
	}
}

// put replaces a literal by what read makes of it.
func (r *reader) put(e celast.Expr, read func([]string) (ref.Val, error)) error {
	r.at = e
	texts, ok := literals(e)
	if !ok {
		return errors.New("this must be written out in the rule, in quotes")
	}
	v, err := read(texts)
	if err != nil {
		return err
	}
	e.SetKindCase(celast.NewExprFactory().NewLiteral(e.ID(), v))
	r.at = nil
	return nil
}

func (r *reader) between(args []celast.Expr) error {
	var given []string
	for _, a := range args[:3] {
		r.at = a
		s, ok := literal(a)
		if !ok {
			return errors.New("this must be written out in the rule, in quotes")
		}
		given = append(given, s)
	}
	var days []string
	if len(args) == 4 {
		r.at = args[3]
		var ok bool
		if days, ok = literals(args[3]); !ok || len(days) == 0 {
			return errors.New(`this must be a list of days, such as ["mon", "tue"]`)
		}
	}
	// Each argument by itself, so that the caret is under the one that is wrong.
	for i, check := range []func() error{
		func() error { _, err := parseClock(given[0]); return err },
		func() error { _, err := parseClock(given[1]); return err },
		func() error { _, err := parseZone(given[2]); return err },
	} {
		r.at = args[i]
		if err := check(); err != nil {
			return err
		}
	}
	r.at = args[len(args)-1]
	s, err := parseSpan(given[0], given[1], given[2], days)
	if err != nil {
		return err
	}
	args[0].SetKindCase(celast.NewExprFactory().NewLiteral(args[0].ID(), prepared[*span]{is: s}))
	r.at = nil
	return nil
}

func (v *Vocabulary) checkFactor(name string) error {
	if !slices.Contains(v.Factors, name) {
		return fmt.Errorf("%q is not one of %s", name, strings.Join(v.Factors, ", "))
	}
	return nil
}
