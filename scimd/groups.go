package scimd

import (
	"net/http"

	"gatehouse/directory"
	"gatehouse/scimd/filter"
)

func (rq *request) group(r *directory.Reader) (directory.Group, error) {
	g, err := r.GroupByUID(rq.id)
	if directory.Is(err, directory.NotFound) {
		err = refuse(http.StatusNotFound, "there is no Group %q", rq.id)
	}
	return g, err
}

// renderGroups renders groups with what the source calls them, and with their
// members when asked to.
func (rq *request) renderGroups(r *directory.Reader, groups []directory.Group, members bool) ([]*object, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	refs := make([]int64, len(groups))
	for i, g := range groups {
		refs[i] = int64(g.ID)
	}
	ext, err := rq.externalIDs(r, "group", refs...)
	if err != nil {
		return nil, err
	}
	out := make([]*object, len(groups))
	for i := range groups {
		g := &groups[i]
		out[i] = newObject("schemas", []any{urnGroup}, "id", g.UID, "externalId", ext[refs[i]], "displayName", g.Name)
		if members {
			list, err := rq.membersOf(r, g.ID)
			if err != nil {
				return nil, err
			}
			if len(list) > 0 {
				out[i].set("members", list)
			}
		}
		out[i].set("meta", rq.meta(rq.source.group, g.UID, g.Created, g.Updated, versionOf(g.Rev, ext[refs[i]])))
	}
	return out, nil
}

// memberChunk is how many members are looked up at once.
const memberChunk = 500

// membersOf renders who is in a group now, users first.
func (rq *request) membersOf(r *directory.Reader, id directory.GroupID) ([]any, error) {
	var users []directory.UserID
	for m, err := range r.Memberships(directory.MembershipQuery{Groups: []directory.GroupID{id}}) {
		if err != nil {
			return nil, err
		}
		// Rows are ordered by user: those of several sources stand together.
		if m.InForce(rq.now) && (len(users) == 0 || users[len(users)-1] != m.User) {
			users = append(users, m.User)
		}
	}
	out := make([]any, 0, len(users))
	for len(users) > 0 {
		n := min(memberChunk, len(users))
		for u, err := range r.BareUsers(directory.UserQuery{IDs: users[:n]}) {
			if err != nil {
				return nil, err
			}
			out = append(out, newObject("value", u.UID, "$ref", rq.base+"/Users/"+u.UID, "display", u.DisplayName(), "type", "User"))
		}
		users = users[n:]
	}
	children := []directory.GroupID{}
	for n, err := range r.Nestings(directory.NestingQuery{Parents: []directory.GroupID{id}}) {
		if err != nil {
			return nil, err
		}
		if n.InForce(rq.now) && (len(children) == 0 || children[len(children)-1] != n.Child) {
			children = append(children, n.Child)
		}
	}
	if len(children) == 0 {
		return out, nil
	}
	for g, err := range r.BareGroups(directory.GroupQuery{IDs: children}) {
		if err != nil {
			return nil, err
		}
		out = append(out, newObject("value", g.UID, "$ref", rq.base+"/Groups/"+g.UID, "display", g.Name, "type", "Group"))
	}
	return out, nil
}

func (rq *request) showGroup(r *directory.Reader, g directory.Group) (answer, error) {
	list, err := rq.renderGroups(r, []directory.Group{g}, rq.params.fields.wants("members"))
	if err != nil {
		return answer{}, err
	}
	return rq.show(list[0], versionOf(g.Rev, list[0].str("externalId"))), nil
}

func (s *Server) getGroup(rq *request) (a answer, err error) {
	err = s.directory.Read(rq.http.Context(), rq.source.actor, func(r *directory.Reader) error {
		g, err := rq.group(r)
		if err != nil {
			return err
		}
		a, err = rq.showGroup(r, g)
		return err
	})
	return a, err
}

