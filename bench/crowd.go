package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"gatehouse/directory"
	"gatehouse/directory/sqlstore"
	"gatehouse/test/stage"
)

// crowd is a directory that is too large for `gatehouse apply`. It is written
// through the store itself, a few thousand rows a transaction.
type crowd struct {
	people

	start time.Time
}

// crowdAttributes is how many values each person has, names and address
// included.
const crowdAttributes = 15

// perWrite is how many people, or groups, one transaction writes: it must end
// long before the store's patience with one writer.
const perWrite = 1000

func newCrowd(count int) (crowd, error) {
	p, err := newPeople(count).withGroups(max(count/10, 1))
	p.format = "person%07d"
	return crowd{people: p, start: time.Now().UTC().Truncate(time.Microsecond)}, err
}

// The ids of a crowd are far below those that the product makes from the
// clock, so they cannot meet.
func (c crowd) userID(i int) directory.UserID   { return directory.UserID(1_000_000_000 + i) }
func (c crowd) groupID(i int) directory.GroupID { return directory.GroupID(2_000_000_000 + i) }
func (c crowd) passwordID(i int) directory.CredentialID {
	return directory.CredentialID(3_000_000_000 + i)
}

// load writes everything and then announces nothing: ldapd is not running and
// loads a snapshot.
func (c crowd) load(ctx context.Context, g *stage.Gatehouse, url string) (err error) {
	if url == "" {
		url = "sqlite:"
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: url, DataDir: g.Data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, part := range []struct {
		rows  int
		write func(tx *directory.Tx, from, to int) error
	}{{c.groups, c.writeGroups}, {c.count, c.writePeople}} {
		for from := 0; from < part.rows; from += perWrite {
			if _, err := store.Update(ctx, func(tx *directory.Tx) error {
				return part.write(tx, from, min(from+perWrite, part.rows))
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c crowd) writeGroups(tx *directory.Tx, from, to int) error {
	var groups []directory.Group
	var numbers []directory.PosixID
	var nestings []directory.Nesting
	for i := from; i < to; i++ {
		name, uid := groupName(i), uuid.NewString()
		groups = append(groups, directory.Group{
			ID: c.groupID(i), UID: uid, Name: name, NameKey: name, Source: "local", Rev: 1, Created: c.start, Updated: c.start,
		})
		numbers = append(numbers, directory.PosixID{Number: int64(1_900_000_000 + i), OwnerUID: uid})
		if parent, ok := above(i); ok {
			nestings = append(nestings, directory.Nesting{Parent: c.groupID(parent), Child: c.groupID(i), Source: "local"})
		}
	}
	return errors.Join(tx.Groups.Insert(groups...), tx.PosixIDs.Insert(numbers...), tx.Nestings.Insert(nestings...))
}

func (c crowd) writePeople(tx *directory.Tx, from, to int) error {
	var (
		people    []directory.User
		mails     []directory.EmailRow
		logins    []directory.LoginName
		numbers   []directory.PosixID
		members   []directory.Membership
		passwords []directory.Credential
	)
	for i := from; i < to; i++ {
		id, uid, name, mail := c.userID(i), uuid.NewString(), c.name(i), c.mail(i)
		people = append(people, directory.User{
			ID: id, UID: uid, Kind: directory.Person, Username: name, NameKey: name, Status: directory.Active,
			Source: "local", Rev: 1, Epoch: 1, Created: c.start, Updated: c.start, Profile: c.profile(i),
		})
		mails = append(mails, directory.EmailRow{User: id, AddressKey: mail, Email: directory.Email{Address: mail, Primary: true, Verified: true, Source: "local"}})
		logins = append(logins, directory.LoginName{Key: name, User: id, Kind: directory.LoginUsername},
			directory.LoginName{Key: mail, User: id, Kind: directory.LoginEmail})
		numbers = append(numbers, directory.PosixID{Number: int64(1_881_000_000 + i), OwnerUID: uid})
		for n := range teams {
			members = append(members, directory.Membership{Group: c.groupID(c.team(i, n)), User: id, Source: "local"})
		}
		if hash := c.hash(i); hash != "" {
			passwords = append(passwords, directory.Credential{
				ID: c.passwordID(i), User: id, Kind: directory.CredentialPassword, Version: int64(i), Verifier: hash, Created: c.start,
			})
		}
	}
	return errors.Join(tx.Users.Insert(people...), tx.Emails.Insert(mails...), tx.LoginNames.Insert(logins...),
		tx.PosixIDs.Insert(numbers...), tx.Members.Insert(members...), tx.Credentials.Insert(passwords...))
}

// profile is what an HR system knows of a person; values repeat as they do in
// a company.
func (c crowd) profile(i int) directory.Attributes {
	return directory.Attributes{
		"givenName":         {fmt.Sprintf("Given%d", i%5000)},
		"familyName":        {fmt.Sprintf("Family%d", i%20000)},
		"displayName":       {fmt.Sprintf("Given%d Family%d", i%5000, i%20000)},
		"title":             {fmt.Sprintf("Title %d", i%300)},
		"department":        {fmt.Sprintf("Department %d", i%200)},
		"organization":      {"Example"},
		"employeeNumber":    {fmt.Sprintf("E%07d", i)},
		"locality":          {fmt.Sprintf("Town %d", i%1000)},
		"preferredLanguage": {[]string{"en", "de", "fr"}[i%3]},
		"workPhone":         {fmt.Sprintf("+41 44 %07d", rand.IntN(10_000_000))},
		"mobilePhone":       {fmt.Sprintf("+41 79 %07d", rand.IntN(10_000_000))},
	}
}

// found initialises a store and applies each site.yaml.
func (r *runner) found(ctx context.Context, g *stage.Gatehouse, sites []string, adminPassword string) error {
	password, path := filepath.Join(g.Dir, "admin.pw"), filepath.Join(g.Dir, "site.yaml")
	if err := os.WriteFile(password, []byte(adminPassword), 0o600); err != nil {
		return err
	}
	if err := mustRun(ctx, g, "init", "--admin", "root-admin", "--admin-password-file", password); err != nil {
		return err
	}
	for _, site := range sites {
		if err := os.WriteFile(path, []byte(site), 0o600); err != nil {
			return err
		}
		if err := mustRun(ctx, g, "apply", "-f", path); err != nil {
			return err
		}
	}
	return nil
}

func mustRun(ctx context.Context, g *stage.Gatehouse, args ...string) error {
	done, err := g.CLI(ctx, "", args...)
	if err == nil && done.Code != 0 {
		err = fmt.Errorf("gatehouse %s: exit code %d: %.2000s", args[0], done.Code, done.Stderr)
	}
	return err
}

// idOf is the id of the resource in an answer, which must be a success.
func idOf(resp *http.Response) (string, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("SCIM: %s %s", resp.Status, body)
	}
	var made struct{ ID string }
	if len(body) > 0 {
		err = json.Unmarshal(body, &made)
	}
	return made.ID, err
}
