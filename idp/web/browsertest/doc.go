// Package browsertest looks at pages with a real browser (Debian's Chromium):
// accessibility by axe-core, violations of the Content-Security-Policy, errors
// on the console, and screenshots. Only tests import it.
package browsertest
