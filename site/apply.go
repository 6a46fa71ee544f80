package site

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"gatehouse/directory"

	"golang.org/x/sync/errgroup"
)

// Options say how to apply.
type Options struct {
	DryRun bool            // plan only
	Prune  bool            // delete what site.yaml made and no longer names
	Actor  directory.Actor // an operator; Via is set to "site"

	// Progress is told what is being worked on, and how much of it is done of how
	// much, before each piece; nil: nobody is.
	Progress func(what string, done, all int)
}

// progress tells how far it is, and whether there is still anybody who waits.
func (o *Options) progress(ctx context.Context, what string, done, all int) error {
	if o.Progress != nil {
		o.Progress(what, done, all)
	}
	return ctx.Err()
}

// Step is one thing that Apply does.
type Step struct {
	Action string // "create", "update", "set password", "delete"
	Entity string // "user", "group" …
	Name   string
}

// String says the step in words.
func (s Step) String() string {
	if s.Action == setPassword {
		return fmt.Sprintf("set the password of %s %s", s.Entity, s.Name)
	}
	return fmt.Sprintf("%s %s %s", s.Action, s.Entity, s.Name)
}

const setPassword = "set password"

// Plan is what Apply did, or would do, in order. An empty plan: all is as the
// file says.
type Plan struct {
	Steps []Step
	Extra []Step // what site.yaml once made and no longer names; deleted only with Prune

	Warnings []string // what the steps break, or may surprise, in words
}

var errDryRun = errors.New("dry run")

// Apply brings the directory in line with the file, in one transaction. With
// DryRun nothing is kept. The error names the place in the file; nothing of the
// file has then been applied.
func Apply(ctx context.Context, d *directory.Directory, s *Site, o Options) (Plan, error) {
	o.Actor.Kind, o.Actor.Via = directory.ActorOperator, "site"
	if err := s.check(); err != nil {
		return Plan{}, err
	}
	hashes, err := s.hash(ctx, d, &o)
	if err != nil {
		return Plan{}, err
	}
	var a *applier
	_, err = d.Write(ctx, o.Actor, func(w *directory.Writer) error {
		a = &applier{
			w: w, site: s, hashes: hashes, prune: o.Prune, people: map[string]directory.UserID{}, touched: map[thing]bool{},
			progress: func(what string, done, all int) error { return o.progress(ctx, what, done, all) },
		}
		if err := a.run(); err != nil {
			return err
		}
		if o.DryRun {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		err = nil
	}
	if err != nil {
		return Plan{}, err
	}
	return a.plan, nil
}

// hash computes the hashes of the passwords that will be set, before the
// transaction and on all cores.
func (s *Site) hash(ctx context.Context, d *directory.Directory, o *Options) (map[string]directory.PasswordHash, error) {
	type job struct{ key, place, password string }
	var jobs []job
	err := d.Read(ctx, directory.System("site"), func(r *directory.Reader) error {
		jobs = nil
		for i, u := range s.Users {
			if u.Password == nil {
				continue
			}
			needed, err := needsPassword(r, directory.Person, u.Username, u.ResetPassword)
			if err != nil {
				return err
			}
			if needed {
				jobs = append(jobs, job{personKey(u.Username), fmt.Sprintf("$.users[%d].password", i), *u.Password})
			}
		}
		for i, sa := range s.ServiceAccounts {
			if sa.Password == nil {
				continue
			}
			needed, err := needsPassword(r, directory.ServiceAccount, sa.Name, sa.ResetPassword)
			if err != nil {
				return err
			}
			if needed {
				jobs = append(jobs, job{serviceKey(sa.Name), fmt.Sprintf("$.service_accounts[%d].password", i), *sa.Password})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	hashes := make([]directory.PasswordHash, len(jobs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, j := range jobs {
		if err := o.progress(ctx, "passwords", i, len(jobs)); err != nil {
			break // g says why
		}
		g.Go(func() (err error) {
			hashes[i], err = d.HashPassword(ctx, directory.Secret(j.password))
			return s.text.at(j.place, err)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make(map[string]directory.PasswordHash, len(jobs))
	for i, j := range jobs {
		out[j.key] = hashes[i]
	}
	return out, nil
}

func personKey(username string) string { return "user " + strings.ToLower(username) }
func serviceKey(name string) string    { return "service " + strings.ToLower(name) }

// needsPassword reports whether an account will be created, or told to reset.
func needsPassword(r *directory.Reader, kind directory.UserKind, name string, reset bool) (bool, error) {
	_, err := r.UserByName(kind, name)
	if directory.Is(err, directory.NotFound) {
		return true, nil
	}
	return reset, err
}

// at turns an error of the directory into a Problem at a place. What is not the
// file's fault (the store is away) stays as it is.
func (t *text) at(place string, err error) error {
	var p *Problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	switch directory.KindOf(err) {
	case directory.Invalid, directory.NotFound, directory.Exists, directory.Denied:
		out := t.problem(place, "%s", directory.Message(err))
		out.Err = err
		return out
	case directory.Internal, directory.Stale, directory.Throttled, directory.Unavailable:
		return err
	default:
		return err
	}
}

// check finds what is wrong with the file by itself: names given twice, and
// bindings that bind nothing.
func (s *Site) check() error {
	for _, list := range []struct {
		key   string
		names []string
	}{
		{"users", names(s.Users, func(u User) string { return u.Username })},
		{"groups", names(s.Groups, func(g Group) string { return g.Name })},
		{"service_accounts", names(s.ServiceAccounts, func(a ServiceAccount) string { return a.Name })},
		{"policies", names(s.Policies, func(p Policy) string { return p.Name })},
		{"apps", names(s.Apps, func(a App) string { return a.Slug })},
		{"radius_clients", names(s.RADIUSClients, func(c RADIUSClient) string { return c.Name })},
		{"scim_sources", names(s.SCIMSources, func(c SCIMSource) string { return c.Name })},
	} {
		seen := map[string]int{}
		for i, n := range list.names {
			place := "$." + list.key + "[" + strconv.Itoa(i) + "]"
			key := strings.ToLower(n)
			if first, twice := seen[key]; twice {
				return s.text.problem(place, "%q is in %s twice; it is also number %d", n, list.key, first+1)
			}
			if n == "" {
				return s.text.problem(place, "an entry of %s has no name", list.key)
			}
			seen[key] = i
		}
	}
	return nil
}

func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = name(v)
	}
	return out
}
