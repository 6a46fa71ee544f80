package directory

const (
	foldAbove = 10   // identical failures a second
	foldMost  = 4096 // kinds of failure that are counted in a second; more are kept as they are
)

// failure is what makes failures identical. Strangers' names are not part of it:
// a list of names is tried as fast as one.
type failure struct {
	actor, verb, via, ip, app string
	ref                       int64
	reason                    Reason
}

// folder makes counted events of identical failures above ten a second. What it
// folds is written with the same commit, so no count waits to be lost.
type folder struct {
	second int64 // that seen is of
	seen   map[failure]int
}

// fold returns the events of a batch, in order. A counted event is the first of
// those that it stands for.
func (f *folder) fold(items []auditItem) []Event {
	events := make([]Event, 0, len(items))
	var first map[failure]int // of this batch: where the counted event is
	for i := range items {
		e := &items[i].event
		if e.Outcome != string(Deny) || !f.above(e) {
			events = append(events, *e)
			continue
		}
		k := failureOf(e)
		if at, ok := first[k]; ok {
			events[at].Count += e.Count
			continue
		}
		if first == nil {
			first = map[failure]int{}
		}
		first[k] = len(events)
		events = append(events, *e)
	}
	return events
}

// above counts a failure and reports whether there were more than ten like it in
// its second.
func (f *folder) above(e *Event) bool {
	if now := e.At.Unix(); now != f.second {
		f.second = now
		clear(f.seen)
	}
	k := failureOf(e)
	n, known := f.seen[k]
	if !known && len(f.seen) >= foldMost {
		return false
	}
	f.seen[k] = n + 1
	return n >= foldAbove
}

func failureOf(e *Event) failure {
	return failure{e.Actor, e.Verb, e.Via, e.IP, e.App, e.Ref, e.Reason}
}
