package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatehouse/directory"
)

// nasNearEnd is when somebody must act: nobody renews the certificate of an
// appliance but its operator.
const nasNearEnd = 30 * 24 * time.Hour

// nasCertificates looks for RADIUS clients that no certificate of the built-in
// CA will let in soon.
func (p *Patient) nasCertificates(ctx context.Context) Finding {
	if len(p.Config.RADIUS.ListenTLS) == 0 {
		return skipped("radius.listen_tls is off")
	}
	if p.Directory == nil {
		return skipped("the certificates are in the store, which could not be opened")
	}
	var ending []string
	issued := 0
	err := p.Directory.Read(ctx, directory.System("doctor"), func(r *directory.Reader) error {
		for c, err := range r.RADIUSClients(directory.RADIUSClientQuery{}) {
			if err != nil {
				return err
			}
			last, err := lastInForce(r, &c)
			if err != nil {
				return err
			}
			if last.IsZero() {
				continue
			}
			issued++
			if last.Sub(p.Now()) < nasNearEnd {
				ending = append(ending, c.Name+" "+last.UTC().Format(time.DateOnly))
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return failed(err.Error(), "check the store")
	case issued == 0:
		return skipped("no certificate was issued to a RADIUS client")
	case len(ending) > 0:
		return warned("these RADIUS clients have no certificate for much longer: "+strings.Join(ending, ", "),
			"issue new ones: gatehouse radius-client cert create NAME --pem FILE")
	default:
		return fine(fmt.Sprintf("%d RADIUS clients have a certificate for at least 30 days", issued))
	}
}

// lastInForce returns when the last certificate of a client ends that was not
// revoked; zero: there is none.
func lastInForce(r *directory.Reader, c *directory.RADIUSClient) (last time.Time, err error) {
	for cert, err := range r.Certificates(c.Certificates()) {
		if err != nil {
			return last, err
		}
		if cert.Revoked.IsZero() && cert.Expires.After(last) {
			last = cert.Expires
		}
	}
	return last, nil
}
