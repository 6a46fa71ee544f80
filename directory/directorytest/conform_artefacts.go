package directorytest

import (
	"testing"

	"gatehouse/directory"
)

func conformApps(t *testing.T, s directory.Store) {
	type Q = directory.AppQuery
	mustUpdate(t, s, func(tx *directory.Tx) error {
		if _, err := tx.Bindings.Delete(directory.BindingQuery{Apps: []directory.AppID{1, 2}}); err != nil {
			return err
		}
		if _, err := tx.Facets.Delete(directory.FacetQuery{Apps: []directory.AppID{1, 2}}); err != nil {
			return err
		}
		_, err := tx.Apps.Delete(Q{IDs: []directory.AppID{1, 2}})
		return err
	})
	rows := []directory.App{app(1), app(2), app(3)}
	tableCase[directory.App, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.App, Q] { return tx.Apps },
		rows:   rows,
		edit:   func(r *directory.App) { r.Name, r.Require, r.Rev = "Ü", nil, 2 },
		gone:   func(r *directory.App) { r.ID = 99 },
		remove: Q{Slugs: []string{"app-02", "app-03"}},
		left:   rows[:1],
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []directory.AppID{3, 1}}, want: []int{0, 2}},
			{name: "uids", q: Q{UIDs: []string{uid(3, 2)}}, want: []int{1}},
			{name: "slugs", q: Q{Slugs: []string{"app-02"}}, want: []int{1}},
		},
	}.run(t, s)
}

func sessionCase() tableCase[directory.Session, directory.SessionQuery] {
	type Q = directory.SessionQuery
	rows := []directory.Session{
		{
			Hash: []byte{3}, User: 1, Epoch: 7, AuthTime: at(1), Factors: []directory.Factor{directory.FactorPassword, directory.FactorTOTP},
			IP: "::1", UserAgent: "Browser", Created: at(30), LastSeen: at(31), IdleUntil: at(60), Expires: at(90),
		},
		{Hash: []byte{2}, User: 1, Created: at(20), Expires: at(90), Revoked: at(25)},
		{Hash: []byte{1}, User: 2, Created: at(10), Expires: at(15)},
	}
	return tableCase[directory.Session, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Session, Q] { return tx.Sessions },
		rows:   rows,
		edit:   func(r *directory.Session) { r.Revoked, r.LastSeen, r.Factors = at(50), at(49), nil },
		gone:   func(r *directory.Session) { r.Hash = []byte{99} },
		remove: Q{DeadBefore: at(40)},
		left:   rows[:1],
		queries: []queryCase[Q]{
			{name: "hashes", q: Q{Hashes: [][]byte{{1}, {3}, {4}}}, want: []int{0, 2}},
			{name: "hash", q: Q{Hashes: [][]byte{{2}}}, want: []int{1}},
			{name: "user", q: Q{User: 1}, want: []int{0, 1}},
			{name: "live", q: Q{LiveAt: at(40)}, want: []int{0}},
			{name: "idle too long", q: Q{LiveAt: at(61)}},
			{name: "dead", q: Q{DeadBefore: at(40)}, want: []int{1, 2}},
			{name: "limit", q: Q{Limit: 1}, want: []int{0}, count: 3},
		},
	}
}

func sessionAppCase() tableCase[directory.SessionApp, directory.SessionAppQuery] {
	type Q = directory.SessionAppQuery
	rows := []directory.SessionApp{
		{Session: []byte{1}, App: 1, SID: "s1", Created: at(1)}, {Session: []byte{1}, App: 2, Created: at(1)}, {Session: []byte{2}, App: 1, Created: at(1)},
	}
	return tableCase[directory.SessionApp, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.SessionApp, Q] { return tx.SessionApps },
		rows:   rows,
		edit:   func(r *directory.SessionApp) { r.SID = "s9" },
		gone:   func(r *directory.SessionApp) { r.App = 99 },
		remove: Q{Sessions: [][]byte{{1}}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "sessions", q: Q{Sessions: [][]byte{{1}}}, want: []int{0, 1}},
			{name: "sid", q: Q{SID: "s1"}, want: []int{0}},
		},
	}
}

