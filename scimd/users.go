package scimd

import (
	"errors"
	"net/http"
	"slices"

	"gatehouse/directory"
)

// person returns the user with the request's id. Service accounts are not
// resources here.
func (rq *request) person(r *directory.Reader) (directory.User, error) {
	u, err := r.UserByUID(rq.id)
	if err != nil && !directory.Is(err, directory.NotFound) {
		return u, err
	}
	if err != nil || u.Kind != directory.Person {
		return u, refuse(http.StatusNotFound, "there is no User %q", rq.id)
	}
	return u, nil
}

// externalIDs returns what the source calls users or groups, by row id.
func (rq *request) externalIDs(r *directory.Reader, kind string, refs ...int64) (map[int64]string, error) {
	out := make(map[int64]string, len(refs))
	for e, err := range r.ExternalIDs(directory.ExternalIDQuery{Kind: kind, Refs: refs}) {
		if err != nil {
			return nil, err
		}
		if e.Source == rq.source.label {
			out[e.Ref] = e.ExternalID
		}
	}
	return out, nil
}

// renderUsers renders users with what the source calls them, and with their
// groups when asked to.
func (rq *request) renderUsers(r *directory.Reader, users []directory.User, groups bool) ([]*object, error) {
	if len(users) == 0 {
		return nil, nil
	}
	refs := make([]int64, len(users))
	for i, u := range users {
		refs[i] = int64(u.ID)
	}
	ext, err := rq.externalIDs(r, "user", refs...)
	if err != nil {
		return nil, err
	}
	out := make([]*object, len(users))
	for i := range users {
		out[i] = rq.userObject(&users[i], ext[refs[i]])
		if !groups {
			continue
		}
		list, err := rq.groupsOf(r, users[i].ID)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			out[i].set("groups", list)
		}
	}
	return out, nil
}

// groupsOf renders the groups that a user is in now.
func (rq *request) groupsOf(r *directory.Reader, id directory.UserID) ([]any, error) {
	groups, err := r.GroupsOf(id)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	now := rq.now
	direct := map[directory.GroupID]bool{}
	for m, err := range r.Memberships(directory.MembershipQuery{Users: []directory.UserID{id}}) {
		if err != nil {
			return nil, err
		}
		if m.InForce(now) {
			direct[m.Group] = true
		}
	}
	out := make([]any, 0, len(groups))
	for _, g := range groups {
		kind := "indirect"
		if direct[g.ID] {
			kind = "direct"
		}
		out = append(out, newObject("value", g.UID, "$ref", rq.base+"/Groups/"+g.UID, "display", g.Name, "type", kind))
	}
	return out, nil
}

func (s *Server) getUser(rq *request) (a answer, err error) {
	err = s.directory.Read(rq.http.Context(), rq.source.actor, func(r *directory.Reader) error {
		u, err := rq.person(r)
		if err != nil {
			return err
		}
		a, err = rq.showUser(r, u)
		return err
	})
	return a, err
}

func (rq *request) showUser(r *directory.Reader, u directory.User) (answer, error) {
	list, err := rq.renderUsers(r, []directory.User{u}, rq.params.fields.wants("groups"))
	if err != nil {
		return answer{}, err
	}
	return rq.show(list[0], versionOf(u.Rev, list[0].str("externalId"))), nil
}

func (s *Server) createUser(rq *request) (a answer, err error) {
	cs, err := rq.compileBody()
	if err != nil {
		return a, err
	}
	hash, err := s.hashPassword(rq, cs)
	if err != nil {
		return a, err
	}
	o := &object{}
	if err := cs.apply(rq.source.user, rq.source.profile, o); err != nil {
		return a, err
	}
	if o.str("userName") == "" {
		return a, badRequest(errInvalidValue, "userName is required")
	}
	draft := directory.User{}
	rq.source.mapping.writeUser(&object{}, o, &draft)
	if o.get("active") == false {
		draft.Status = directory.Disabled
	}
	_, err = s.directory.Write(rq.http.Context(), rq.source.actor, func(w *directory.Writer) error {
		u, err := w.CreateUser(draft)
		if err != nil {
			return err
		}
		if err := finishUser(w, u.ID, &object{}, o, hash); err != nil {
			return err
		}
		if u, err = w.User(u.ID); err != nil {
			return err
		}
		a, err = rq.showUser(w.Reader, u)
		a.status = http.StatusCreated
		return err
	})
	if directory.Is(err, directory.Exists) {
		err = s.nameOwner(rq, draft.Username, err)
	}
	return a, err
}

