// Package daemon is the frame that every Gatehouse process runs in: signals,
// an ordered end, health and metrics over HTTP, the service manager, logging.
//
// The caller builds its parts and hands them over in stages. The parts of a
// stage run together; a later stage needs the earlier ones. The end goes the
// other way: the last stage is told first, and the next only when all its
// parts have returned, so that what the doors still write finds its store.
//
// /healthz says that the process is alive, /readyz that every part can do its
// work, /metrics is for Prometheus. They are meant for a loopback or
// management address: there is no authentication.
package daemon
