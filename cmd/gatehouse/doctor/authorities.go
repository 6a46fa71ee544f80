package doctor

import (
	"context"
	"log/slog"
	"strings"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory/authority"
)

// authorities looks at the imported CAs and their revocation lists.
func (p *Patient) authorities(context.Context) Finding {
	configs := core.Imported(p.Config)
	if len(configs) == 0 {
		return skipped("no CA is imported; only certificates of the built-in one let devices in")
	}
	s, err := authority.Open(configs, slog.New(slog.DiscardHandler), p.Now)
	if err != nil {
		return failed(err.Error(), "correct radius.authorities")
	}
	var names, wrong []string
	denies := false
	for _, h := range s.Health() {
		names = append(names, h.Name)
		if h.Problem != "" {
			wrong, denies = append(wrong, h.Name+": "+h.Problem), denies || h.Denies
		}
	}
	const advice = "publish a new CRL into the crl_file of the CA, by renaming it into place"
	switch {
	case denies:
		return failed(strings.Join(wrong, "; "), advice+"; until then its certificates are refused")
	case len(wrong) > 0:
		return warned(strings.Join(wrong, "; "), advice+"; until then revoked certificates count")
	}
	return fine("CRLs in force: " + strings.Join(names, ", "))
}