func tokenCase() tableCase[directory.Token, directory.TokenQuery] {
	type Q = directory.TokenQuery
	rows := []directory.Token{
		{
			Hash: []byte{1}, Kind: "code", Family: "f1", Session: []byte{1}, App: 1, User: 1, Epoch: 3, Issuer: "https://i",
			Audience: []string{"a", "b"}, Scope: []string{"openid"}, Data: []byte(`{"nonce":"<&>"}`), Created: at(1), Expires: at(2), Consumed: at(1),
		},
		{Hash: []byte{3}, Kind: "refresh", Family: "f1", Session: []byte{1}, App: 1, User: 1, Created: at(2), Expires: at(50), Revoked: at(3)},
		{Hash: []byte{2}, Kind: "access", App: 2, Created: at(3)},
	}
	return tableCase[directory.Token, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Token, Q] { return tx.Tokens },
		rows:   rows,
		edit:   func(r *directory.Token) { r.Consumed, r.Revoked, r.Data, r.Scope = at(7), at(8), nil, nil },
		gone:   func(r *directory.Token) { r.Hash = []byte{99} },
		remove: Q{ExpiredBefore: at(90), Limit: 1},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "hashes", q: Q{Hashes: [][]byte{{2}, {1}}}, want: []int{0, 2}},
			{name: "kind", q: Q{Kind: "refresh"}, want: []int{1}},
			{name: "family", q: Q{Family: "f1"}, want: []int{0, 1}},
			{name: "session", q: Q{Session: []byte{1}}, want: []int{0, 1}},
			{name: "user and app", q: Q{User: 1, App: 1}, want: []int{0, 1}},
			{name: "app", q: Q{App: 2}, want: []int{2}},
			{name: "expired", q: Q{ExpiredBefore: at(50)}, want: []int{0}},
			{name: "limit", q: Q{ExpiredBefore: at(60), Limit: 1}, want: []int{0}, count: 2},
		},
	}
}

func consentCase() tableCase[directory.Consent, directory.ConsentQuery] {
	type Q = directory.ConsentQuery
	rows := []directory.Consent{{User: 1, App: 1, Scope: []string{"openid", "email"}, Created: at(1)}, {User: 1, App: 2, Created: at(1)}}
	return tableCase[directory.Consent, Q]{
		table:   func(tx *directory.Tx) directory.Table[directory.Consent, Q] { return tx.Consents },
		rows:    rows,
		edit:    func(r *directory.Consent) { r.Scope = nil },
		gone:    func(r *directory.Consent) { r.App = 9 },
		remove:  Q{User: 1, App: 1},
		left:    rows[1:],
		queries: []queryCase[Q]{{name: "user", q: Q{User: 1}, want: []int{0, 1}}, {name: "app", q: Q{App: 2}, want: []int{1}}},
	}
}

func deletedUserCase() tableCase[directory.DeletedUser, directory.DeletedUserQuery] {
	type Q = directory.DeletedUserQuery
	rows := []directory.DeletedUser{{User: 2, Rows: []byte(`{"status":"active"}`), Deleted: at(1)}, {User: 1, Rows: []byte("{}"), Deleted: at(5)}}
	return tableCase[directory.DeletedUser, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.DeletedUser, Q] { return tx.DeletedUsers },
		rows:   rows,
		edit:   func(r *directory.DeletedUser) { r.Deleted = at(2) },
		gone:   func(r *directory.DeletedUser) { r.User = 99 },
		remove: Q{Users: []directory.UserID{2}},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "users", q: Q{Users: []directory.UserID{1}}, want: []int{1}},
			{name: "before", q: Q{Before: at(5)}, want: []int{0}},
			{name: "limit", q: Q{Users: []directory.UserID{1, 2}, Limit: 1}, want: []int{0}, count: 2},
		},
	}
}

