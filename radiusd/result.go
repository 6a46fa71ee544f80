package radiusd

import "gatehouse/directory"

// rendering is what the NAS gets to see of an error.
type rendering int

const (
	silence rendering = iota // no answer: the NAS asks another server
	reject                   // Access-Reject
)

// render is the one mapping of the kinds of failure to RADIUS. What could not be
// decided is silence, so that the NAS fails over instead of telling a person
// that a right password was wrong.
func render(k directory.Kind) rendering {
	switch k {
	case directory.Invalid, directory.NotFound, directory.Denied:
		return reject
	case directory.Exists, directory.Stale, directory.Throttled, directory.Unavailable, directory.Internal:
		return silence
	}
	return silence
}
