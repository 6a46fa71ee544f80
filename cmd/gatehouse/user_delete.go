package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) userDelete() *cobra.Command {
	return t.deleteCommand(&cobra.Command{
		Use: "delete NAME", Short: "Delete a person",
		Long: "Deletes a person: out of every listing, sessions ended, name and addresses free at once.\n" +
			"For 30 days `gatehouse user undelete` brings the person back. A person who is on leave is\n" +
			"better disabled.",
	}, "Deleted %s.", func(w *directory.Writer, name string) error {
		return person(name, func(w *directory.Writer, u directory.User) error { return w.DeleteUser(u.ID) })(w)
	})
}

func (t *tool) userUndelete() *cobra.Command {
	return t.jsonFlag(&cobra.Command{
		Use: "undelete NAME|UID", Short: "Bring back a person who was deleted in the last 30 days", Args: arguments(1, 1),
		Long: "Brings back a person who was deleted in the last 30 days, with uid, Unix number, addresses,\n" +
			"credentials, role and groups. Username and addresses must still be free. What a deletion ended\n" +
			"stays ended, and an app that was bound to the person must be bound again.\n" +
			"See `gatehouse user list --status deleted`.",
		Example: "  gatehouse user undelete jane",
		RunE: func(c *cobra.Command, args []string) error {
			var view userView
			err := t.write(c, func(w *directory.Writer) error {
				id, err := deletedUser(w.Reader, args[0])
				if err != nil {
					return err
				}
				u, err := w.UndeleteUser(id)
				if err != nil {
					return err
				}
				view, err = viewUser(w.Reader, u)
				return err
			})
			if err != nil {
				return err
			}
			return t.changedUser(view, "%s is back.", view.Username)
		},
	})
}

// deletedUser finds a deleted person by username or uid.
func deletedUser(r *directory.Reader, which string) (id directory.UserID, err error) {
	var uids []string
	for u, err := range r.Users(directory.UserQuery{Statuses: []directory.Status{directory.Deleted}}) {
		switch {
		case err != nil:
			return 0, err
		case u.UID == which:
			return u.ID, nil
		case strings.EqualFold(u.Username, which):
			id, uids = u.ID, append(uids, u.UID)
		}
	}
	switch len(uids) {
	case 0:
		return 0, &directory.Error{Kind: directory.NotFound, Entity: "user", Msg: "nobody called " + which + " was deleted in the last 30 days"}
	case 1:
		return id, nil
	default:
		return 0, usagef("%d people called %s were deleted; name one by uid: %s", len(uids), which, strings.Join(uids, ", "))
	}
}
