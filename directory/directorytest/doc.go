// Package directorytest holds what the tests of Gatehouse share: stores on both
// engines in a temporary place, the suite that a directory.Store must pass, a
// clock that stands still, and the people that tests are about.
//
// There are no mocks: OpenSQLite and OpenPostgres give the real thing. A machine
// without PostgreSQL fails the tests that need it, it does not skip them.
package directorytest