func activityCase() tableCase[directory.Activity, directory.ActivityQuery] {
	type Q = directory.ActivityQuery
	rows := []directory.Activity{{User: 1, LastLogin: at(1)}, {User: 2, LastLogin: at(2)}}
	return tableCase[directory.Activity, Q]{
		table:   func(tx *directory.Tx) directory.Table[directory.Activity, Q] { return tx.Activity },
		rows:    rows,
		edit:    func(r *directory.Activity) { r.LastLogin = at(9) },
		gone:    func(r *directory.Activity) { r.User = 9 },
		remove:  Q{Users: []directory.UserID{2}},
		left:    rows[:1],
		queries: []queryCase[Q]{{name: "users", q: Q{Users: []directory.UserID{2, 3}}, want: []int{1}}},
	}
}

func radiusSessionCase() tableCase[directory.RADIUSSession, directory.RADIUSSessionQuery] {
	type Q = directory.RADIUSSessionQuery
	rows := []directory.RADIUSSession{
		{
			ID: 9, Client: 1, User: 1, Username: "user01", Epoch: 5, AcctSessionID: "a1", State: directory.RADIUSStarted,
			CallingStationID: "AA-BB", CalledStationID: "CC:wifi", NASIP: "10.0.0.1", NASPort: "3", FramedIP: "10.1.0.1", Instance: "r1",
			LocalAddr: "10.0.0.2", InputOctets: 1 << 40, OutputOctets: 2, SessionTime: 3, Accepted: at(9), Updated: at(10),
			NASID: "ap-1", Peer: "10.0.0.3", Admission: []byte(`{"method":"pap"}`), Terms: "t", Expires: at(40), Until: at(30),
			Disconnect: directory.DisconnectSilent,
		},
		{ID: 3, Client: 1, User: 1, State: directory.RADIUSAccepted, Accepted: at(8), Updated: at(8)},
		{ID: 2, Client: 2, User: 2, AcctSessionID: "a1", State: directory.RADIUSEnded, TerminateCause: "Idle", Accepted: at(7), Updated: at(7), Ended: at(8)},
		{ID: 1, Client: 2, User: 2, State: directory.RADIUSPresumedEnded, Accepted: at(6), Updated: at(6), Ended: at(9)},
	}
	return tableCase[directory.RADIUSSession, Q]{
		table: func(tx *directory.Tx) directory.Table[directory.RADIUSSession, Q] { return tx.Network },
		rows:  rows,
		edit: func(r *directory.RADIUSSession) {
			r.State, r.Ended, r.FramedIP = directory.RADIUSPresumedEnded, at(20), ""
		},
		gone:   func(r *directory.RADIUSSession) { r.ID = 99 },
		remove: Q{EndedBefore: at(9)},
		left:   []directory.RADIUSSession{rows[0], rows[1], rows[3]},
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []int64{2, 3}}, want: []int{1, 2}},
			{name: "client and session", q: Q{Client: 1, AcctSessionID: "a1"}, want: []int{0}},
			{name: "user", q: Q{User: 1}, want: []int{0, 1}},
			{name: "calling", q: Q{Calling: "AA-BB"}, want: []int{0}},
			{name: "open", q: Q{Open: true}, want: []int{0, 1}},
			{name: "ended", q: Q{EndedBefore: at(9)}, want: []int{2}},
			{name: "live", q: Q{LiveAfter: at(9)}, want: []int{0, 1, 3}},
			{name: "live, of those ended later", q: Q{LiveAfter: at(10)}, want: []int{0, 1}},
			{name: "until", q: Q{UntilBefore: at(31)}, want: []int{0}},
			{name: "ended, by that time", q: Q{EndedBefore: at(10)}, want: []int{2, 3}},
			{name: "until, not yet", q: Q{UntilBefore: at(30)}, want: []int{}},
			{name: "limit", q: Q{Limit: 2}, want: []int{0, 1}, count: 4},
		},
	}
}

