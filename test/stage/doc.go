// Package stage builds the Gatehouse binaries and runs them, together with a
// private PostgreSQL cluster, as separate processes on loopback ports of their
// own. The acceptance tests and the benchmarks share it.
//
// Everything it starts is stopped by process id and dies with the process that
// started it. It knows the contract that an administrator knows (configuration
// keys, command lines, health addresses) and imports no package of the product.
package stage
