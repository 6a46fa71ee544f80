package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const environPrefix = "GATEHOUSE_"

// override applies GATEHOUSE_SECTION__KEY=value variables; a list is separated
// by commas and empty is off. A variable with "__" that names no key is an
// error; one without is somebody else's unless it names a key.
func (d *document) override(environ []string) {
	d.fromEnviron = map[string]string{}
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		variable, value, _ := strings.Cut(pair, "=")
		name, ok := strings.CutPrefix(variable, environPrefix)
		if !ok {
			continue
		}
		key := strings.ToLower(strings.ReplaceAll(name, "__", "."))
		field, ok := lookup(reflect.ValueOf(&d.config).Elem(), key)
		if !ok {
			if strings.Contains(name, "__") {
				d.problem(variable, "there is no key %s", key)
			}
			continue
		}
		d.fromEnviron[key] = variable
		d.set(field, key, value)
	}
}

func (d *document) set(field reflect.Value, key, value string) {
	switch field.Kind() {
	case reflect.String:
		field.SetString(value)
	case reflect.Slice:
		if field.Type().Elem().Kind() != reflect.String {
			d.problem(key, "must be in the file")
			return
		}
		list := []string{}
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		field.Set(reflect.ValueOf(list))
	case reflect.Bool:
		if value != "true" && value != "false" {
			d.problem(key, "must be true or false")
			return
		}
		field.SetBool(value == "true")
	default:
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			d.problem(key, "must be a whole number")
			return
		}
		field.SetUint(n)
	}
}

// lookup finds the field of a dotted key; a section is not a key.
func lookup(section reflect.Value, key string) (reflect.Value, bool) {
	name, rest, nested := strings.Cut(key, ".")
	for _, f := range fieldsOf(section.Type()) {
		if keyOf(f) != name || nested != (f.Type.Kind() == reflect.Struct) {
			continue
		}
		if nested {
			return lookup(section.FieldByIndex(f.Index), rest)
		}
		return section.FieldByIndex(f.Index), true
	}
	return reflect.Value{}, false
}
