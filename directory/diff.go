package directory

import (
	"encoding/json"
	"reflect"
	"slices"
)

// diff is one changed attribute in an audit event.
type diff struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

// diffs are the changed attributes of an audit event, by name.
type diffs map[string]diff

// value adds an attribute that differs.
func (d diffs) value(name string, before, after any) {
	if !reflect.DeepEqual(before, after) {
		d[name] = diff{before, after}
	}
}

// config adds the members that differ of two configurations, which hold no
// secrets: those are in columns of their own.
func (d diffs) config(before, after []byte) {
	var old, now map[string]any
	if len(before) > 0 && json.Unmarshal(before, &old) != nil || len(after) > 0 && json.Unmarshal(after, &now) != nil {
		d.value("config", "unreadable", "unreadable too") // it is our own
		return
	}
	for name, v := range old {
		d.value(name, v, now[name])
	}
	for name, v := range now {
		d.value(name, old[name], v)
	}
}

// secret says that a secret was set, and nothing of it.
func (d diffs) secret(name string, changed bool) {
	if changed {
		d[name] = diff{Before: maskedSecret, After: maskedSecret}
	}
}

const maskedSecret = "[redacted]"

// bindingLabels says in words what is bound, in order.
func bindingLabels(bindings []Binding) []string {
	labels := make([]string, len(bindings))
	for i, b := range bindings {
		labels[i] = b.label()
		if b.Negate {
			labels[i] = "not " + labels[i]
		}
		if b.Disabled {
			labels[i] += " (disabled)"
		}
	}
	return labels
}

// diffAttributes adds the changed keys of two sets of attributes to out.
func diffAttributes(out map[string]diff, before, after Attributes) {
	for k, v := range before {
		if !slices.Equal(v, after[k]) {
			out[k] = diff{Before: v, After: after[k]}
		}
	}
	for k, v := range after {
		if _, ok := before[k]; !ok {
			out[k] = diff{After: v}
		}
	}
}
