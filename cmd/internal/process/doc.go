// Package process is what every Gatehouse process does around its doors: it
// opens their sockets, the core and the server certificate, builds them and runs
// them in the frame of internal/daemon. A door is a protocol server and its
// wiring (cmd/internal/door); a process has one of them or all four, and links
// only those it has.
package process
