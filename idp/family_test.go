package idp_test

import (
	"net/http"
	"testing"

	"gatehouse/directory"
)

// TestARevokedAnchorEndsTheFamily: a revocation that runs beside a rotation may
// not see the newest refresh token. It revokes the anchor, and that is enough.
func TestARevokedAnchorEndsTheFamily(t *testing.T) {
	s := newSite(t, nil)
	newest := s.tokens()["refresh_token"]
	err := s.d.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error {
		var anchors []directory.Token
		for row, err := range a.Tokens.Take(directory.TokenQuery{User: s.alice.ID, Kind: "oidc_code"}) {
			if err != nil {
				return err
			}
			anchors = append(anchors, row)
		}
		for _, row := range anchors {
			row.Revoked = s.d.Now()
			if err := a.Tokens.Update(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := s.refresh(newest); p.status != http.StatusBadRequest || p.json(t)["error"] != "invalid_grant" {
		t.Errorf("got %d %s", p.status, p.body)
	}
}
