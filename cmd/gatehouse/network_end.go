package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

const (
	// answersWithin is how long the command line waits for what the NAS say.
	answersWithin = 2 * time.Second
	answersPoll   = 50 * time.Millisecond
)

// openSessionView is a network session whose NAS has not ended it so far.
type openSessionView struct {
	Client  string                      `json:"client"`
	Device  string                      `json:"device"`
	Outcome directory.DisconnectOutcome `json:"outcome"` // "refused", "silent"; empty: no answer yet
}

// waitingSessionView is a network session that cannot be ended from here.
type waitingSessionView struct {
	Client string    `json:"client"`
	Device string    `json:"device"`
	Until  time.Time `json:"until"`
}

func viewWaiting(waiting []directory.WaitingSession) []waitingSessionView {
	out := []waitingSessionView{}
	for _, s := range waiting {
		out = append(out, waitingSessionView(s))
	}
	return out
}

// stillOpen waits for the answers of the NAS that were told to end sessions, for a
// moment, and returns the sessions that they have not ended.
func (t *tool) stillOpen(c *cobra.Command, r *directory.LockdownReport) ([]openSessionView, error) {
	open := []openSessionView{}
	if len(r.Told) == 0 {
		return open, nil
	}
	names := make(map[int64]string, len(r.Told))
	ids := make([]int64, 0, len(r.Told))
	for _, s := range r.Told {
		names[s.Session] = s.Client
		ids = append(ids, s.Session)
	}
	err := t.withCore(c.Context(), func(opened *core.Core) error {
		ctx, cancel := context.WithTimeout(c.Context(), answersWithin)
		defer cancel()
		tick := time.NewTicker(answersPoll)
		defer tick.Stop()
		for {
			pending := 0
			err := opened.Directory.Read(c.Context(), t.operator(), func(r *directory.Reader) error {
				open, pending = open[:0], 0
				for s, err := range r.NetworkSessions(directory.RADIUSSessionQuery{IDs: ids}) {
					if err != nil {
						return err
					}
					if s.Gone() {
						continue
					}
					if s.Disconnect == "" {
						pending++
					}
					open = append(open, openSessionView{names[s.ID], s.CallingStationID, s.Disconnect})
				}
				return nil
			})
			if err != nil || pending == 0 {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return c.Context().Err()
			}
		}
	})
	return open, err
}

// sayOpen says which network sessions are still open, and for how long.
func (t *tool) sayOpen(open []openSessionView, waiting []directory.WaitingSession) {
	for _, s := range open {
		switch s.Outcome {
		case directory.DisconnectRefused:
			t.say("  %s refuses to end the session of %s; see gatehouse audit list.", s.Client, called(s.Device))
		case directory.DisconnectSilent:
			t.say("  %s does not answer about %s; radiusd tries again.", s.Client, called(s.Device))
		default:
			t.say("  %s has not answered about %s yet; radiusd goes on trying while it runs.", s.Client, called(s.Device))
		}
	}
	for _, s := range waiting {
		t.say("  %s takes no Disconnect-Requests (coa): %s waits for re-authentication until %s.", s.Client, called(s.Device), moment(s.Until))
	}
}

// called is a device as a sentence names it: a NAS may send no address of it.
func called(device string) string {
	if device == "" {
		return "a device without an address"
	}
	return device
}
