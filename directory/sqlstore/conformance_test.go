package sqlstore_test

import (
	"testing"

	"gatehouse/directory/directorytest"
)

func TestConformanceSQLite(t *testing.T) {
	directorytest.Conformance(t, directorytest.OpenSQLite)
}

func TestConformancePostgres(t *testing.T) {
	directorytest.Conformance(t, directorytest.OpenPostgres)
}