func accountingCase() tableCase[directory.RADIUSAccounting, directory.RADIUSAccountingQuery] {
	type Q = directory.RADIUSAccountingQuery
	rows := []directory.RADIUSAccounting{
		{ID: 1, Day: 18_280, At: at(1), Client: 1, Session: 7, Status: "start", SessionID: "a1", Username: "u\uFFFD", Packet: []byte{0, 255}},
		{ID: 2, Day: 18_281, At: at(2), Client: 1, Status: "stop", SessionID: "a1"},
	}
	return tableCase[directory.RADIUSAccounting, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.RADIUSAccounting, Q] { return tx.Accounting },
		rows:   rows,
		edit:   func(r *directory.RADIUSAccounting) { r.Status = "interim" },
		gone:   func(r *directory.RADIUSAccounting) { r.ID = 99 },
		remove: Q{BeforeDay: 18_281},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "client", q: Q{Client: 1}, want: []int{0, 1}},
			{name: "limit", q: Q{BeforeDay: 18_300, Limit: 1}, want: []int{0}, count: 2},
		},
	}
}

func failuresCase() tableCase[directory.Failures, directory.FailuresQuery] {
	type Q = directory.FailuresQuery
	rows := []directory.Failures{
		{Key: "a", Bucket: directory.BucketPair, User: 1, Source: "192.0.2.1", Count: 3, Pending: 1, Until: at(5), Updated: at(1)},
		{Key: "b", Bucket: directory.BucketAccount, User: 2, Count: 1, Succeeded: at(8), Updated: at(9)},
	}
	return tableCase[directory.Failures, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Failures, Q] { return tx.Failures },
		rows:   rows,
		edit:   func(r *directory.Failures) { r.Count, r.Until = 4, at(6) },
		gone:   func(r *directory.Failures) { r.Key = "gone" },
		remove: Q{Before: at(5)},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "keys", q: Q{Keys: []string{"a", "b"}}, want: []int{0, 1}},
			{name: "user", q: Q{User: 2}, want: []int{1}},
			{name: "before", q: Q{Before: at(9)}, want: []int{0}},
			{name: "succeeded before", q: Q{Before: at(99), SucceededBefore: at(8)}, want: []int{0}},
			{name: "limited", q: Q{LimitedAt: at(5)}, want: []int{0}},
		},
	}
}

func jobCase() tableCase[directory.Job, directory.JobQuery] {
	type Q = directory.JobQuery
	rows := []directory.Job{
		{ID: 2, Kind: "mail", Payload: []byte{1}, RunAt: at(1), Created: at(1)},
		{
			ID: 1, Kind: "disconnect", Key: "k", RunAt: at(2), Attempts: 2, ReservedFor: "r1", ReservedTil: at(3), LeaseOwner: "r2",
			LeaseUntil: at(9), LastError: "timeout", Created: at(1),
		},
		{ID: 3, Kind: "mail", RunAt: at(20), Created: at(1)},
	}
	return tableCase[directory.Job, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Job, Q] { return tx.Jobs },
		rows:   rows,
		edit:   func(r *directory.Job) { r.Attempts, r.LeaseOwner, r.LeaseUntil = 1, "x", at(4) },
		gone:   func(r *directory.Job) { r.ID = 99 },
		remove: Q{IDs: []directory.JobID{1, 2}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "kinds", q: Q{Kinds: []string{"mail"}}, want: []int{0, 2}},
			{name: "key", q: Q{Key: "k"}, want: []int{1}},
			{name: "due", q: Q{DueAt: at(5)}, want: []int{0}},
			{name: "due after the lease", q: Q{DueAt: at(9)}, want: []int{0, 1}},
			{name: "limit", q: Q{Kinds: []string{"mail", "disconnect"}, Limit: 2}, want: []int{0, 1}, count: 3},
		},
	}
}
