package policy

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Verdict is what a rule says. The zero value opens nothing.
type Verdict int

// The verdicts.
const (
	// Undecided: the answer depends on a value that is absent, or the evaluation
	// failed. Its negation is Undecided too.
	Undecided Verdict = iota
	False
	True
)

// Result is the answer of an evaluation.
type Result struct {
	Verdict Verdict
	Problem string // with Undecided: why
}

// Program is a compiled rule. It is safe for concurrent use.
type Program struct {
	rule    string
	env     *cel.Env
	types   *typeSet
	shown   *celast.AST // as it was written
	planned *celast.AST // with the literals read
	reads   Reads
	fast    cel.Program

	tracking sync.Once
	tracked  cel.Program // built when somebody asks why
	failed   error
}

// Eval evaluates the rule.
func (p *Program) Eval(in *Input) Result {
	out, _, err := p.fast.Eval(p.activation(in))
	return resultOf(out, err)
}

func resultOf(out ref.Val, err error) Result {
	if err != nil {
		return Result{Problem: problem(err)}
	}
	switch out {
	case types.True:
		return Result{Verdict: True}
	case types.False:
		return Result{Verdict: False}
	default:
		return Result{Problem: "the rule yields neither true nor false"}
	}
}

// problem says why an evaluation has no answer.
func problem(err error) string {
	var missing absent
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &missing):
		return missing.Error()
	case errors.As(err, &cancelled):
		return "the rule is too costly on these values"
	default:
		return err.Error()
	}
}

// activation gives a rule its variables.
type activation struct{ user, request, geo, session value }

func (p *Program) activation(in *Input) *activation {
	t := p.types
	return &activation{user: value{t.user, in}, request: value{t.request, in}, geo: value{t.geo, in}, session: value{t.session, in}}
}

// typeSet holds the types of the variables.
type typeSet struct{ user, request, geo, session *types.Type }

func newTypeSet() *typeSet {
	return &typeSet{
		user: types.NewObjectType(userType), request: types.NewObjectType(requestType),
		geo: types.NewObjectType(geoType), session: types.NewObjectType(sessionType),
	}
}

// ResolveName finds a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case userType:
		return &a.user, true
	case requestType:
		return &a.request, true
	case geoType:
		return &a.geo, true
	case sessionType:
		return &a.session, true
	default:
		return nil, false
	}
}

// Parent is nil: there is no other scope.
func (a *activation) Parent() interpreter.Activation { return nil }

// Reads are the values that a rule may read, as it writes them, sorted:
// "geo.country", "request.ip", "user.attributes.department". What a rule reads of
// a variable as a whole is the variable's name alone.
type Reads []string

// Reads returns what the rule may read.
func (p *Program) Reads() Reads { return p.reads }

// Any reports whether a value with one of these names, or below one, is read.
func (r Reads) Any(names ...string) bool {
	return slices.ContainsFunc(r, func(read string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return read == n || strings.HasPrefix(read, n+".") || strings.HasPrefix(n, read+".")
		})
	})
}

// Attributes returns the keys of the attributes that are read; all: any may be.
func (r Reads) Attributes() (keys []string, all bool) {
	const prefix = userType + "." + attributesType
	for _, read := range r {
		if key, ok := strings.CutPrefix(read, prefix+"."); ok {
			keys = append(keys, key)
		}
		all = all || read == prefix || read == userType
	}
	return keys, all
}

// readsOf collects the longest chains of names that start at a variable. It is
// called before the literals are read.
func readsOf(root celast.Expr) Reads {
	found := map[string]bool{}
	var visit func(e celast.Expr)
	visit = func(e celast.Expr) {
		if path, ok := pathIn(e); ok {
			found[path] = true
			return
		}
		if e.Kind() == celast.CallKind {
			if path, args, ok := readBy(e.AsCall()); ok {
				found[path] = true
				for _, a := range args {
					visit(a)
				}
				return
			}
		}
		for _, child := range children(e) {
			visit(child)
		}
	}
	visit(root)
	out := make(Reads, 0, len(found))
	for path := range found {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// readBy returns what a function of user reads.
func readBy(call celast.CallExpr) (path string, args []celast.Expr, ok bool) {
	if !call.IsMemberFunction() || call.Target().Kind() != celast.IdentKind || call.Target().AsIdent() != userType {
		return "", nil, false
	}
	switch call.FunctionName() {
	case fnInGroup:
		return userType + ".groups", call.Args(), true
	case fnHasFactor:
		return sessionType + ".factors", call.Args(), true
	case fnValues:
		if key, ok := literal(call.Args()[0]); ok {
			return userType + "." + attributesType + "." + key, nil, true
		}
		return userType + "." + attributesType, call.Args(), true
	default:
		return "", nil, false
	}
}

// pathIn returns the name of a value when e is one.
func pathIn(e celast.Expr) (string, bool) {
	switch e.Kind() {
	case celast.IdentKind:
		name := e.AsIdent()
		return name, name == userType || name == requestType || name == geoType || name == sessionType
	case celast.SelectKind:
		path, ok := pathIn(e.AsSelect().Operand())
		return path + "." + e.AsSelect().FieldName(), ok
	default:
		return "", false
	}
}

// children returns the expressions directly inside e.
func children(e celast.Expr) []celast.Expr {
	switch e.Kind() {
	case celast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			return append([]celast.Expr{call.Target()}, call.Args()...)
		}
		return call.Args()
	case celast.SelectKind:
		return []celast.Expr{e.AsSelect().Operand()}
	case celast.ListKind:
		return e.AsList().Elements()
	case celast.MapKind:
		var out []celast.Expr
		for _, entry := range e.AsMap().Entries() {
			out = append(out, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return out
	case celast.StructKind:
		var out []celast.Expr
		for _, entry := range e.AsStruct().Fields() {
			out = append(out, entry.AsStructField().Value())
		}
		return out
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		return []celast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	default:
		return nil
	}
}
