package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ldapMillion puts the questions of LDAP to ldapd with a very large directory,
// the one that projection has loaded or its like.
func (r *runner) ldapMillion(ctx context.Context) (err error) {
	if r.loaded == nil {
		if r.crowd, err = newCrowd(r.million); err != nil {
			return err
		}
		if r.loaded, err = r.foundCrowd(ctx, "million", "", r.crowd); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "  writing the store")
		if err := r.crowd.load(ctx, r.loaded, ""); err != nil {
			return err
		}
	}
	s, err := serveLDAP(ctx, r.loaded)
	if err != nil {
		return err
	}
	questions := ldapQuestions(r.match)
	lines, err := r.askDirectory(ctx, s, r.crowd.people, questions)
	if err = errors.Join(err, s.stop()); err != nil {
		return err
	}
	for i, q := range questions {
		lines[i].server = strings.TrimPrefix(q.title, "LDAP: ")
	}
	r.table.add(section{
		title: "LDAP: a very large directory", first: "question", lines: lines,
		note: fmt.Sprintf("The questions of the sections above, put to ldapd with %d people, %d groups and %d memberships on SQLite.", r.crowd.count, r.crowd.groups, r.crowd.count*teams),
	})
	return nil
}
