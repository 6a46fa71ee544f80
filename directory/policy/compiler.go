package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// The bounds of a rule.
const (
	// MaxRule is the longest rule, in bytes.
	MaxRule = 16 << 10
	// maxNodes bounds the expressions of a rule, after its macros were expanded.
	maxNodes = 2_000
	// maxDepth bounds how deep they are nested.
	maxDepth = 50
	// maxLoops bounds the loops (exists, all, filter …) of a rule; each is looked
	// through again for every one around and beside it.
	maxLoops = 30
	// maxNested bounds how many of them are inside each other.
	maxNested = 2
	// maxRegex bounds the program of a regular expression.
	maxRegex = 1_000
	// costLimit stops an evaluation.
	costLimit = 100_000
)

// Compiler compiles rules. It is safe for concurrent use.
type Compiler struct {
	env   *cel.Env
	types *typeSet
	words Vocabulary
}

// New makes a compiler.
func New(v Vocabulary) (*Compiler, error) {
	if v.GroupKey == nil {
		v.GroupKey = func(name string) (string, error) { return name, nil }
	}
	provider, err := newProvider(v)
	if err != nil {
		return nil, fmt.Errorf("prepare the types of rules: %w", err)
	}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(provider),
		cel.ParserRecursionLimit(maxDepth), cel.ParserExpressionSizeLimit(MaxRule), cel.ParserErrorRecoveryLimit(4),
		cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxRegex),
		cel.EnableMacroCallTracking(), cel.DefaultUTCTimeZone(true),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(maxNested)),
	}
	options = append(options, variables()...)
	options = append(options, functions()...)
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("prepare the language of rules: %w", err)
	}
	return &Compiler{env: env, types: newTypeSet(), words: v}, nil
}

// Compile reads a rule and checks its types. The error is an *Error: the rule's
// first mistake.
func (c *Compiler) Compile(rule string) (*Program, error) {
	switch {
	case strings.TrimSpace(rule) == "":
		return nil, &Error{Line: 1, Column: 1, Message: "the rule is empty"}
	case len(rule) > MaxRule:
		return nil, &Error{Line: 1, Column: 1, Message: fmt.Sprintf("the rule is longer than %d bytes", MaxRule)}
	case loops(rule) > maxLoops:
		return nil, &Error{Line: 1, Column: 1, Message: fmt.Sprintf("the rule has more than %d loops", maxLoops)}
	case !utf8.ValidString(rule) || strings.ContainsRune(rule, 0):
		return nil, &Error{Line: 1, Column: 1, Message: "the rule is not text in UTF-8"}
	}
	parsed, issues := c.env.Parse(renameIn(rule, "in", memberIn))
	if err := firstIssue(rule, issues); err != nil {
		return nil, err
	}
	attributesByName(parsed.NativeRep())
	checked, issues := c.env.Check(parsed)
	if err := firstIssue(rule, issues); err != nil {
		return nil, err
	}
	at := func(e celast.Expr) int {
		l := checked.NativeRep().SourceInfo().GetStartLocation(e.ID())
		return offsetOf(rule, l.Line(), l.Column())
	}
	root := checked.NativeRep().Expr()
	if !checked.OutputType().IsExactType(types.BoolType) {
		return nil, mistake(rule, at(root), "a rule must yield true or false, and this yields %s", typeName(checked.OutputType()))
	}
	p := &Program{rule: rule, env: c.env, types: c.types, shown: celast.Copy(checked.NativeRep())}
	p.reads = readsOf(root)
	r := &reader{words: c.words}
	celast.PostOrderVisit(root, celast.NewExprVisitor(r.visit))
	if r.err != nil {
		return nil, mistake(rule, at(r.at), "%v", r.err)
	}
	p.planned = checked.NativeRep()
	var err error
	if p.fast, err = c.env.PlanProgram(p.planned, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize)); err != nil {
		return nil, &Error{Line: 1, Column: 1, Message: "the rule cannot be evaluated: " + err.Error()}
	}
	return p, nil
}

