package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gatehouse/directory/schema"
	"gatehouse/directory/seal"
)

func (c *RADIUSClient) touched() touched {
	return touched{entity: "radius client", ref: int64(c.ID), name: c.Name}
}

// NewRADIUSClient is what SaveRADIUSClient writes.
type NewRADIUSClient struct {
	Name     string
	Networks []string
	Secret   Secret // shared secret; empty: keep what there is
	Next     Secret // the second one, accepted during a rotation; empty: keep
	App      AppID  // 0: the app "network"
	Config   schema.RADIUSClient
}

// SaveRADIUSClient creates a RADIUS client, or changes the one of that name.
// When nothing differs nothing is written.
func (w *Writer) SaveRADIUSClient(n NewRADIUSClient) (RADIUSClient, error) {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return RADIUSClient{}, err
	}
	if err := errors.Join(n.Config.Check(), schema.CheckNetworks(n.Networks)); err != nil {
		return RADIUSClient{}, &Error{Kind: Invalid, Entity: "radius client", Field: "radius_clients", Msg: n.Name + ": " + err.Error()}
	}
	config, err := json.Marshal(n.Config)
	if err != nil {
		return RADIUSClient{}, fmt.Errorf("encode a RADIUS client: %w", err)
	}
	old, found, err := one(w.tx.Clients.Find(RADIUSClientQuery{Names: []string{n.Name}}))
	if err != nil {
		return RADIUSClient{}, err
	}
	if n.Secret == "" && len(old.Secrets[0]) == 0 && n.Config.CoA.Address != "" {
		return RADIUSClient{}, invalid("radius client", "secret", "%s needs a shared secret for the address in coa, which is asked over UDP", n.Name)
	}
	c := old
	c.Name, c.Networks, c.App, c.Config, c.Updated = n.Name, n.Networks, n.App, config, w.now
	if !found {
		if n.Secret == "" && n.Config.TLS == nil {
			return RADIUSClient{}, invalid("radius client", "secret", "%s needs a shared secret, or tls: {} to ask over TLS only", n.Name)
		}
		id, uid, err := w.newRow()
		if err != nil {
			return RADIUSClient{}, err
		}
		c.ID, c.UID, c.Source, c.Created = RADIUSClientID(id), uid, w.by.Label(), w.now
	}
	differs, err := w.sealClientSecrets(&c, n)
	if err != nil {
		return RADIUSClient{}, err
	}
	if found && !differs && slices.Equal(c.Networks, old.Networks) && c.App == old.App && string(c.Config) == string(old.Config) {
		return old, nil
	}
	c.Rev++
	if found {
		err = w.tx.Clients.Update(c)
	} else {
		err = w.tx.Clients.Insert(c)
	}
	if err != nil {
		return RADIUSClient{}, err
	}
	if err := w.changed(RADIUSClientChanged, int64(c.ID), c.Rev); err != nil {
		return RADIUSClient{}, err
	}
	changed := diffs{}
	changed.value("networks", old.Networks, c.Networks)
	changed.value("app", old.App, c.App)
	changed.config(old.Config, c.Config)
	changed.secret("secret", differs)
	return c, w.audit(VerbWriteConfig, c.touched(), changed)
}

func (c *RADIUSClient) place(slot int) seal.Place {
	return seal.Place{Table: "radius_clients", Column: fmt.Sprintf("secret%d", slot), Row: rowName(int64(c.ID))}
}

func (w *Writer) sealClientSecrets(c *RADIUSClient, n NewRADIUSClient) (differs bool, err error) {
	have, err := w.d.RADIUSSecrets(*c)
	if err != nil {
		return false, err
	}
	for slot, s := range []Secret{n.Secret, n.Next} {
		if s == "" || have[slot] == s {
			continue
		}
		if c.Secrets[slot], err = w.d.keys.seal(seal.Clients, c.place(slot), []byte(s.Reveal())); err != nil {
			return false, err
		}
		differs = true
	}
	return differs, nil
}

// RADIUSSecrets opens the shared secrets of a client; an unset one is empty.
func (d *Directory) RADIUSSecrets(c RADIUSClient) ([2]Secret, error) {
	var out [2]Secret
	for slot, sealed := range c.Secrets {
		if len(sealed) == 0 {
			continue
		}
		b, err := d.keys.open(seal.Clients, c.place(slot), sealed)
		if err != nil {
			return out, fmt.Errorf("open the secret of RADIUS client %s: %w", c.Name, err)
		}
		out[slot] = Secret(b)
	}
	return out, nil
}

// DeleteRADIUSClient deletes a RADIUS client: it gets no answer any more, and its
// certificates are revoked.
func (w *Writer) DeleteRADIUSClient(id RADIUSClientID) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	c, found, err := one(w.tx.Clients.Find(RADIUSClientQuery{IDs: []RADIUSClientID{id}}))
	if err != nil {
		return err
	}
	if !found {
		return notFound("radius client", "id")
	}
	if _, err := w.revokeCertificates(c.Certificates()); err != nil {
		return err
	}
	if _, err := w.tx.Clients.Delete(RADIUSClientQuery{IDs: []RADIUSClientID{id}}); err != nil {
		return err
	}
	if err := w.changed(RADIUSClientChanged, int64(id), c.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, c.touched(), map[string]any{"deleted": true})
}
