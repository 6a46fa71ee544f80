package scimd

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"gatehouse/directory"
)

// versionOf is the entity tag of a resource: the revision of its row and what
// the source calls it, which together cover all that a client can write. It is
// weak, since the same resource has many renderings (RFC 7644 §3.14).
func versionOf(rev int64, externalID string) string {
	if externalID == "" {
		return fmt.Sprintf(`W/"%d"`, rev)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(externalID))
	return fmt.Sprintf(`W/"%d-%08x"`, rev, h.Sum32())
}

// lists reports whether a header such as If-Match names the version. The weak
// comparison is used (RFC 9110 §8.8.3.2): our tags are all weak, and clients
// send them with and without W/ and quotes.
func lists(header, version string) bool {
	bare := func(s string) string { return strings.Trim(strings.TrimPrefix(strings.TrimSpace(s), "W/"), `"`) }
	for _, tag := range strings.Split(header, ",") {
		if t := bare(tag); t == "*" || t == bare(version) {
			return true
		}
	}
	return false
}

// ifMatch fails with Stale when the client wants to change another version
// than there is.
func (rq *request) ifMatch(version string) error {
	h := strings.Join(rq.http.Header.Values("If-Match"), ",")
	if h == "" || lists(h, version) {
		return nil
	}
	return &directory.Error{Kind: directory.Stale, Msg: "the resource has changed; its version is " + version}
}

// notModified reports whether the client reads what it has already.
func (rq *request) notModified(version string) bool {
	if rq.http.Method != http.MethodGet && rq.http.Method != http.MethodHead {
		return false
	}
	h := strings.Join(rq.http.Header.Values("If-None-Match"), ",")
	return h != "" && lists(h, version)
}

// show answers with one resource.
func (rq *request) show(o *object, version string) answer {
	if rq.notModified(version) {
		return answer{status: http.StatusNotModified, version: version}
	}
	return answer{status: http.StatusOK, body: rq.params.fields.apply(o), version: version, location: location(o)}
}

// location returns meta.location of a rendered resource.
func location(o *object) string {
	meta, _ := o.get("meta").(*object)
	if meta == nil {
		return ""
	}
	return meta.str("location")
}
