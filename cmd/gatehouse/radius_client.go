package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

func (t *tool) radiusClientCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "radius-client", Short: "Access points, switches and VPN gateways",
		Long: "Access points, switches and VPN gateways that ask by RADIUS. They are made and changed by\n`gatehouse apply`.",
	}, t.radiusClientList(), t.radiusClientShow(), t.radiusClientCert(), t.radiusClientDelete())
}

// radiusClientView is a RADIUS client as JSON: the keys of site.yaml and what
// the directory adds. It holds no secret.
type radiusClientView struct {
	Name       string   `json:"name"`
	Networks   []string `json:"networks"`
	App        string   `json:"app"`
	NextSecret bool     `json:"has_next_secret,omitempty"` // a rotation is under way
	schema.RADIUSClient
	Source  string    `json:"source"`
	UID     string    `json:"uid"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

func listRADIUSClients(r *directory.Reader, q directory.RADIUSClientQuery) ([]radiusClientView, error) {
	slugs := map[directory.AppID]string{0: directory.AppNetwork}
	for a, err := range r.Apps(directory.AppQuery{}) {
		if err != nil {
			return nil, err
		}
		slugs[a.ID] = a.Slug
	}
	return collect(r.RADIUSClients(q), func(c directory.RADIUSClient) (radiusClientView, error) {
		v := radiusClientView{
			Name: c.Name, Networks: c.Networks, App: slugs[c.App], NextSecret: len(c.Secrets[1]) > 0,
			Source: c.Source, UID: c.UID, Created: c.Created, Updated: c.Updated,
		}
		if err := json.Unmarshal(c.Config, &v.RADIUSClient); err != nil {
			return v, fmt.Errorf("read the configuration of RADIUS client %s: %w", c.Name, err)
		}
		v.RADIUSClient = v.WithDefaults()
		return v, nil
	})
}

func (t *tool) radiusClientList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List RADIUS clients"}, listing[radiusClientView]{
		head: "NAME NETWORKS APP METHODS",
		find: func(r *directory.Reader) ([]radiusClientView, error) {
			return listRADIUSClients(r, directory.RADIUSClientQuery{})
		},
		row: func(v *radiusClientView) []string {
			return []string{v.Name, strings.Join(v.Networks, ","), v.App, strings.Join(v.Methods, ",")}
		},
	})
}

// missing is the error for a name that nothing has.
func missing(what, name string) error {
	return &directory.Error{Kind: directory.NotFound, Msg: fmt.Sprintf("there is no %s %q", what, name)}
}

func (t *tool) radiusClientShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show NAME", Short: "Show a RADIUS client",
	}, func(r *directory.Reader, name string) (radiusClientView, error) {
		views, err := listRADIUSClients(r, directory.RADIUSClientQuery{Names: []string{name}})
		if err != nil {
			return radiusClientView{}, err
		}
		if len(views) == 0 {
			return radiusClientView{}, missing("RADIUS client", name)
		}
		return views[0], nil
	})
}

func (v radiusClientView) facts() []fact {
	out := []fact{
		{"name", v.Name},
		{"networks", strings.Join(v.Networks, ", ")},
		{"app", v.App},
		{"methods", strings.Join(v.Methods, ", ")},
		{"message authenticator", v.MessageAuthenticator},
		{"session timeout", (time.Duration(v.SessionTimeout) * time.Second).String()},
		{"realms", strings.Join(v.Realms, ", ")},
		{"coa", strings.TrimSpace(strings.Join([]string{v.CoA.Via, v.CoA.Address, v.CoA.Verb, v.CoA.Profile}, " "))},
		{"devices at once", number(int64(v.MaxDevices))},
	}
	if v.TLS != nil {
		by := []string{"certificates of the built-in CA"}
		out = append(out, fact{"tls", strings.Join(slices.Concat(by, v.TLS.Fingerprints, v.TLS.Names), ", ")})
	}
	if v.NextSecret {
		out = append(out, fact{"secrets", "two: a rotation is under way"})
	}
	for _, r := range v.Reply {
		who, what := "everybody", []string{}
		if r.Group != "" {
			who = "members of " + r.Group
		}
		for _, p := range []fact{{"vlan", r.VLAN}, {"filter", r.FilterID}, {"session timeout", number(int64(r.SessionTimeout))}} {
			if p.value != "" {
				what = append(what, p.name+" "+p.value)
			}
		}
		for name, values := range r.Attributes {
			what = append(what, name+" "+strings.Join(values, ","))
		}
		out = append(out, fact{"reply", who + ": " + strings.Join(what, "; ")})
	}
	return append(out, fact{"source", v.Source}, fact{"uid", v.UID}, fact{"created", moment(v.Created)}, fact{"updated", moment(v.Updated)})
}

func (t *tool) radiusClientDelete() *cobra.Command {
	return t.deleteCommand(&cobra.Command{
		Use: "delete NAME", Short: "Delete a RADIUS client; it gets no answer any more",
	}, "Deleted RADIUS client %s.", func(w *directory.Writer, name string) error {
		client, err := clientByName(w.Reader, name)
		if err != nil {
			return err
		}
		return w.DeleteRADIUSClient(client.ID)
	})
}
