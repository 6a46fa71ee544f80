package filter

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	scim2 "github.com/scim2/filter-parser/v2"
)

// TestOracle parses generated filters with an independent parser as well and
// compares the trees. The other parser overflows the stack on deep input and
// cannot read an escaped quote or a value filter behind
// not or of more than two terms, so none is generated.
func TestOracle(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for range 3000 {
		want := g.expr(3, true)
		text := want.String()
		ours, err := Parse(text, Options{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		theirs, err := scim2.ParseFilterNumber([]byte(text))
		if err != nil {
			t.Fatalf("%s: the oracle says %v", text, err)
		}
		if d := cmp.Diff(fromOracle(t, theirs), ours); d != "" {
			t.Fatalf("%s\n-oracle +ours:\n%s", text, d)
		}
	}
}

func TestOraclePaths(t *testing.T) {
	for _, in := range []string{
		"members", "name.familyName", `addresses[type eq "work"]`, `emails[type eq "work" and value ew "example.com"].value`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
		"urn:ietf:params:scim:schemas:core:2.0:User:userName",
	} {
		ours, err := ParsePath(in, Options{})
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := scim2.ParsePathNumber([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		want := Path{Attr: attrFromOracle(theirs.AttributePath), Sub: theirs.SubAttributeName()}
		if theirs.ValueExpression != nil {
			want.Filter = fromOracle(t, theirs.ValueExpression)
		}
		if d := cmp.Diff(want, ours); d != "" {
			t.Errorf("%s\n-oracle +ours:\n%s", in, d)
		}
	}
}

func attrFromOracle(p scim2.AttributePath) AttrPath {
	return AttrPath{URN: p.URI(), Name: p.AttributeName, Sub: p.SubAttributeName()}
}

func fromOracle(t *testing.T, e scim2.Expression) Expr {
	t.Helper()
	switch e := e.(type) {
	case *scim2.LogicalExpression:
		left, right := fromOracle(t, e.Left), fromOracle(t, e.Right)
		if e.Operator == scim2.AND {
			return And{conjoin(conjoin(nil, left), right)}
		}
		var terms []Expr
		for _, x := range []Expr{left, right} {
			if or, ok := x.(Or); ok {
				terms = append(terms, or.Terms...)
			} else {
				terms = append(terms, x)
			}
		}
		return Or{terms}
	case *scim2.NotExpression:
		return Not{fromOracle(t, e.Expression)}
	case *scim2.ValuePath:
		return ValuePath{AttrPath{URN: e.AttributePath.URI(), Name: e.AttributePath.AttributeName}, fromOracle(t, e.ValueFilter)}
	case *scim2.AttributeExpression:
		path := attrFromOracle(e.AttributePath)
		op, ok := operator(string(e.Operator))
		if !ok {
			return Present{path}
		}
		return Compare{path, op, literalFromOracle(e.CompareValue)}
	}
	t.Fatalf("the oracle made a %T", e)
	return nil
}

func literalFromOracle(v any) Literal {
	switch v := v.(type) {
	case nil:
		return Literal{Null, "null"}
	case bool:
		return Literal{Bool, fmt.Sprint(v)}
	case json.Number:
		return Literal{Number, v.String()}
	default:
		return Literal{String, fmt.Sprint(v)}
	}
}

type generator struct{ *rand.Rand }

func (g generator) expr(depth int, brackets bool) Expr {
	kind := g.IntN(6)
	if depth == 0 {
		kind = 3 + g.IntN(2)
	}
	switch {
	case kind == 0:
		var terms []Expr
		for range 2 + g.IntN(2) {
			terms = conjoin(terms, g.expr(depth-1, brackets))
		}
		return And{terms}
	case kind == 1:
		terms := []Expr{}
		for len(terms) < 2 {
			if x := g.expr(depth-1, brackets); !isOr(x) {
				terms = append(terms, x)
			}
		}
		return Or{terms}
	case kind == 2:
		return Not{g.expr(depth-1, false)}
	case kind == 5 && brackets:
		return ValuePath{AttrPath{Name: g.word()}, And{[]Expr{g.expr(0, false), g.expr(0, false)}}}
	case kind == 3:
		return Present{g.attr(brackets)}
	}
	literals := []Literal{{Null, "null"}, {Bool, "true"}, {Bool, "false"}, {Number, "42"}, {Number, "-1.5"}, {String, ""}, {String, "a b) or ("}, {String, "zürich"}}
	return Compare{g.attr(brackets), Op(g.IntN(int(Le) + 1)), literals[g.IntN(len(literals))]}
}

func isOr(e Expr) bool { _, ok := e.(Or); return ok }

func (g generator) word() string {
	return []string{"userName", "emails", "type", "x-y_1", "meta"}[g.IntN(5)]
}

func (g generator) attr(urn bool) AttrPath {
	p := AttrPath{Name: g.word()}
	if urn && g.IntN(4) == 0 {
		p.URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	}
	if urn && g.IntN(3) == 0 {
		p.Sub = g.word()
	}
	return p
}
