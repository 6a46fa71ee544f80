package site

import (
	"fmt"
	"iter"

	"golang.org/x/text/cases"

	"gatehouse/directory"
)

// label is the source of the rows that site.yaml writes.
const label = "site"

// applier is one run of Apply inside its transaction.
type applier struct {
	w      *directory.Writer
	site   *Site
	hashes map[string]directory.PasswordHash
	prune  bool
	plan   Plan

	people   map[string]directory.UserID // by the name in the file
	touched  map[thing]bool              // what the plan creates or updates
	progress func(what string, done, all int) error
}

// thing is what a step is about.
type thing struct{ entity, name string }

func (a *applier) run() error {
	for _, step := range []func() error{
		a.serviceAccounts, a.users, a.groups, a.nestings, a.members, a.policies,
		a.apps, a.radiusClients, a.scimSources, a.surplus, a.settings,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) did(action, entity, name string) {
	if action != setPassword {
		a.touched[thing{entity, name}] = true
	}
	a.plan.Steps = append(a.plan.Steps, Step{Action: action, Entity: entity, Name: name})
}

// saved notes an upsert by the row's revisions before and after; 0 before: it
// was created.
func (a *applier) saved(entity, name string, before, after int64) {
	switch {
	case before == 0:
		a.did("create", entity, name)
	case before != after:
		a.did("update", entity, name)
	}
}

// updated notes an update once, whatever number of things changed.
func (a *applier) updated(entity, name string) {
	if !a.touched[thing{entity, name}] {
		a.did("update", entity, name)
	}
}

func (a *applier) at(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return a.site.text.at(fmt.Sprintf(format, args...), err)
}

// ifFound separates "there is none" from "could not look".
func ifFound(err error) (bool, error) {
	if directory.Is(err, directory.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// surplus finds what site.yaml made once and names no longer, in the lists that
// are present.
func (a *applier) surplus() error {
	var extra []deletion
	for _, find := range []func() ([]deletion, error){a.surplusPeople, a.surplusGroups, a.surplusConfig} {
		found, err := find()
		if err != nil {
			return err
		}
		extra = append(extra, found...)
	}
	for _, e := range extra {
		a.plan.Extra = append(a.plan.Extra, e.step)
		if !a.prune {
			continue
		}
		if err := e.delete(); err != nil {
			return fmt.Errorf("delete %s %s: %w", e.step.Entity, e.step.Name, err)
		}
		a.plan.Steps = append(a.plan.Steps, e.step)
	}
	if a.prune {
		a.plan.Extra = nil
	}
	return nil
}

// deletion is an object to be pruned.
type deletion struct {
	step   Step
	delete func() error
}

// listed returns the names in a list of the file; nil when the list is absent.
func listed[T any](list []T, name func(T) string) []string {
	if list == nil {
		return nil
	}
	return names(list, name)
}

// surplusOf finds the objects of one kind that site.yaml made and that are not
// listed. A nil list was absent: nothing is surplus then. of gives an object's
// source and name and how to delete it.
func surplusOf[T any](entity string, listed []string, have iter.Seq2[T, error], of func(T) (source, name string, del func() error)) ([]deletion, error) {
	if listed == nil {
		return nil, nil
	}
	fold := cases.Fold() // lower case would tell apart the two small sigmas of one name
	stay := make(map[string]bool, len(listed))
	for _, name := range listed {
		stay[fold.String(name)] = true
	}
	var out []deletion
	for x, err := range have {
		if err != nil {
			return nil, err
		}
		source, name, del := of(x)
		if source == label && !stay[fold.String(name)] {
			out = append(out, deletion{Step{"delete", entity, name}, del})
		}
	}
	return out, nil
}
