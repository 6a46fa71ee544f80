package ldapd

import (
	"fmt"
	"time"

	"gatehouse/ldapd/projection"
)

// monitorDN is where this server says how it is. There is no standard for it; the name is that of other servers.
const monitorDN = "cn=monitor"

// monitor returns the entry of now. Its values are sentences for people; numbers to watch are metrics.
func (s *Server) monitor() *staticEntry {
	st := s.c.Index.Stats()
	s.mu.Lock()
	open := len(s.open)
	s.mu.Unlock()
	return &staticEntry{dn: monitorDN, key: monitorDN, attrs: []staticAttr{
		{name: "objectClass", values: []string{"top", "applicationProcess"}},
		{name: "cn", values: []string{"monitor"}},
		{name: "description", values: []string{
			served(&st),
			fmt.Sprintf("%d people, %d service accounts, %d groups, %d memberships", st.Users, st.Services, st.Groups, st.Members),
			fmt.Sprintf("%d octets of memory for entries and indexes", st.Bytes),
			fmt.Sprintf("%d open connections", open),
		}},
		{name: "entryDN", values: []string{monitorDN}, operational: true},
		{name: "structuralObjectClass", values: []string{"applicationProcess"}, operational: true},
		{name: "subschemaSubentry", values: []string{subschemaDN}, operational: true},
	}}
}

// served says of when the answers are.
func served(st *projection.Stats) string {
	switch {
	case !st.Ready:
		return "nothing is served yet: the directory is being loaded"
	case !st.StaleSince.IsZero():
		// The last complete truth goes on being served; binds are answered with unavailable.
		return fmt.Sprintf("the core is lost since %s, serving generation %d as of change %d",
			st.StaleSince.UTC().Format(time.RFC3339), st.Head.Epoch, st.Head.Seq)
	default:
		return fmt.Sprintf("serving the directory as of change %d, loaded %s", st.Head.Seq, st.Loaded.UTC().Format(time.RFC3339))
	}
}
