package radiusd

import (
	"context"
	"strconv"

	"gatehouse/directory"
)

// limit ends the sessions of a person's oldest devices where a client allows only
// so many at once. The newest are the ones that stay: nobody is locked out by a
// session that has ended and was not seen to, which its NAS, asked to end it, says.
func (v *reviewer) limit(ctx context.Context, user directory.UserID) error {
	var open []directory.RADIUSSession // newest first
	err := v.server.directory.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		open = open[:0]
		for row, err := range a.Network.Find(directory.RADIUSSessionQuery{User: user, Open: true}) {
			if err != nil {
				return err
			}
			open = append(open, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	ends := v.excess(open)
	if len(ends) == 0 {
		return nil
	}
	if err := v.server.directory.EndNetworkSessions(ctx, ends); err != nil {
		return err
	}
	v.server.disconnector.ring()
	return nil
}

// excess returns the sessions, newest first, of the devices beyond what the client
// of each app's newest session allows.
func (v *reviewer) excess(open []directory.RADIUSSession) (ends []directory.NetworkSessionEnd) {
	type seat struct{ app, device string }
	stays := map[seat]bool{}
	count, most := map[string]int{}, map[string]int{}
	for i := range open {
		row := &open[i]
		c := v.server.clients.get(row.Client)
		if c == nil {
			continue
		}
		limit, known := most[c.app]
		if !known {
			limit = c.maxDevices
			most[c.app] = limit
		}
		at := seat{c.app, row.CallingStationID}
		if at.device == "" {
			at.device = "session " + strconv.FormatInt(row.ID, 10)
		}
		stay, seen := stays[at]
		if !seen {
			count[c.app]++
			stay = limit == 0 || count[c.app] <= limit
			stays[at] = stay
		}
		if !stay {
			ends = append(ends, directory.NetworkSessionEnd{Session: row.ID, Why: "max_devices"})
		}
	}
	return ends
}
