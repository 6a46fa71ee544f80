package directory_test

import (
	"reflect"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// The rows of the rights table, by exported method. A method without a row fails.
var (
	writerVerbs = map[string]directory.Verb{
		"CreateUser": directory.VerbCreateUser, "UpdateUser": directory.VerbUpdateUser, "RenameUser": directory.VerbRenameUser,
		"DeleteUser": directory.VerbDeleteUser, "UndeleteUser": directory.VerbUndeleteUser,
		"DisableUser": directory.VerbDisableUser, "EnableUser": directory.VerbEnableUser, "Lockdown": directory.VerbLockdown,
		"Grant": directory.VerbGrant, "Revoke": directory.VerbGrant,
		"SetPassword": directory.VerbSetPassword, "RequirePasswordChange": directory.VerbSetPassword,
		"AddGenerated": directory.VerbSetPassword, "AddNetworkPassword": directory.VerbSetPassword,
		"RemoveCredential": directory.VerbSetPassword, "AddTOTP": directory.VerbSetFactor, "AddRecoveryCodes": directory.VerbSetFactor,
		"CreateGroup": directory.VerbWriteGroup, "UpdateGroup": directory.VerbWriteGroup, "DeleteGroup": directory.VerbDeleteGroup,
		"AddMembers": directory.VerbWriteMembers, "RemoveMembers": directory.VerbWriteMembers, "ReplaceMembers": directory.VerbWriteMembers,
		"AddNesting": directory.VerbWriteMembers, "RemoveNesting": directory.VerbWriteMembers, "ReplaceNestings": directory.VerbWriteMembers,
		"SetExternalID": directory.VerbWriteMembers,
		"CreateApp":     directory.VerbWriteConfig, "UpdateApp": directory.VerbWriteConfig, "DeleteApp": directory.VerbWriteConfig,
		"SetFacet": directory.VerbWriteConfig, "RemoveFacet": directory.VerbWriteConfig, "SetBindings": directory.VerbWriteConfig,
		"SavePolicy": directory.VerbWriteConfig, "DeletePolicy": directory.VerbWriteConfig, "SetSetting": directory.VerbWriteConfig,
		"SaveRADIUSClient": directory.VerbWriteConfig, "DeleteRADIUSClient": directory.VerbWriteConfig,
		"SaveSCIMSource": directory.VerbWriteConfig, "DeleteSCIMSource": directory.VerbWriteConfig,
		"AddSigningKey": directory.VerbWriteConfig, "SetKeyState": directory.VerbWriteConfig, "Bootstrap": directory.VerbWriteConfig,
		"AddCertificate": directory.VerbSetPassword, "RevokeCertificate": directory.VerbSetPassword,
		"AddClientCertificate": directory.VerbWriteConfig, "RevokeClientCertificate": directory.VerbWriteConfig,
		"AddJob": directory.VerbWriteArtefacts, "EndNetworkSession": directory.VerbEndSession,
	}
	readerVerbs = map[string]directory.Verb{
		"Users": directory.VerbReadUsers, "BareUsers": directory.VerbReadUsers, "CountUsers": directory.VerbReadUsers,
		"User": directory.VerbReadUsers, "UserByUID": directory.VerbReadUsers, "UserByName": directory.VerbReadUsers,
		"Groups": directory.VerbReadUsers, "BareGroups": directory.VerbReadUsers, "CountGroups": directory.VerbReadUsers,
		"Group": directory.VerbReadUsers, "GroupByUID": directory.VerbReadUsers, "GroupByName": directory.VerbReadUsers,
		"Memberships": directory.VerbReadUsers, "Nestings": directory.VerbReadUsers, "GroupsOf": directory.VerbReadUsers,
		"ExternalIDs": directory.VerbReadUsers, "Head": directory.VerbReadUsers, "Now": directory.VerbReadUsers, "Snapshot": directory.VerbReadUsers,
		"Grants": directory.VerbReadCredentials, "Credentials": directory.VerbReadCredentials, "Passwords": directory.VerbReadCredentials, "Certificates": directory.VerbReadCredentials,
		"NetworkSessions": directory.VerbReadCredentials, "LastLogin": directory.VerbReadCredentials, "Limits": directory.VerbReadCredentials,
		"Apps": directory.VerbReadConfig, "AppBySlug": directory.VerbReadConfig, "Facets": directory.VerbReadConfig,
		"Bindings": directory.VerbReadConfig, "Policies": directory.VerbReadConfig, "PolicyByName": directory.VerbReadConfig,
		"BoundTo": directory.VerbReadConfig, "CheckSelfWritable": directory.VerbReadConfig, "Warnings": directory.VerbReadConfig, "RADIUSClients": directory.VerbReadConfig,
		"SCIMSources": directory.VerbReadConfig, "SigningKeys": directory.VerbReadConfig, "Setting": directory.VerbReadConfig,
		"MFAImpact": directory.VerbReadConfig, "Events": directory.VerbReadAudit,
	}
	// directoryVerbs of methods that take an Actor. The others are for daemons,
	// which the operating system keeps apart.
	directoryVerbs = map[string]directory.Verb{
		"Read": directory.VerbReadUsers, "Write": "", "Why": directory.VerbReadConfig, "Unlock": directory.VerbUnlock,
		"VerifyAudit": directory.VerbReadAudit, "RestoreChains": operatorOnly, "SambaHashes": directory.VerbReadSamba,
	}
)

// who may do a verb: with a role, up to which rank the target may have; with a
// grant, to people without a role. Absent: nobody.
type who map[directory.Right]int

const anybody directory.Right = "oneself" // to oneself

// operatorOnly is no verb of the table: whoever has the host and its keys.
const operatorOnly directory.Verb = "operator"

// expected is the table once more, written down by itself. Ranks: 3 owner, 2
// admin, 1 helpdesk and auditor.
var expected = map[directory.Verb]who{
	directory.VerbCreateUser:     {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbUpdateUser:     {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.WriteAttributes: 0, directory.APIWrite: 0, anybody: 0},
	directory.VerbRenameUser:     {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbDeleteUser:     {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbUndeleteUser:   {directory.RoleOwner: 3, directory.RoleAdmin: 3}, // of rows that are not there
	directory.VerbDisableUser:    {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbEnableUser:     {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbLockdown:       {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.APIWrite: 0, anybody: 0},
	directory.VerbUnlock:         {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.RoleHelpdesk: 0},
	directory.VerbGrant:          {directory.RoleOwner: 3},
	directory.VerbSetPassword:    {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.RoleHelpdesk: 0, directory.WritePassword: 0, anybody: 0},
	directory.VerbSetFactor:      {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.RoleHelpdesk: 0},
	directory.VerbWriteGroup:     {directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbDeleteGroup:    {directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.WriteEntries: 0, directory.APIWrite: 0},
	directory.VerbWriteMembers:   {directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.WriteMembers: 0, directory.APIWrite: 0},
	directory.VerbWriteConfig:    {directory.RoleOwner: 3, directory.RoleAdmin: 3},
	directory.VerbWriteArtefacts: {},
	directory.VerbEndSession:     {directory.RoleOwner: 3, directory.RoleAdmin: 1, directory.RoleHelpdesk: 0, anybody: 0},
	directory.VerbReadUsers: {
		directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.RoleHelpdesk: 3, directory.RoleAuditor: 3,
		directory.ReadDirectory: 0, directory.APIRead: 0, directory.APIWrite: 0,
	},
	directory.VerbReadCredentials: {
		directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.RoleHelpdesk: 3, directory.RoleAuditor: 3,
		directory.APIRead: 0, directory.APIWrite: 0,
	},
	directory.VerbReadConfig: {directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.RoleAuditor: 3, directory.APIRead: 0, directory.APIWrite: 0},
	directory.VerbReadSamba:  {directory.ReadSamba: 0},
	directory.VerbReadAudit:  {directory.RoleOwner: 3, directory.RoleAdmin: 3, directory.RoleAuditor: 3},
}

// may is what the table says of a right at a target of some rank.
func may(v directory.Verb, r directory.Right, rank int) bool {
	most, ok := expected[v][r]
	return ok && rank <= most
}

// cast is one principal for each right, and the targets by their rank.
type cast struct {
	actors  map[directory.Right]directory.Actor // "": a person without any
	targets []directory.User                    // of rank 0 to 3
	broken  directory.User
}

func (f *fixture) cast() cast {
	f.t.Helper()
	c := cast{actors: map[directory.Right]directory.Actor{}}
	f.write(func(w *directory.Writer) error {
		add := func(name string, kind directory.UserKind, rights ...directory.Right) (directory.User, error) {
			u, err := w.CreateUser(directory.User{Username: name, Kind: kind})
			for _, r := range rights {
				if err == nil && r != "" {
					err = w.Grant(u.ID, r, time.Time{})
				}
			}
			return u, err
		}
		for i, r := range []directory.Right{
			"", directory.RoleOwner, directory.RoleAdmin, directory.RoleHelpdesk, directory.RoleAuditor, directory.ReadDirectory,
			directory.ReadSamba, directory.ReadApp("wiki"), directory.WritePassword, directory.WriteAttributes, directory.WriteMembers,
			directory.WriteEntries, directory.Sync, directory.APIRead, directory.APIWrite,
		} {
			a := directory.Actor{Kind: directory.ActorPerson, Name: "actor" + string(rune('a'+i)), Rights: []directory.Right{r}}
			kind := directory.Person
			if r != "" && !r.IsRole() {
				a.Kind, kind = directory.ActorService, directory.ServiceAccount
			}
			u, err := add(a.Name, kind, r)
			if err != nil {
				return err
			}
			a.User = u.ID
			c.actors[r] = a
		}
		for i, r := range []directory.Right{"", directory.RoleHelpdesk, directory.RoleAdmin, directory.RoleOwner} {
			u, err := add("target"+string(rune('a'+i)), directory.Person, r)
			if err != nil {
				return err
			}
			c.targets = append(c.targets, u)
		}
		var err error
		c.broken, err = add("emergency", directory.Person, directory.RoleOwner, directory.BreakGlass)
		return err
	})
	return c
}

// callWriter calls a method with a target and otherwise zero arguments, and
// reports whether the rights were what stopped it. Nothing is kept.
func (f *fixture) callWriter(m reflect.Method, by directory.Actor, target directory.UserID) (denied bool) {
	f.t.Helper()
	err := f.tryWrite(by, func(w *directory.Writer) error {
		args := []reflect.Value{reflect.ValueOf(w)}
		for p := 1; p < m.Type.NumIn(); p++ {
			in := m.Type.In(p)
			switch {
			case m.Type.IsVariadic() && p == m.Type.NumIn()-1:
				continue
			case in == reflect.TypeFor[directory.UserID]():
				args = append(args, reflect.ValueOf(target))
			case in.Kind() == reflect.Func:
				args = append(args, reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value {
					return []reflect.Value{reflect.Zero(reflect.TypeFor[error]())}
				}))
			case in.Kind() == reflect.Struct && field(in, "User"):
				v := reflect.New(in).Elem()
				v.FieldByName("User").Set(reflect.ValueOf(target))
				args = append(args, v)
			default:
				args = append(args, reflect.Zero(in))
			}
		}
		out := m.Func.Call(args)
		if err, ok := out[len(out)-1].Interface().(error); ok {
			return err
		}
		return errKeepNothing
	})
	return directory.Is(err, directory.Denied)
}

func field(t reflect.Type, name string) bool {
	f, ok := t.FieldByName(name)
	return ok && f.Type == reflect.TypeFor[directory.UserID]()
}

// targeted reports whether a method is about one user.
func targeted(m reflect.Method) bool {
	if m.Name == "UndeleteUser" || m.Name == "AddNesting" {
		return false
	}
	for p := 1; p < m.Type.NumIn(); p++ {
		in := m.Type.In(p)
		if in == reflect.TypeFor[directory.UserID]() || in.Kind() == reflect.Struct && in != reflect.TypeFor[directory.User]() && field(in, "User") {
			return !m.Type.IsVariadic()
		}
	}
	return false
}

func TestEveryWriteByEveryRole(t *testing.T) {
	f := open(t)
	c := f.cast()
	reads := reflect.TypeFor[*directory.Reader]()
	writer := reflect.TypeFor[*directory.Writer]()
	for i := range writer.NumMethod() {
		m := writer.Method(i)
		if _, isRead := reads.MethodByName(m.Name); isRead {
			continue
		}
		v, ok := writerVerbs[m.Name]
		if !ok {
			t.Errorf("Writer.%s has no row in the rights table", m.Name)
			continue
		}
		for r, by := range c.actors {
			if !targeted(m) {
				if denied := f.callWriter(m, by, 0); denied == may(v, r, 0) {
					t.Errorf("%s by %q: denied %v", m.Name, r, denied)
				}
				continue
			}
			for rank, target := range c.targets {
				if denied := f.callWriter(m, by, target.ID); denied == may(v, r, rank) {
					t.Errorf("%s by %q on %s: denied %v", m.Name, r, target.Username, denied)
				}
			}
			if !f.callWriter(m, by, c.broken.ID) {
				t.Errorf("%s by %q on the break-glass account: not denied", m.Name, r)
			}
		}
		if by := c.actors[""]; targeted(m) && f.callWriter(m, by, by.User) == may(v, anybody, 0) {
			t.Errorf("%s by a person on themselves: want allowed %v", m.Name, may(v, anybody, 0))
		}
	}
}

func TestEveryReadByEveryRole(t *testing.T) {
	f := open(t)
	c := f.cast()
	reader := reflect.TypeFor[*directory.Reader]()
	for i := range reader.NumMethod() {
		m := reader.Method(i)
		v, ok := readerVerbs[m.Name]
		if !ok {
			t.Errorf("Reader.%s has no row in the rights table", m.Name)
			continue
		}
		for r, by := range c.actors {
			err := f.Read(t.Context(), by, func(rd *directory.Reader) error { return callReader(m, rd) })
			if denied := directory.Is(err, directory.Denied); denied == may(v, r, 0) {
				t.Errorf("%s by %q: %v", m.Name, r, err)
			}
		}
	}
}

// callReader calls a method with zero arguments and returns its error, or the
// first that it yields.
func callReader(m reflect.Method, r *directory.Reader) error {
	args := []reflect.Value{reflect.ValueOf(r)}
	for p := 1; p < m.Type.NumIn(); p++ {
		args = append(args, reflect.Zero(m.Type.In(p)))
	}
	out := m.Func.Call(args)
	last := out[len(out)-1]
	if err, ok := last.Interface().(error); ok {
		return err
	}
	if last.Kind() != reflect.Func {
		return nil
	}
	var first error
	yield := reflect.MakeFunc(last.Type().In(0), func(in []reflect.Value) []reflect.Value {
		first, _ = in[len(in)-1].Interface().(error)
		return []reflect.Value{reflect.ValueOf(false)}
	})
	last.Call([]reflect.Value{yield})
	return first
}

func TestEveryMethodWithAnActorHasARow(t *testing.T) {
	d := reflect.TypeFor[*directory.Directory]()
	for i := range d.NumMethod() {
		m := d.Method(i)
		takes := false
		for p := 1; p < m.Type.NumIn(); p++ {
			takes = takes || m.Type.In(p) == reflect.TypeFor[directory.Actor]()
		}
		if _, ok := directoryVerbs[m.Name]; ok != takes {
			t.Errorf("Directory.%s: takes an actor %v, has a row %v", m.Name, takes, ok)
		}
	}
	f := open(t)
	c := f.cast()
	for r, by := range c.actors {
		_, err := f.Why(t.Context(), by, directory.Question{Name: "targeta"})
		if denied := directory.Is(err, directory.Denied); denied == may(directory.VerbReadConfig, r, 0) {
			t.Errorf("Why by %q: %v", r, err)
		}
		_, err = f.VerifyAudit(t.Context(), by, nil)
		if denied := directory.Is(err, directory.Denied); denied == may(directory.VerbReadAudit, r, 0) {
			t.Errorf("VerifyAudit by %q: %v", r, err)
		}
		_, err = f.SambaHashes(t.Context(), by, nil)
		if denied := directory.Is(err, directory.Denied); denied == may(directory.VerbReadSamba, r, 0) {
			t.Errorf("SambaHashes by %q: %v", r, err)
		}
		if err := f.RestoreChains(t.Context(), by); !directory.Is(err, directory.Denied) {
			t.Errorf("RestoreChains by %q: %v", r, err)
		}
		for rank, target := range c.targets {
			err := f.Unlock(t.Context(), by, target.ID)
			if denied := directory.Is(err, directory.Denied); denied == may(directory.VerbUnlock, r, rank) {
				t.Errorf("Unlock by %q on %s: %v", r, target.Username, err)
			}
		}
	}
}

// TestRightsAreThoseOfNow: a session, a connection or a token that was made when
// its owner had a role does nothing after the loss of it.
func TestRightsAreThoseOfNow(t *testing.T) {
	f := open(t)
	admin, plain := f.user("admin", "pw pw pw"), f.user("plain", "pw pw pw")
	f.write(func(w *directory.Writer) error {
		return w.Grant(admin.ID, directory.RoleAdmin, f.clock.Now().Add(time.Hour))
	})
	d := f.attempt("admin", "pw pw pw")
	by := d.Actor("web")
	disable := func() error {
		return f.tryWrite(by, func(w *directory.Writer) error { _, err := w.DisableUser(plain.ID, ""); return err })
	}
	if err := disable(); err != nil {
		t.Fatalf("with the role: %v", err)
	}
	f.clock.Advance(time.Hour)
	if err := disable(); !directory.Is(err, directory.Denied) {
		t.Errorf("after the role has expired: %v", err)
	}
	if d := f.attempt("admin", "pw pw pw"); len(d.Rights) != 0 {
		t.Errorf("signs in with %v after the role has expired", d.Rights)
	}
	f.write(func(w *directory.Writer) error { return w.Grant(admin.ID, directory.RoleAdmin, time.Time{}) })
	if err := disable(); err != nil {
		t.Fatalf("with the role again: %v", err)
	}
	f.write(func(w *directory.Writer) error { _, err := w.DisableUser(admin.ID, ""); return err })
	if err := disable(); !directory.Is(err, directory.Denied) {
		t.Errorf("after the admin was disabled: %v", err)
	}
}

// TestBreakGlass: the account for emergencies enters by the web, with two
// factors, whatever the app's policies say, and never unheard.
func TestBreakGlass(t *testing.T) {
	f := open(t)
	em := f.user("emergency", "correct horse")
	f.write(func(w *directory.Writer) error {
		if err := w.Grant(em.ID, directory.RoleOwner, time.Time{}); err != nil {
			return err
		}
		return w.Grant(em.ID, directory.BreakGlass, time.Time{})
	})
	err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error { return w.Revoke(em.ID, directory.RoleOwner) })
	if !directory.Is(err, directory.Invalid) {
		t.Errorf("it loses its role: %v, want invalid", err)
	}
	site := directorytest.Operator()
	site.Via = "site"
	err = f.tryWrite(site, func(w *directory.Writer) error { _, err := w.DisableUser(em.ID, ""); return err })
	if !directory.Is(err, directory.Denied) {
		t.Errorf("site.yaml disables it: %v", err)
	}
	f.want(f.attempt("emergency", "correct horse"), directory.ReasonMethodNotAllowed)
	f.want(f.attempt("emergency", "correct horse", relayed(directory.ProtocolRADIUS, "m")), directory.ReasonMethodNotAllowed)
	asked := f.attempt("emergency", "correct horse", web("192.0.2.1", ""), func(a *directory.Attempt) { a.Challenge = true })
	if asked.Allowed() {
		t.Fatal("let in by the password alone")
	}
	wiki := f.app("wiki")
	f.write(func(w *directory.Writer) error {
		p, err := w.SavePolicy(directory.Policy{Name: "nobody", Rule: "false"})
		if err != nil {
			return err
		}
		return w.SetBindings(wiki.ID, []directory.Binding{{Kind: directory.BindPolicy, Ref: int64(p.ID), RefName: p.Name}}, false)
	})
	for _, tt := range []struct {
		factors []directory.Factor
		want    directory.Reason
	}{
		{[]directory.Factor{directory.FactorPassword}, directory.ReasonFactorRequired},
		{[]directory.Factor{directory.FactorPassword, directory.FactorTOTP}, directory.ReasonOK},
	} {
		d, err := f.Authorize(t.Context(), directory.Admission{User: em.ID, Epoch: em.Epoch, App: "wiki", Protocol: directory.ProtocolWeb, Factors: tt.factors})
		if err != nil || d.Reason != tt.want {
			t.Errorf("with %v: %s, %v; want %s", tt.factors, d.Reason, err, tt.want)
		}
	}
	// Guessing at it is slowed down like everywhere.
	for i := range 7 {
		f.attempt("emergency", "guess "+string(rune('0'+i)), web("192.0.2.1", ""))
	}
	f.want(f.attempt("emergency", "correct horse", web("192.0.2.1", "")), directory.ReasonThrottled)
}
