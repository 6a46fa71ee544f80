package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) appCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "app", Short: "Apps that people enter",
		Long: "Apps that people enter. They are made and changed by `gatehouse apply`.",
	}, t.appList(), t.appShow(), t.appDelete())
}

// appView is an app as JSON: the keys of site.yaml and what the directory adds.
type appView struct {
	Slug       string             `json:"slug"`
	Name       string             `json:"name"`
	LaunchURL  string             `json:"launch_url,omitempty"`
	PolicyMode string             `json:"policy_mode"`
	Require    []directory.Factor `json:"require,omitempty"`
	Bindings   []bindingView      `json:"bindings"`
	OIDC       json.RawMessage    `json:"oidc,omitempty"`
	SAML       json.RawMessage    `json:"saml,omitempty"`
	LDAP       json.RawMessage    `json:"ldap,omitempty"`
	RADIUS     json.RawMessage    `json:"radius,omitempty"`
	Proxy      json.RawMessage    `json:"proxy,omitempty"`
	SCIM       json.RawMessage    `json:"scim,omitempty"`
	Access     string             `json:"access"` // who may enter, as one sentence
	Warnings   []string           `json:"warnings,omitempty"`
	Builtin    bool               `json:"builtin,omitempty"`
	Source     string             `json:"source"`
	UID        string             `json:"uid"`
	Created    time.Time          `json:"created"`
	Updated    time.Time          `json:"updated"`

	protocols []string
}

// bindingView is a binding in the form of site.yaml.
type bindingView struct {
	Group    string `json:"group,omitempty"`
	User     string `json:"user,omitempty"`
	Policy   string `json:"policy,omitempty"`
	Negate   bool   `json:"negate,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
	Missing  bool   `json:"missing,omitempty"` // what it named was deleted
}

func viewApp(r *directory.Reader, a directory.App) (appView, error) {
	v := appView{
		Slug: a.Slug, Name: a.Name, LaunchURL: a.LaunchURL, PolicyMode: string(a.PolicyMode), Require: a.Require,
		Bindings: []bindingView{}, Builtin: a.Builtin, Source: a.Source, UID: a.UID, Created: a.Created, Updated: a.Updated,
	}
	bindings, err := r.BoundTo(a.ID)
	if err != nil {
		return v, err
	}
	for _, b := range bindings {
		v.Bindings = append(v.Bindings, viewBinding(b))
	}
	v.Access = a.Sentence(bindings)
	if v.Warnings, err = r.Warnings(a); err != nil {
		return v, err
	}
	for f, err := range r.Facets(directory.FacetQuery{Apps: []directory.AppID{a.ID}}) {
		if err != nil {
			return v, err
		}
		v.addFacet(f)
	}
	return v, nil
}

func viewBinding(b directory.Binding) bindingView {
	v := bindingView{Negate: b.Negate, Disabled: b.Disabled, Missing: b.Missing()}
	switch b.Kind {
	case directory.BindUser:
		v.User = b.RefName
	case directory.BindGroup:
		v.Group = b.RefName
	case directory.BindPolicy:
		v.Policy = b.RefName
	}
	return v
}

func (v *appView) addFacet(f directory.Facet) {
	v.protocols = append(v.protocols, string(f.Protocol))
	config := json.RawMessage(f.Config)
	switch f.Protocol {
	case directory.ProtocolOIDC:
		v.OIDC = config
	case directory.ProtocolSAML:
		v.SAML = config
	case directory.ProtocolLDAP:
		v.LDAP = config
	case directory.ProtocolRADIUS:
		v.RADIUS = config
	case directory.ProtocolProxy:
		v.Proxy = config
	case directory.ProtocolSCIM:
		v.SCIM = config
	case directory.ProtocolWeb, directory.ProtocolAPI:
	}
}

func (t *tool) appShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show SLUG", Short: "Show an app and who may enter it",
	}, func(r *directory.Reader, slug string) (appView, error) {
		a, err := r.AppBySlug(slug)
		if err != nil {
			return appView{}, err
		}
		return viewApp(r, a)
	})
}

func (v appView) facts() []fact {
	require := make([]string, len(v.Require))
	for i, f := range v.Require {
		require[i] = string(f)
	}
	out := []fact{{"slug", v.Slug}, {"name", v.Name}, {"access", v.Access}, {"factors", strings.Join(require, ", ")}, {"launch", v.LaunchURL}}
	for _, f := range []struct {
		protocol string
		config   json.RawMessage
	}{{"oidc", v.OIDC}, {"saml", v.SAML}, {"ldap", v.LDAP}, {"radius", v.RADIUS}, {"proxy", v.Proxy}, {"scim", v.SCIM}} {
		out = append(out, fact{f.protocol, string(f.config)})
	}
	for _, w := range v.Warnings {
		out = append(out, fact{"warning", w})
	}
	return append(out, fact{"source", v.Source}, fact{"uid", v.UID}, fact{"created", moment(v.Created)}, fact{"updated", moment(v.Updated)})
}

func (t *tool) appList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List apps"}, listing[appView]{
		head: "SLUG NAME PROTOCOLS ACCESS",
		find: func(r *directory.Reader) ([]appView, error) {
			return collect(r.Apps(directory.AppQuery{}), func(a directory.App) (appView, error) { return viewApp(r, a) })
		},
		row: func(v *appView) []string {
			return []string{v.Slug, v.Name, strings.Join(v.protocols, ","), v.Access}
		},
	})
}

func (t *tool) appDelete() *cobra.Command {
	return t.deleteCommand(&cobra.Command{
		Use: "delete SLUG", Short: "Delete an app",
		Long: "Deletes an app with its protocols and bindings. Its tokens open nothing any more.",
	}, "Deleted app %s.", func(w *directory.Writer, slug string) error {
		a, err := w.AppBySlug(slug)
		if err != nil {
			return err
		}
		return w.DeleteApp(a.ID)
	})
}
