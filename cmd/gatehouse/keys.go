package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/directory/seal"
)

// keyView is a key as JSON, without the key.
type keyView struct {
	Kind  string    `json:"kind"` // "sealing" keys are files; "signing" pairs are in the store
	Use   string    `json:"use"`
	ID    string    `json:"id"`
	Alg   string    `json:"alg,omitempty"`
	State string    `json:"state"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
}

func (t *tool) keysCommand() *cobra.Command {
	return t.group(&cobra.Command{Use: "keys", Short: "Keys that seal and sign"}, t.keysList())
}

func (t *tool) keysList() *cobra.Command {
	return t.jsonFlag(&cobra.Command{
		Use: "list", Short: "List the sealing keys of this host and the signing keys of the store", Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			var keys []keyView
			var where string
			err := t.withCore(c.Context(), func(opened *core.Core) error {
				where = opened.Config.KeyRings(t.getenv("CREDENTIALS_DIRECTORY"))
				return opened.Directory.Read(c.Context(), t.operator(), func(r *directory.Reader) error {
					keys = sealingKeys(opened.Keys)
					pairs, err := signingKeys(r)
					keys = append(keys, pairs...)
					return err
				})
			})
			if err != nil {
				return err
			}
			err = printListing(t, keys, listing[keyView]{
				head: "KIND USE ID ALG STATE FROM UNTIL",
				row: func(k *keyView) []string {
					return []string{k.Kind, k.Use, k.ID, k.Alg, k.State, date(k.From), date(k.Until)}
				},
			})
			if err != nil || t.json {
				return err
			}
			t.say("The sealing keys are files in %s; keep a copy somewhere else.", where)
			return nil
		},
	})
}

func date(at time.Time) string {
	day, _, _ := strings.Cut(moment(at), " ")
	return day
}

func sealingKeys(rings directory.Keys) []keyView {
	keys := []keyView{}
	for _, purpose := range seal.Purposes() {
		ring := rings[purpose]
		if ring == nil {
			continue
		}
		for _, k := range ring.Keys() {
			state := "old"
			if k.ID() == ring.Active().ID() {
				state = "active"
			}
			keys = append(keys, keyView{Kind: "sealing", Use: string(purpose), ID: k.ID().String(), State: state, From: k.Begins()})
		}
	}
	return keys
}

func signingKeys(r *directory.Reader) ([]keyView, error) {
	var keys []keyView
	for k, err := range r.SigningKeys(directory.SigningKeyQuery{}) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, keyView{
			Kind: "signing", Use: k.Use, ID: k.KID, Alg: k.Alg, State: string(k.State), From: k.NotBefore, Until: k.NotAfter,
		})
	}
	return keys, nil
}
