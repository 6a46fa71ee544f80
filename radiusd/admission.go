package radiusd

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

// admission is how somebody was let in, as the row of the session keeps it: what
// is needed to decide again whether they may stay, and to name the session to the
// NAS as the NAS does.
type admission struct {
	Context     map[string]string      `json:"context"`
	Device      string                 `json:"device,omitempty"`  // address of the person's device
	Calling     string                 `json:"calling,omitempty"` // Calling-Station-Id as sent, when it is not the row's
	Factors     []directory.Factor     `json:"factors,omitempty"`
	Credential  directory.CredentialID `json:"credential,string,omitempty"`
	Version     int64                  `json:"version,string,omitempty"` // of Credential
	Certificate string                 `json:"certificate,omitempty"`
}

func admissionOf(r *request, method string, dec *directory.Decision) []byte {
	a := admission{Context: details(r, method), Factors: dec.Factors, Certificate: dec.Certificate}
	if d := device(r.packet); d.IsValid() {
		a.Device = d.String()
	}
	if raw := text(r.packet, wire.CallingStationID); raw != station(r.packet) {
		a.Calling = raw
	}
	// Who changes their own password stays where they are; one that somebody else
	// sets ends the session by itself.
	if !slices.Contains(dec.Factors, directory.FactorPassword) {
		a.Credential, a.Version = dec.Credential, dec.Version
	}
	b, err := json.Marshal(a)
	if err != nil {
		return nil // never: strings and numbers
	}
	return b
}

// reviewOf asks whether the person of a session may go on in it.
func reviewOf(row *directory.RADIUSSession, c *client) (directory.Admission, error) {
	var a admission
	if len(row.Admission) > 0 {
		if err := json.Unmarshal(row.Admission, &a); err != nil {
			return directory.Admission{}, fmt.Errorf("read how session %d was let in: %w", row.ID, err)
		}
	}
	peer, _ := netip.ParseAddr(row.Peer)
	device, _ := netip.ParseAddr(a.Device)
	return directory.Admission{
		User: row.User, Epoch: row.Epoch, App: c.app, Protocol: directory.ProtocolRADIUS, Peer: peer, Client: device,
		Factors: a.Factors, AuthTime: row.Accepted, Context: a.Context,
		Resumed: directory.Resumed{Credential: a.Credential, Version: a.Version, Certificate: a.Certificate},
	}, nil
}
