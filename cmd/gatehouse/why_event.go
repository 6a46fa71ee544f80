package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

// pastView is a decision that was made, as JSON.
type pastView struct {
	whyView
	Event      string             `json:"event"`
	At         time.Time          `json:"at"`
	User       string             `json:"user"`
	App        string             `json:"app,omitempty"`
	Protocol   string             `json:"protocol"`
	IP         string             `json:"ip,omitempty"`
	Peer       string             `json:"peer,omitempty"`
	Device     string             `json:"device,omitempty"`
	NAS        string             `json:"nas,omitempty"`
	Context    map[string]string  `json:"context,omitempty"`
	Factors    []directory.Factor `json:"factors,omitempty"`
	Credential string             `json:"credential,omitempty"`
	Count      int                `json:"count"`
}

// whyEvent explains a decision from its audit event.
func (t *tool) whyEvent(c *cobra.Command, id int64) error {
	var found []directory.Event
	err := t.read(c, func(r *directory.Reader) (err error) {
		found, err = collect(r.Events(directory.EventQuery{IDs: []int64{id}}), func(e directory.Event) (directory.Event, error) { return e, nil })
		return err
	})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("there is no audit event %d", id)
	}
	v, err := viewPast(&found[0])
	if err != nil {
		return err
	}
	if t.json {
		err = t.printJSON(v)
	} else if err = t.print("%s", v.sentence()); err == nil {
		err = t.printWhy(v.whyView)
	}
	if err == nil && v.Outcome != directory.Allow {
		err = &answered{exitRefused}
	}
	return err
}

func viewPast(e *directory.Event) (pastView, error) {
	d, ok, err := e.Attempt()
	if err != nil {
		return pastView{}, err
	}
	if !ok {
		return pastView{}, fmt.Errorf("audit event %d is %s: no decision to explain; gatehouse audit export shows it whole", e.ID, e.Verb)
	}
	v := pastView{
		whyView: whyView{Outcome: directory.Outcome(e.Outcome), Reason: e.Reason, Checks: []checkView{}},
		Event:   strconv.FormatInt(e.ID, 10), At: e.At, User: e.Name, App: e.App, Protocol: e.Via, IP: e.IP, Peer: d.Peer,
		Device: d.Device, Context: d.Context, Factors: d.Factors, Count: e.Count,
	}
	if d.NAS != 0 {
		v.NAS = strconv.FormatInt(int64(d.NAS), 10)
	}
	if d.Credential != 0 {
		v.Credential = strconv.FormatInt(int64(d.Credential), 10)
	}
	for _, check := range d.Checks {
		v.Checks = append(v.Checks, checkView(check))
	}
	return v, nil
}

// sentence says in one line what was tried.
func (v *pastView) sentence() string {
	parts := []string{moment(v.At)}
	if v.User != "" {
		parts = append(parts, v.User)
	}
	add := func(word, value string) {
		if value != "" {
			parts = append(parts, word+" "+value)
		}
	}
	add("at", v.App)
	add("by", v.Protocol)
	add("from", v.IP)
	add("through", v.Peer)
	add("device", v.Device)
	for _, key := range slices.Sorted(maps.Keys(v.Context)) {
		add(key, v.Context[key])
	}
	add("credential", v.Credential)
	if v.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", v.Count))
	}
	return strings.Join(parts, ", ")
}
