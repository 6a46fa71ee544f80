// Package serve runs daemons: each alone in a process, or all four in one. It
// is the only place that wires the configuration, the core and the protocol
// servers together; the commands and the tests start the same wiring.
package serve