// nameOwner adds to err, which says that a value is taken, who has the name when
// the core did not say it: the client looks for that id.
func (s *Server) nameOwner(rq *request, username string, err error) error {
	var e *directory.Error
	key, keyErr := usernameKey(username)
	if !errors.As(err, &e) || e.Ref != "" || keyErr != nil {
		return err
	}
	readErr := s.directory.Read(rq.http.Context(), rq.source.actor, func(r *directory.Reader) error {
		for u, err := range r.BareUsers(directory.UserQuery{NameKeys: []string{key}}) {
			if err != nil {
				return err
			}
			e = &directory.Error{Kind: directory.Exists, Entity: "user", Field: "username", Ref: u.UID, Msg: username + " is already in use"}
		}
		return nil
	})
	if readErr != nil {
		return readErr
	}
	return e
}

// finishUser writes what is not in the user's row: what the source calls the
// user, the password and the Unix number. hash is nil when there is none.
func finishUser(w *directory.Writer, id directory.UserID, before, after *object, hash *directory.PasswordHash) error {
	if ext := after.str("externalId"); ext != before.str("externalId") {
		if err := w.SetExternalID("user", int64(id), ext); err != nil {
			return err
		}
	}
	if hash != nil {
		return w.SetPassword(id, *hash)
	}
	return nil
}

func (s *Server) patchUser(rq *request) (answer, error) {
	cs, err := rq.compilePatchBody()
	if err != nil {
		return answer{}, err
	}
	return s.updateUser(rq, cs, (*object).clone)
}

func (s *Server) replaceUser(rq *request) (answer, error) {
	cs, err := rq.compileBody()
	if err != nil {
		return answer{}, err
	}
	if !cs.touches("userName") {
		return answer{}, badRequest(errInvalidValue, "userName is required")
	}
	return s.updateUser(rq, cs, func(before *object) *object { return unwritable(rq.source.user, before) })
}

// unwritable returns what a replacement leaves in place: attributes that the
// source cannot write, and active, whose absence disables and enables nobody
// (RFC 7644 §3.5.1).
func unwritable(rt *resourceType, before *object) *object {
	keep := func(attrs []attribute, o *object) *object {
		out := &object{}
		for _, m := range o.members {
			a := findAttribute(attrs, m.name)
			if a != nil && (a.mutability == mutReadOnly || a.name == "active") {
				out.members = append(out.members, member{m.name, cloneValue(m.value)})
			}
		}
		return out
	}
	out := keep(slices.Concat(rt.common, rt.core.attrs), before)
	for _, s := range rt.extensions {
		if ext, ok := before.get(s.urn).(*object); ok {
			if kept := keep(s.attrs, ext); len(kept.members) > 0 {
				out.set(s.urn, kept)
			}
		}
	}
	return out
}

// updateUser applies a change set to what start makes of the user as it is.
func (s *Server) updateUser(rq *request, cs *changeSet, start func(*object) *object) (a answer, err error) {
	hash, err := s.hashPassword(rq, cs)
	if err != nil {
		return a, err
	}
	_, err = s.directory.Write(rq.http.Context(), rq.source.actor, func(w *directory.Writer) error {
		u, err := rq.person(w.Reader)
		if err != nil {
			return err
		}
		list, err := rq.renderUsers(w.Reader, []directory.User{u}, false)
		if err != nil {
			return err
		}
		before := list[0]
		if err := rq.ifMatch(versionOf(u.Rev, before.str("externalId"))); err != nil {
			return err
		}
		after := start(before)
		if err := cs.apply(rq.source.user, rq.source.profile, after); err != nil {
			return err
		}
		if err := rq.saveUser(w, u.ID, before, after); err != nil {
			return err
		}
		if err := finishUser(w, u.ID, before, after, hash); err != nil {
			return err
		}
		if u, err = w.User(u.ID); err != nil {
			return err
		}
		a, err = rq.showUser(w.Reader, u)
		return err
	})
	return a, err
}

// saveUser brings the directory from before to after. What is the same in both
// is not written.
func (rq *request) saveUser(w *directory.Writer, id directory.UserID, before, after *object) error {
	if after.str("userName") == "" {
		return badRequest(errInvalidValue, "userName is required")
	}
	_, err := w.UpdateUser(id, func(u *directory.User) error {
		rq.source.mapping.writeUser(before, after, u)
		return nil
	})
	if err != nil {
		return err
	}
	switch active := after.get("active"); {
	case active == nil || active == before.get("active"):
	case active == true:
		_, err = w.EnableUser(id, false)
	default:
		_, err = w.DisableUser(id, "active is false")
	}
	return err
}

func (s *Server) deleteUser(rq *request) (answer, error) {
	_, err := s.directory.Write(rq.http.Context(), rq.source.actor, func(w *directory.Writer) error {
		u, err := rq.person(w.Reader)
		if err != nil {
			return err
		}
		ext, err := rq.externalIDs(w.Reader, "user", int64(u.ID))
		if err != nil {
			return err
		}
		if err := rq.ifMatch(versionOf(u.Rev, ext[int64(u.ID)])); err != nil {
			return err
		}
		return w.DeleteUser(u.ID)
	})
	return answer{status: http.StatusNoContent}, err
}