func (s *Server) createGroup(rq *request) (a answer, err error) {
	cs, err := rq.compileBody()
	if err != nil {
		return a, err
	}
	o := &object{}
	if err := cs.apply(rq.source.group, rq.source.profile, o); err != nil {
		return a, err
	}
	if o.str("displayName") == "" {
		return a, badRequest(errInvalidValue, "displayName is required")
	}
	_, err = s.directory.Write(rq.http.Context(), rq.source.actor, func(w *directory.Writer) error {
		g, err := w.CreateGroup(directory.Group{Name: o.str("displayName")})
		if err != nil {
			return err
		}
		if ext := o.str("externalId"); ext != "" {
			if err := w.SetExternalID("group", int64(g.ID), ext); err != nil {
				return err
			}
		}
		if err := writeMembers(w, g.ID, cs.members); err != nil {
			return err
		}
		if g, err = w.Group(g.ID); err != nil {
			return err
		}
		a, err = rq.showGroup(w.Reader, g)
		a.status = http.StatusCreated
		return err
	})
	return a, err
}

func (s *Server) patchGroup(rq *request) (answer, error) {
	cs, err := rq.compilePatchBody()
	if err != nil {
		return answer{}, err
	}
	a, err := s.updateGroup(rq, cs, rq.params.fields.limited)
	if err == nil && !rq.params.fields.limited {
		// RFC 7644 §3.5.2: 204 unless attributes were asked for. Nobody wants
		// ten thousand members back for having added one.
		a = answer{status: http.StatusNoContent, version: a.version}
	}
	return a, err
}

func (s *Server) replaceGroup(rq *request) (answer, error) {
	cs, err := rq.compileBody()
	if err != nil {
		return answer{}, err
	}
	if !cs.touches("displayName") {
		return answer{}, badRequest(errInvalidValue, "displayName is required")
	}
	if !cs.touches("externalId") {
		// RFC 7644 §3.5.1: what a replacement does not have is cleared. Absent
		// members are left alone: losing everybody must be said out loud.
		t, _ := rq.source.group.resolve(filter.AttrPath{Name: "externalId"})
		cs.changes = append(cs.changes, change{verb: verbRemove, at: t})
	}
	return s.updateGroup(rq, cs, true)
}

// updateGroup applies a change set to a group; show says that the group is
// wanted back.
func (s *Server) updateGroup(rq *request, cs *changeSet, show bool) (a answer, err error) {
	_, err = s.directory.Write(rq.http.Context(), rq.source.actor, func(w *directory.Writer) error {
		g, err := rq.group(w.Reader)
		if err != nil {
			return err
		}
		list, err := rq.renderGroups(w.Reader, []directory.Group{g}, false)
		if err != nil {
			return err
		}
		before := list[0]
		if err := rq.ifMatch(versionOf(g.Rev, before.str("externalId"))); err != nil {
			return err
		}
		after := before.clone()
		if err := cs.apply(rq.source.group, rq.source.profile, after); err != nil {
			return err
		}
		if err := saveGroup(w, g.ID, before, after); err != nil {
			return err
		}
		if err := writeMembers(w, g.ID, cs.members); err != nil {
			return err
		}
		if g, err = w.Group(g.ID); err != nil {
			return err
		}
		if !show {
			a = answer{version: versionOf(g.Rev, after.str("externalId"))}
			return nil
		}
		a, err = rq.showGroup(w.Reader, g)
		return err
	})
	return a, err
}

// saveGroup brings the group's own attributes from before to after.
func saveGroup(w *directory.Writer, id directory.GroupID, before, after *object) error {
	if after.str("displayName") == "" {
		return badRequest(errInvalidValue, "displayName is required")
	}
	name, external := after.str("displayName"), after.str("externalId")
	if name == before.str("displayName") && external == before.str("externalId") {
		return nil // whoever may only fill the group may send its name along
	}
	if _, err := w.UpdateGroup(id, func(g *directory.Group) error { g.Name = name; return nil }); err != nil {
		return err
	}
	if external == before.str("externalId") {
		return nil
	}
	return w.SetExternalID("group", int64(id), external)
}

func (s *Server) deleteGroup(rq *request) (answer, error) {
	_, err := s.directory.Write(rq.http.Context(), rq.source.actor, func(w *directory.Writer) error {
		g, err := rq.group(w.Reader)
		if err != nil {
			return err
		}
		ext, err := rq.externalIDs(w.Reader, "group", int64(g.ID))
		if err != nil {
			return err
		}
		if err := rq.ifMatch(versionOf(g.Rev, ext[int64(g.ID)])); err != nil {
			return err
		}
		// The bindings of a deleted group stay and match nobody: an app that
		// was bound to it is closed, not open.
		return w.DeleteGroup(g.ID, true)
	})
	return answer{status: http.StatusNoContent}, err
}