// firstIssue turns what CEL complains about first into an Error.
func firstIssue(rule string, issues *cel.Issues) error {
	if issues == nil || issues.Err() == nil {
		return nil
	}
	found := issues.Errors()
	if len(found) == 0 {
		return &Error{Line: 1, Column: 1, Message: issues.Err().Error()}
	}
	first := found[0]
	for _, e := range found[1:] {
		if e.Location.Line() < first.Location.Line() || e.Location.Line() == first.Location.Line() && e.Location.Column() < first.Location.Column() {
			first = e
		}
	}
	return mistake(rule, offsetOf(rule, first.Location.Line(), first.Location.Column()), "%s", plainMessage(first.Message))
}

// plainMessage takes from CEL's messages what only CEL's developers understand.
func plainMessage(m string) string {
	m = strings.ReplaceAll(m, " (in container '')", "")
	m = strings.ReplaceAll(m, "'"+memberIn+"'", "'in'")
	m = strings.TrimPrefix(m, "Syntax error: ")
	head, _, syntax := strings.Cut(m, " expecting ")
	_, token, _ := strings.Cut(head, " input ")
	switch {
	case syntax && strings.Contains(head, "<EOF>"):
		return "the rule ends where it should go on"
	case syntax && token != "":
		return token + " is not expected here"
	}
	if operator, ok := strings.CutPrefix(m, "found no matching overload for '_"); ok {
		if name, types, ok := strings.Cut(operator, "_' applied to '("); ok {
			m = name + " does not take " + strings.ReplaceAll(strings.TrimSuffix(types, ")'"), ", ", " and ")
		}
	}
	return strings.ToLower(m[:min(len(m), 1)]) + m[min(len(m), 1):]
}

// typeName names a type for people.
func typeName(t *types.Type) string {
	if t.Kind() == types.StructKind || t.Kind() == types.OpaqueKind {
		return "the whole " + t.TypeName()
	}
	return "a " + t.String()
}

// offsetOf returns the byte offset of a line (from 1) and column (from 0, in
// characters).
func offsetOf(rule string, line, column int) int {
	offset := 0
	for range line - 1 {
		n := strings.IndexByte(rule[offset:], '\n')
		if n < 0 {
			return len(rule)
		}
		offset += n + 1
	}
	for range column {
		_, size := utf8.DecodeRuneInString(rule[offset:])
		offset += size
	}
	return offset
}

// attributesByName lets user.attributes["cost-center"] be what
// user.attributes.cost_center would be, with its type.
func attributesByName(a *celast.AST) {
	fac := celast.NewExprFactory()
	celast.PostOrderVisit(a.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.CallKind || e.AsCall().FunctionName() != operators.Index {
			return
		}
		args := e.AsCall().Args()
		if key, ok := literal(args[1]); ok && isAttributes(args[0]) {
			e.SetKindCase(fac.NewSelect(e.ID(), args[0], key))
		}
	}))
}

// isAttributes reports whether e is user.attributes.
func isAttributes(e celast.Expr) bool {
	if e.Kind() != celast.SelectKind || e.AsSelect().FieldName() != attributesType || e.AsSelect().IsTestOnly() {
		return false
	}
	of := e.AsSelect().Operand()
	return of.Kind() == celast.IdentKind && of.AsIdent() == userType
}

// literal returns the text of a string literal.
func literal(e celast.Expr) (string, bool) {
	if e.Kind() != celast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// literals returns the texts of a string literal or of a list of them.
func literals(e celast.Expr) ([]string, bool) {
	if s, ok := literal(e); ok {
		return []string{s}, true
	}
	if e.Kind() != celast.ListKind {
		return nil, false
	}
	var out []string
	for _, el := range e.AsList().Elements() {
		s, ok := literal(el)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}
