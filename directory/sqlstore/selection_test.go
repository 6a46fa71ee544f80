package sqlstore

import (
	"regexp"
	"testing"

	"gatehouse/directory"
)

// TestStatementsKeepTheirPlan: SQLite plans a statement again at each use when
// the plan may depend on a parameter, which costs more than most reads. A limit
// and the condition of a partial index are such.
func TestStatementsKeepTheirPlan(t *testing.T) {
	volatile := regexp.MustCompile(`(LIMIT|OFFSET) \$|\bkind = \$`)
	for _, q := range []directory.UserQuery{
		{Logins: []string{"alice"}, Limit: 500},
		{Kind: directory.Person, Logins: []string{"alice"}},
		{Kind: directory.ServiceAccount, Logins: []string{"app"}},
		{Kind: directory.AnyKind, IDs: []directory.UserID{7}, Limit: 10, Offset: 20},
	} {
		c := &conn{d: sqliteDialect("")}
		table := usersTable(c)
		if text := table.findText(table.selection(&q), ""); volatile.MatchString(text) {
			t.Errorf("%+v: %s", q, text)
		}
	}
}
