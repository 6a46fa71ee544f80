package site

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// secretField is a secret that may be given in place or by a file.
type secretField struct {
	place  string   // of the object
	key    string   // "password"
	value  **string // in place
	file   string   // value of key + "_file"
	secret bool     // false: contents that anybody may read
}

// secrets lists every such field of the file.
func (s *Site) secrets() []secretField {
	var out []secretField
	for i := range s.Users {
		u, place := &s.Users[i], fmt.Sprintf("$.users[%d]", i)
		out = append(out, secretField{place, "password", &u.Password, u.PasswordFile, true},
			secretField{place, "password_hash", &u.PasswordHash, u.HashFile, true})
	}
	for i := range s.ServiceAccounts {
		a := &s.ServiceAccounts[i]
		out = append(out, secretField{fmt.Sprintf("$.service_accounts[%d]", i), "password", &a.Password, a.PasswordFile, true})
	}
	for i := range s.Apps {
		place := fmt.Sprintf("$.apps[%d]", i)
		if o := s.Apps[i].OIDC; o != nil {
			out = append(out, secretField{place + ".oidc", "client_secret", &o.ClientSecret, o.SecretFile, true})
		}
	}
	for i := range s.RADIUSClients {
		c, place := &s.RADIUSClients[i], fmt.Sprintf("$.radius_clients[%d]", i)
		out = append(out, secretField{place, "secret", &c.Secret, c.SecretFile, true},
			secretField{place, "next_secret", &c.NextSecret, c.NextSecretFile, true})
	}
	for i := range s.SCIMSources {
		c := &s.SCIMSources[i]
		out = append(out, secretField{fmt.Sprintf("$.scim_sources[%d]", i), "token", &c.Token, c.TokenFile, true})
	}
	return out
}

// hasSecrets reports whether a secret stands in the file itself.
func (s *Site) hasSecrets() bool {
	return slices.ContainsFunc(s.secrets(), func(f secretField) bool { return *f.value != nil && f.file == "" })
}

// readFiles fills in what is given by a file.
func (s *Site) readFiles(dir string) error {
	for _, f := range s.secrets() {
		if err := s.readFile(dir, f); err != nil {
			return err
		}
		if *f.value != nil && printedInDocs(**f.value) {
			return s.text.problem(f.place+"."+f.key, "%s is the one printed in the documentation; make your own", f.key)
		}
	}
	for i := range s.Apps {
		saml := s.Apps[i].SAML
		if saml == nil || saml.MetadataFile == "" {
			continue
		}
		metadata := &saml.Metadata
		if err := s.readFile(dir, secretField{fmt.Sprintf("$.apps[%d].saml", i), "metadata", &metadata, saml.MetadataFile, false}); err != nil {
			return err
		}
		saml.Metadata = *metadata
	}
	return nil
}

func (s *Site) readFile(dir string, f secretField) error {
	if f.file == "" {
		return nil
	}
	place := f.place + "." + f.key + "_file"
	if *f.value != nil && **f.value != "" {
		return s.text.problem(place, "give %s or %s_file, not both", f.key, f.key)
	}
	path := f.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	b, mode, err := readBounded(path, maxSecret)
	if err != nil {
		return s.text.problem(place, "%v", err)
	}
	if f.secret && mode.Perm()&0o007 != 0 {
		return s.text.problem(place, "%s can be read by others (mode %04o); chmod 600 it", path, mode.Perm())
	}
	value := strings.TrimRight(string(b), "\r\n")
	*f.value = &value
	return nil
}

// printedInDocs reports whether a secret is an example of our documentation.
func printedInDocs(secret string) bool {
	return slices.Contains([]string{"…", "change-me"}, secret)
}
