package sqlstore_test

import (
	"os"
	"testing"

	"gatehouse/directory/directorytest"
)

func TestMain(m *testing.M) { os.Exit(directorytest.Main(m)) }

func TestConformanceSQLite(t *testing.T) {
	directorytest.Conformance(t, directorytest.OpenSQLite)
}

func TestConformancePostgres(t *testing.T) {
	directorytest.Conformance(t, directorytest.OpenPostgres)
}

func TestProcessesSQLite(t *testing.T) {
	directorytest.Processes(t, directorytest.SQLiteConfig(t))
}

func TestProcessesPostgres(t *testing.T) {
	directorytest.Processes(t, directorytest.PostgresConfig(t))
}
