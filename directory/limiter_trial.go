package directory

import (
	"context"
	"strconv"
)

// limited refuses without a hash while the account is delayed for this source.
func (t *trial) limited(ctx context.Context) (bool, error) {
	a := t.attempt
	o := origin{account: t.account, source: t.source(), relay: a.App}
	if a.NAS != 0 {
		o.relay = "nas " + strconv.FormatInt(int64(a.NAS), 10)
	}
	if t.person != nil {
		o.user = t.person.user.ID
	}
	if a.Protocol == ProtocolWeb {
		o.device = a.Device
	}
	var err error
	if t.guess, err = t.d.limiter.begin(ctx, o); err != nil {
		return false, err
	}
	if r := t.guess.refused(); r.why != "" {
		t.refuse(r)
		return true, nil
	}
	t.dec.check("limiter", true, "")
	return false, nil
}

// refuse makes the decision that no hash was computed.
func (t *trial) refuse(r refusal) {
	t.d.guessing.refused.WithLabelValues(string(r.why)).Inc()
	t.dec.Outcome, t.dec.Reason, t.dec.RetryAfter = Deny, ReasonThrottled, r.visible
	t.dec.check("limiter", false, r.detail())
}

// turn waits for the account's turn, in which its guesses are counted one by one.
// leave must be called once when ok; else the decision says why not.
func (t *trial) turn(ctx context.Context) (leave func(), ok bool, err error) {
	leave, ok, err = t.d.limiter.enter(ctx, t.guess.account)
	if err != nil {
		return nil, false, err
	}
	if !ok {
		t.refuse(refusal{why: refusedTurn, visible: busyFor})
		return nil, false, nil
	}
	t.waited = true
	if r := t.guess.refused(); r.why != "" { // others have failed while this one waited
		leave()
		t.refuse(r)
		return nil, false, nil
	}
	return leave, true, nil
}

// granted waits for the answer to a reservation; without one the decision says
// why not.
func (t *trial) granted(r *reservation) (bool, error) {
	<-r.done
	if r.err == nil && r.refusal.why != "" {
		t.refuse(r.refusal)
	}
	return r.err == nil && r.refusal.why == "", r.err
}

// hashed is the password that a slow hash found right, or empty.
func (t *trial) hashed() Secret {
	if !t.slow {
		return ""
	}
	return t.password
}

// source says where the guessing would come from: the device behind a relay,
// else the peer. A relay's own address stands for everybody behind it, so it is
// never used. A browser says by itself which device it is, and is believed only
// where that device was let in before (see origin.device).
func (t *trial) source() string {
	a := t.attempt
	switch {
	case a.Device != "" && a.Protocol != ProtocolWeb:
		return "device " + a.Device
	case a.Client.IsValid():
		return SourcePrefix(a.Client)
	case !a.Relay && a.Peer.IsValid():
		return SourcePrefix(a.Peer)
	default:
		return ""
	}
}
