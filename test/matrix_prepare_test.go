package test

import (
	"net/http"
	"testing"
	"time"
)

func (m *matrix) enrolled(t *testing.T, c *cell) { m.authenticator(t, c.user()) }

// withCode is the password with a code behind it, each time of a new
// authenticator: a code opens one door once.
func (m *matrix) withCode(t *testing.T, c *cell) string {
	return m.password + ";" + oathtool(t, m.authenticator(t, c.user()))
}

func (m *matrix) lockDown(t *testing.T, c *cell) {
	m.cli(t, "", "user", "lockdown", c.user(), "--reason", "stolen laptop")
}

func (m *matrix) disable(t *testing.T, c *cell) {
	m.cli(t, "", "user", "disable", c.user(), "--reason", "on leave")
}

func (m *matrix) enrolUntilYesterday(t *testing.T, c *cell) { m.enrolUntil(t, c, -24*time.Hour) }

func (m *matrix) enrolUntilTomorrow(t *testing.T, c *cell) { m.enrolUntil(t, c, 24*time.Hour) }

func (m *matrix) enrolUntil(t *testing.T, c *cell, end time.Duration) {
	m.cli(t, "", "group", "add-member", "staff", c.user(), "--until", time.Now().Add(end).UTC().Format(time.RFC3339))
}

// otherAppPassword makes a password that opens another app.
func (m *matrix) otherAppPassword(t *testing.T, c *cell) {
	c.secret = lastLine(m.cli(t, "", "app-password", "create", c.user(), "--app", "other", "--label", "laptop"))
}

func (m *matrix) made(_ *testing.T, c *cell) string { return c.secret }

// deleteBoundGroup lets HR make a group, binds it, and lets HR delete it.
func (m *matrix) deleteBoundGroup(t *testing.T, c *cell) {
	id := m.hr.create(t, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"short-lived"}`)
	m.apply(t, "apps:\n  - {slug: "+c.slug+", bindings: [{group: short-lived}]}\n")
	m.hr.want(t, http.StatusNoContent, http.MethodDelete, "/Groups/"+id, "")
}
