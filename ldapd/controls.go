package ldapd

import (
	"errors"

	"gatehouse/ldapd/wire"
)

// asked is what the controls of a request ask for, paged results apart.
type asked struct {
	sort         []wire.SortKey
	sortCritical bool
	view         *wire.ListView
	assertion    *wire.Filter
	preRead      [][]byte // nil: not asked for
	postRead     [][]byte // nil: not asked for
	values       *wire.Filter
	derefs       []wire.Dereference
	permissive   bool
	policy       bool // answers about passwords are wanted
}

// controlFor is a control that some operations know, and how its value is read.
type controlFor struct {
	ops  []wire.Op
	read func(op *operation, ctl *wire.Control) error
}

// supportedControls are the controls of requests by their object identifiers.
func supportedControls() map[string]controlFor {
	search := []wire.Op{wire.OpSearchRequest}
	entry := []wire.Op{wire.OpModifyRequest, wire.OpDeleteRequest, wire.OpModifyDNRequest}
	updates := append([]wire.Op{wire.OpAddRequest}, entry...)
	reads := append([]wire.Op{wire.OpSearchRequest, wire.OpCompareRequest}, updates...)
	return map[string]controlFor{
		wire.OIDPagedResults:  {search, readPaged},
		wire.OIDSort:          {search, readSort},
		wire.OIDListView:      {search, readListView},
		wire.OIDMatchedValues: {search, readMatchedValues},
		wire.OIDDeref:         {search, readDeref},
		wire.OIDAssertion:     {reads, readAssertion},
		wire.OIDPreRead: {entry, func(op *operation, ctl *wire.Control) (err error) {
			op.wants().preRead, err = wire.DecodeSelection(ctl.Value)
			return err
		}},
		wire.OIDPostRead: {[]wire.Op{wire.OpModifyRequest, wire.OpAddRequest, wire.OpModifyDNRequest}, func(op *operation, ctl *wire.Control) (err error) {
			op.wants().postRead, err = wire.DecodeSelection(ctl.Value)
			return err
		}},
		wire.OIDPermissiveModify: {[]wire.Op{wire.OpModifyRequest}, func(op *operation, _ *wire.Control) error {
			op.wants().permissive = true
			return nil
		}},
		wire.OIDPasswordPolicy: {[]wire.Op{wire.OpBindRequest, wire.OpModifyRequest, wire.OpAddRequest, wire.OpExtendedRequest, wire.OpSearchRequest, wire.OpCompareRequest}, func(op *operation, _ *wire.Control) error {
			op.wants().policy = true
			return nil
		}},
		// RFC 3296 §3: there are no referral objects here, so every entry is treated as an ordinary one anyway.
		wire.OIDManageDsaIT: {reads, func(*operation, *wire.Control) error { return nil }},
	}
}

// wants returns what the controls ask for, to be filled in.
func (op *operation) wants() *asked {
	if op.ask == nil {
		op.ask = &asked{}
	}
	return op.ask
}

// readControls takes the controls that this operation knows and refuses unknown critical ones.
func (op *operation) readControls() wire.Result {
	for i := range op.m.Controls {
		ctl := &op.m.Controls[i]
		known, ok := op.c.s.controls[string(ctl.OID)]
		if !ok || !known.suits(op.m.Op) {
			if ctl.Critical {
				// RFC 4511 §4.1.11: an unrecognised or unsuitable critical control.
				return wire.Result{Code: wire.UnavailableCriticalExtension, Message: "unsupported control"}
			}
			continue
		}
		for j := range i {
			if string(op.m.Controls[j].OID) == string(ctl.OID) {
				return wire.Result{Code: wire.ProtocolError, Message: "the same control twice"}
			}
		}
		if err := known.read(op, ctl); err != nil {
			return badControl(err)
		}
	}
	return wire.Result{}
}

func (k *controlFor) suits(op wire.Op) bool {
	for _, o := range k.ops {
		if o == op {
			return true
		}
	}
	return false
}

// badControl renders a value that cannot be read. RFC 4511 §4.1.11 leaves the code to each control; most say
// protocolError.
func badControl(err error) wire.Result {
	var e *wire.Error
	if errors.As(err, &e) && e.Code != wire.ProtocolError {
		return wire.Result{Code: e.Code, Message: e.Msg}
	}
	return wire.Result{Code: wire.ProtocolError, Message: "a control has a wrong value"}
}

func readPaged(op *operation, ctl *wire.Control) (err error) {
	op.pageBuf, err = wire.DecodePaged(ctl.Value)
	op.page = &op.pageBuf
	return err
}

func readSort(op *operation, ctl *wire.Control) (err error) {
	a := op.wants()
	a.sortCritical = ctl.Critical
	a.sort, err = wire.DecodeSort(ctl.Value)
	return err
}

func readListView(op *operation, ctl *wire.Control) error {
	v, err := wire.DecodeListView(ctl.Value)
	op.wants().view = &v
	return err
}

func readMatchedValues(op *operation, ctl *wire.Control) error {
	a := op.wants()
	a.values = &wire.Filter{}
	return wire.DecodeMatchedValues(a.values, ctl.Value)
}

func readDeref(op *operation, ctl *wire.Control) (err error) {
	op.wants().derefs, err = wire.DecodeDeref(ctl.Value)
	return err
}

func readAssertion(op *operation, ctl *wire.Control) error {
	a := op.wants()
	a.assertion = &wire.Filter{}
	return wire.DecodeAssertion(a.assertion, ctl.Value)
}

// respond adds a control to the answer.
func (op *operation) respond(appendTo func([]byte) []byte) { op.controls = appendTo(op.controls) }

// policyError adds what a password policy has to say, when the client asked for that.
func (op *operation) policyError(e wire.PasswordPolicyError) {
	if op.ask != nil && op.ask.policy {
		op.controls = wire.AppendPasswordPolicy(op.controls, e)
	}
}
