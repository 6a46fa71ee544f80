package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"
)

// Step is a part of a rule with the value it had.
type Step struct {
	Text  string // as the rule writes it
	Value string // "true", "\"staff\"", "unknown: request.ip is not known here"
}

// Explanation is an evaluation with every part that was evaluated.
type Explanation struct {
	Result
	// Decided is the part that made the answer what it is: the operand of && that
	// is false, the operand of || that is true, and so on down.
	Decided Step
	// Steps are all parts that have a value and are more than a literal, from the
	// outside in and in the order of the rule. Parts that the evaluation did not come to are absent.
	Steps []Step
}

// Explain evaluates the rule and keeps the value of every part. It costs many
// times what Eval does.
func (p *Program) Explain(in *Input) Explanation {
	p.tracking.Do(func() {
		p.tracked, p.failed = p.env.PlanProgram(p.planned, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptTrackState))
	})
	if p.failed != nil {
		return Explanation{Result: Result{Problem: p.failed.Error()}}
	}
	out, details, err := p.tracked.Eval(p.activation(in))
	t := &trace{shown: p.shown, value: func(int64) (ref.Val, bool) { return nil, false }}
	if details != nil && details.State() != nil {
		t.value = details.State().Value
	}
	root := p.shown.Expr()
	e := Explanation{Result: resultOf(out, err)}
	e.Decided = t.step(t.decided(root))
	if e.Verdict == Undecided {
		e.Decided.Value = "unknown: " + e.Problem
	}
	t.collect(root, &e.Steps)
	return e
}

// Why says in one line what decided: the part, its value, and the values that
// this part reads.
func (e *Explanation) Why() string {
	if e.Verdict == Undecided {
		return e.Problem
	}
	s := e.Decided.Text + " is " + e.Decided.Value
	var read []string
	for _, step := range e.Steps {
		// A name inside the part is a value that it was computed from.
		if step.Text != e.Decided.Text && strings.Contains(e.Decided.Text, step.Text) && isName(step.Text) {
			read = append(read, step.Text+" = "+step.Value)
		}
	}
	slices.Sort(read)
	if read = slices.Compact(read); len(read) > 0 {
		s += "; " + strings.Join(read, ", ")
	}
	return s
}

func isName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// trace is one evaluation with its values.
type trace struct {
	shown *celast.AST
	value func(id int64) (ref.Val, bool)
}

// decided walks from a part to the part inside that decided its value.
func (t *trace) decided(e celast.Expr) celast.Expr {
	if e.Kind() != celast.CallKind {
		return e
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		return t.first(e, types.False)
	case operators.LogicalOr:
		return t.first(e, types.True)
	case operators.LogicalNot:
		return t.decided(call.Args()[0])
	case operators.Conditional:
		if v, ok := t.value(call.Args()[0].ID()); ok {
			switch v {
			case types.True:
				return t.decided(call.Args()[1])
			case types.False:
				return t.decided(call.Args()[2])
			}
			return t.decided(call.Args()[0])
		}
		return e
	default:
		return e
	}
}

// first walks on to the first operand with the value that decides by itself, or
// to the first that is unknown. An && of truths, and an || of falsehoods, is decided by all of them.
func (t *trace) first(e celast.Expr, decisive ref.Val) celast.Expr {
	v, ok := t.value(e.ID())
	if !ok || v != decisive && !types.IsError(v) {
		return e
	}
	for _, arg := range e.AsCall().Args() {
		if have, ok := t.value(arg.ID()); ok && (have == v || types.IsError(have) && types.IsError(v)) {
			return t.decided(arg)
		}
	}
	return e
}

func (t *trace) step(e celast.Expr) Step {
	s := Step{Text: cut(t.text(e))}
	if v, ok := t.value(e.ID()); ok {
		s.Value = show(v)
	}
	return s
}

// collect appends the parts of e that have a value. A loop is one part: inside,
// only its last round would be seen.
func (t *trace) collect(e celast.Expr, to *[]Step) {
	if e.Kind() == celast.LiteralKind || e.Kind() == celast.ListKind {
		return
	}
	s := t.step(e)
	if s.Value != "" && s.Text != "" {
		*to = append(*to, s)
	}
	if e.Kind() == celast.ComprehensionKind {
		t.collect(e.AsComprehension().IterRange(), to)
		return
	}
	for _, child := range children(e) {
		t.collect(child, to)
	}
}

// maxShownPart is the longest text and the longest value of a Step, in characters.
const maxShownPart = 300

// text writes a part as the rule would.
func (t *trace) text(e celast.Expr) string {
	s, err := parser.Unparse(e, t.shown.SourceInfo(), parser.WrapOnColumn(MaxRule))
	if err != nil {
		return ""
	}
	return renameIn(s, memberIn, "in")
}

// show writes a value as a rule would.
func show(v ref.Val) string {
	var s string
	switch v := v.(type) {
	case *types.Err:
		return "unknown: " + problem(v)
	case types.String:
		s = fmt.Sprintf("%q", string(v))
	case types.Timestamp:
		s = v.UTC().Format("2006-01-02T15:04:05Z")
	case ip:
		s = v.String()
	case *value:
		return "" // its fields are shown
	default:
		s = fmt.Sprint(v.Value())
	}
	return cut(s)
}

// cut shortens what is too long to show.
func cut(s string) string {
	if r := []rune(s); len(r) > maxShownPart {
		return string(r[:maxShownPart]) + "…"
	}
	return s
}
