package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/directory/schema"
)

func (t *tool) scimSourceCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "scim-source", Short: "HR systems and directories that push people in by SCIM",
		Long: "HR systems and directories that push people in by SCIM, at <public_url>/scim/v2 with a\nbearer token.",
	}, t.scimSourceAdd(), t.scimSourceList(), t.scimSourceShow(), t.scimSourceRotate(), t.scimSourceDelete())
}

// scimSourceView is a SCIM source as JSON: the keys of site.yaml and what the
// directory adds. It holds no token.
type scimSourceView struct {
	Name string `json:"name"`
	schema.SCIMSource
	PreviousToken bool      `json:"has_previous_token,omitempty"` // still accepted
	Source        string    `json:"source"`
	UID           string    `json:"uid"`
	Created       time.Time `json:"created"`
	Updated       time.Time `json:"updated"`
}

func viewSCIMSource(s directory.SCIMSource) (scimSourceView, error) {
	v := scimSourceView{
		Name: s.Name, PreviousToken: len(s.Tokens[1]) > 0, Source: s.Source, UID: s.UID, Created: s.Created, Updated: s.Updated,
	}
	if err := json.Unmarshal(s.Config, &v.SCIMSource); err != nil {
		return v, fmt.Errorf("read the configuration of SCIM source %s: %w", s.Name, err)
	}
	v.SCIMSource = v.WithDefaults()
	return v, nil
}

func findSCIMSource(r *directory.Reader, name string) (directory.SCIMSource, error) {
	for s, err := range r.SCIMSources(directory.SCIMSourceQuery{Names: []string{name}}) {
		return s, err
	}
	return directory.SCIMSource{}, missing("SCIM source", name)
}

func (t *tool) scimSourceAdd() *cobra.Command {
	var config schema.SCIMSource
	var trusted bool
	c := &cobra.Command{
		Use: "add NAME", Short: "Add a SCIM source and print its token", Args: arguments(1, 1),
		Example: "  gatehouse scim-source add hr --profile entra --writable password --trust-emails",
		RunE: func(c *cobra.Command, args []string) error {
			if trusted {
				config.Emails = schema.EmailsTrusted
			}
			return t.saveSCIMSource(c, args[0], func(w *directory.Writer, n *directory.NewSCIMSource) error {
				_, err := findSCIMSource(w.Reader, args[0])
				if err == nil {
					return &directory.Error{Kind: directory.Exists, Msg: "there is already a SCIM source " + args[0]}
				}
				if !directory.Is(err, directory.NotFound) {
					return err
				}
				n.Config = config
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&config.Profile, "profile", "", "lenient (default), rfc, entra, okta or onelogin")
	f.StringArrayVar(&config.Writable, "writable", nil, "`attribute` it may set besides the usual: password, uidNumber, gidNumber, sshPublicKey; may be repeated")
	f.StringArrayVar(&config.WritableGroups, "writable-group", nil, "`group` of others that it may fill; may be repeated")
	f.StringArrayVar(&config.Networks, "network", nil, "`network` it may come from; may be repeated")
	f.BoolVar(&trusted, "trust-emails", false, "its addresses count as verified")
	return c
}

func (t *tool) scimSourceRotate() *cobra.Command {
	return &cobra.Command{
		Use: "rotate-token NAME", Short: "Give a SCIM source a new token and print it", Args: arguments(1, 1),
		Long: "Gives a SCIM source a new token. The one before is accepted until the next rotation, so that\n" +
			"the source can change over without a gap.",
		RunE: func(c *cobra.Command, args []string) error {
			return t.saveSCIMSource(c, args[0], func(w *directory.Writer, n *directory.NewSCIMSource) error {
				have, err := findSCIMSource(w.Reader, args[0])
				if err != nil {
					return err
				}
				return json.Unmarshal(have.Config, &n.Config)
			})
		},
	}
}

// saveSCIMSource saves what fill makes with a new token, and prints the token.
func (t *tool) saveSCIMSource(c *cobra.Command, name string, fill func(*directory.Writer, *directory.NewSCIMSource) error) error {
	return t.withCore(c.Context(), func(opened *core.Core) error {
		d := opened.Directory
		id, err := d.NewID()
		if err != nil {
			return err
		}
		token, err := credential.NewGenerated(rand.Reader, id)
		if err != nil {
			return fmt.Errorf("make a token: %w", err)
		}
		_, err = d.Write(c.Context(), t.operator(), func(w *directory.Writer) error {
			n := directory.NewSCIMSource{Name: name, Token: directory.Secret(token)}
			if err := fill(w, &n); err != nil {
				return err
			}
			_, err := w.SaveSCIMSource(n)
			return err
		})
		if err != nil {
			return err
		}
		t.say("%s/scim/v2 accepts this token of %s, which is shown once:", opened.Config.PublicURL, name)
		return t.printSecret(directory.Secret(token))
	})
}

func (t *tool) scimSourceList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List SCIM sources"}, listing[scimSourceView]{
		head: "NAME PROFILE EMAILS WRITABLE",
		find: func(r *directory.Reader) ([]scimSourceView, error) {
			return collect(r.SCIMSources(directory.SCIMSourceQuery{}), viewSCIMSource)
		},
		row: func(v *scimSourceView) []string {
			return []string{v.Name, v.Profile, v.Emails, strings.Join(v.Writable, ",")}
		},
	})
}

func (t *tool) scimSourceShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show NAME", Short: "Show a SCIM source",
	}, func(r *directory.Reader, name string) (scimSourceView, error) {
		s, err := findSCIMSource(r, name)
		if err != nil {
			return scimSourceView{}, err
		}
		return viewSCIMSource(s)
	})
}

func (v scimSourceView) facts() []fact {
	token := ""
	if v.PreviousToken {
		token = "the one before the last rotation is still accepted"
	}
	return []fact{
		{"name", v.Name},
		{"profile", v.Profile},
		{"emails", v.Emails},
		{"writable", strings.Join(v.Writable, ", ")},
		{"writable groups", strings.Join(v.WritableGroups, ", ")},
		{"networks", strings.Join(v.Networks, ", ")},
		{"previous token", token},
		{"source", v.Source},
		{"uid", v.UID},
		{"created", moment(v.Created)},
		{"updated", moment(v.Updated)},
	}
}

func (t *tool) scimSourceDelete() *cobra.Command {
	return t.deleteCommand(&cobra.Command{
		Use: "delete NAME", Short: "Delete a SCIM source; what it created stays",
	}, "Deleted SCIM source %s. The people it created stay.", func(w *directory.Writer, name string) error {
		s, err := findSCIMSource(w.Reader, name)
		if err != nil {
			return err
		}
		return w.DeleteSCIMSource(s.ID)
	})
}
