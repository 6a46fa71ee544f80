package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) radiusSessionCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "radius-session", Short: "Connections of devices through access points, switches and VPN gateways",
		Long: "Connections of devices through access points, switches and VPN gateways (RADIUS). What ends a person,\n" +
			"or takes the person's access away, ends their sessions by itself.",
	}, t.radiusSessionList(), t.radiusSessionDisconnect())
}

// radiusSessionView is a network session as JSON.
type radiusSessionView struct {
	ID              string                      `json:"id"`
	User            string                      `json:"user"`
	Client          string                      `json:"client"`
	State           string                      `json:"state"`
	Device          string                      `json:"device"`
	CalledStationID string                      `json:"called_station_id"`
	NASIP           string                      `json:"nas_ip"`
	NASID           string                      `json:"nas_id"`
	NASPort         string                      `json:"nas_port"`
	FramedIP        string                      `json:"framed_ip"`
	AcctSessionID   string                      `json:"acct_session_id"`
	InputOctets     int64                       `json:"input_octets"`
	OutputOctets    int64                       `json:"output_octets"`
	SessionTime     int64                       `json:"session_time"`
	TerminateCause  string                      `json:"terminate_cause"`
	Disconnect      directory.DisconnectOutcome `json:"disconnect"`
	Created         time.Time                   `json:"created"`
	Updated         time.Time                   `json:"updated"`
	Ended           *time.Time                  `json:"ended"`
	Expires         *time.Time                  `json:"expires"`
}

// sessionFilter is what `radius-session list` was told.
type sessionFilter struct {
	user, client string
	all          bool
}

func (t *tool) radiusSessionList() *cobra.Command {
	var f sessionFilter
	c := listCommand(t, &cobra.Command{
		Use: "list", Short: "List open network sessions, newest first",
		Long: "Lists open network sessions, newest first. With --all also those that have ended in the last 30 days;\n" +
			"one that is presumed-ended was not seen to end.",
		Example: "  gatehouse radius-session list --user alice",
	}, listing[radiusSessionView]{
		head: "ID USER CLIENT DEVICE STATE SINCE UNTIL DISCONNECT",
		find: f.find,
		row: func(v *radiusSessionView) []string {
			until := ""
			if v.Expires != nil {
				until = moment(*v.Expires)
			}
			return []string{v.ID, v.User, v.Client, v.Device, v.State, moment(v.Created), until, string(v.Disconnect)}
		},
	})
	c.Flags().StringVar(&f.user, "user", "", "only sessions of this `person`")
	c.Flags().StringVar(&f.client, "client", "", "only sessions through this RADIUS `client`")
	c.Flags().BoolVar(&f.all, "all", false, "also sessions that have ended")
	return c
}

func (f *sessionFilter) find(r *directory.Reader) ([]radiusSessionView, error) {
	q := directory.RADIUSSessionQuery{Open: !f.all}
	if f.user != "" {
		u, err := r.UserByName(directory.Person, f.user)
		if err != nil {
			return nil, err
		}
		q.User = u.ID
	}
	names := map[directory.RADIUSClientID]string{}
	for c, err := range r.RADIUSClients(directory.RADIUSClientQuery{}) {
		if err != nil {
			return nil, err
		}
		names[c.ID] = c.Name
		if f.client != "" && c.Name == f.client {
			q.Client = c.ID
		}
	}
	if f.client != "" && q.Client == 0 {
		return nil, missing("RADIUS client", f.client)
	}
	return collect(r.NetworkSessions(q), func(s directory.RADIUSSession) (radiusSessionView, error) {
		return viewRADIUSSession(&s, names[s.Client]), nil
	})
}

func viewRADIUSSession(s *directory.RADIUSSession, client string) radiusSessionView {
	return radiusSessionView{
		ID: strconv.FormatInt(s.ID, 10), User: s.Username, Client: client, State: string(s.State), Device: s.CallingStationID,
		CalledStationID: s.CalledStationID, NASIP: s.NASIP, NASID: s.NASID, NASPort: s.NASPort, FramedIP: s.FramedIP,
		AcctSessionID: s.AcctSessionID, InputOctets: s.InputOctets, OutputOctets: s.OutputOctets, SessionTime: s.SessionTime,
		TerminateCause: s.TerminateCause, Disconnect: s.Disconnect, Created: s.Accepted, Updated: s.Updated,
		Ended: when(s.Ended), Expires: when(s.Expires),
	}
}

// when is a time for JSON: null for none.
func when(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func (t *tool) radiusSessionDisconnect() *cobra.Command {
	var user, reason string
	c := &cobra.Command{
		Use: "disconnect ID|--user NAME", Short: "End network sessions at their NAS", Args: arguments(0, 1),
		Long: "Tells the NAS to end one session, by the id that the list shows, or all of a person's. Nothing else\n" +
			"changes: a person who may enter connects again. To keep a person out, use `gatehouse user disable`.",
		Example: "  gatehouse radius-session disconnect 1858374120038400 --reason \"wrong VLAN\"\n" +
			"  gatehouse radius-session disconnect --user alice",
		RunE: func(c *cobra.Command, args []string) error {
			var id int64
			switch {
			case (len(args) == 0) == (user == ""):
				return usagef("which session? name one by its id, or all of a person's by --user")
			case len(args) == 1:
				var err error
				if id, err = strconv.ParseInt(args[0], 10, 64); err != nil || id <= 0 {
					return usagef("%q is not the id of a session; see gatehouse radius-session list", args[0])
				}
			}
			return t.disconnect(c, id, user, reason)
		},
	}
	c.Flags().StringVar(&user, "user", "", "all sessions of this `person`")
	c.Flags().StringVar(&reason, "reason", "", "why; kept in the audit")
	return t.jsonFlag(c)
}

// disconnect ends one session, or those of a person.
func (t *tool) disconnect(c *cobra.Command, id int64, user, reason string) error {
	var told directory.LockdownReport
	var username string
	err := t.write(c, func(w *directory.Writer) error {
		told = directory.LockdownReport{}
		q := directory.LiveNetworkSessions(w.Now())
		if id != 0 {
			q.IDs = []int64{id}
		} else {
			u, err := w.UserByName(directory.Person, user)
			if err != nil {
				return err
			}
			q.User = u.ID
		}
		sessions, err := collect(w.NetworkSessions(q), func(s directory.RADIUSSession) (directory.RADIUSSession, error) { return s, nil })
		if err != nil {
			return err
		}
		if id != 0 && len(sessions) == 0 {
			return missing("open network session", strconv.FormatInt(id, 10))
		}
		for _, s := range sessions {
			if s.Gone() && id == 0 {
				continue
			}
			r, err := w.EndNetworkSession(s.User, s.ID, reason)
			if err != nil {
				return err
			}
			username, told.User = s.Username, r.User
			told.Told, told.Waiting = append(told.Told, r.Told...), append(told.Waiting, r.Waiting...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	open, err := t.stillOpen(c, &told)
	if err != nil {
		return err
	}
	if len(told.Told)+len(told.Waiting) == 0 {
		t.say("%s has no open network session.", user)
	} else {
		t.say("Network sessions of %s: %d ended, %d not yet, %d cannot be.", username, len(told.Told)-len(open), len(open), len(told.Waiting))
	}
	t.sayOpen(open, told.Waiting)
	if !t.json {
		return nil
	}
	return t.printJSON(struct {
		NetworkSessions int                  `json:"network_sessions"`
		Open            []openSessionView    `json:"network_sessions_open"`
		Waiting         []waitingSessionView `json:"network_sessions_waiting"`
	}{len(told.Told), open, viewWaiting(told.Waiting)})
}
