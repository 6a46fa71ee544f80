package scimd

import (
	"errors"
	"io"
	"net/http"

	"gatehouse/directory"
)

// body reads the JSON object of a request.
func (rq *request) body() (*object, error) {
	b, err := io.ReadAll(rq.http.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, badRequest(errInvalidSyntax, "the body could not be read")
	}
	o, err := decodeObject(b)
	if err != nil {
		return nil, badRequest(errInvalidSyntax, "%v", err)
	}
	return o, nil
}

// compileBody reads the body of POST or PUT.
func (rq *request) compileBody() (*changeSet, error) {
	o, err := rq.body()
	if err != nil {
		return nil, err
	}
	return compileResource(rq.resourceType(), rq.source.profile, o)
}

// compilePatchBody reads the body of PATCH.
func (rq *request) compilePatchBody() (*changeSet, error) {
	o, err := rq.body()
	if err != nil {
		return nil, err
	}
	return compilePatch(rq.resourceType(), rq.source.profile, o)
}

// takePassword removes the password from a change set, so that it never stands
// in a resource, and returns the last one that was set.
func (cs *changeSet) takePassword() (directory.Secret, error) {
	var password directory.Secret
	kept := cs.changes[:0]
	for _, c := range cs.changes {
		if c.at.attr.mutability != mutWriteOnly {
			kept = append(kept, c)
			continue
		}
		s, ok := c.value.(string)
		if !ok {
			return "", badRequest(errMutability, "a password can be replaced, not removed")
		}
		password = directory.Secret(s)
	}
	cs.changes = kept
	return password, nil
}

// hashPassword hashes the password of a change set, before any transaction.
func (s *Server) hashPassword(rq *request, cs *changeSet) (*directory.PasswordHash, error) {
	password, err := cs.takePassword()
	if err != nil || password == "" {
		return nil, err
	}
	h, err := s.directory.HashPassword(rq.http.Context(), password)
	if err != nil {
		return nil, err
	}
	return &h, nil
}
