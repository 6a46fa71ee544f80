package doctor

import (
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

func TestNASCertificates(t *testing.T) {
	issued := func(lives ...time.Duration) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) {
			p.Config.RADIUS.ListenTLS = []string{"127.0.0.1:2083"}
			_, err := p.Directory.Write(t.Context(), directory.System("test"), func(w *directory.Writer) error {
				c, err := w.SaveRADIUSClient(directory.NewRADIUSClient{Name: "branch", Config: schema.RADIUSClient{TLS: &schema.RADIUSTLS{}}})
				for i, life := range lives {
					if err == nil {
						err = w.AddClientCertificate(directory.NewClientCertificate{Client: c.ID, Serial: string(rune('a' + i)), Expires: p.Now().Add(life)})
					}
				}
				return err
			})
			must(t, err)
		}
	}
	revoked := func(t *testing.T, p *Patient) {
		issued(time.Hour, 60*24*time.Hour)(t, p)
		_, err := p.Directory.Write(t.Context(), directory.System("test"), func(w *directory.Writer) error {
			for c, err := range w.RADIUSClients(directory.RADIUSClientQuery{Names: []string{"branch"}}) {
				if err != nil {
					return err
				}
				return w.RevokeClientCertificate(c.ID, "b")
			}
			return nil
		})
		must(t, err)
	}
	examine(t, (*Patient).nasCertificates, []sick{
		{name: "off", want: Skipped, detail: "listen_tls is off"},
		{name: "none", fresh: true, change: issued(), want: Skipped, detail: "no certificate"},
		{name: "a new one beside the old one", fresh: true, change: issued(time.Hour, 60*24*time.Hour), want: Fine, detail: "1 RADIUS clients"},
		{name: "the new one was revoked", fresh: true, change: revoked, want: Warned, detail: "branch"},
		{name: "ends soon", fresh: true, change: issued(29 * 24 * time.Hour), want: Warned, detail: "branch"},
	})
}
