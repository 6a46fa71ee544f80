package signin

import (
	"crypto/hmac"
	"net/http"
	"net/url"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
	"gatehouse/idp/web"
)

// ask leads to the page for the second factor. Whether the password was right, and
// whether there is such a person, it does the same.
func (p *Page) ask(w http.ResponseWriter, r *edge.Request, data web.SignInData, dec *directory.Decision, flow string) edge.Outcome {
	st := newStep(data.Username, p.Directory.Now().Add(stepTTL))
	if err := p.store(r.Context(), st, flow, conversationOf(dec)); err != nil {
		return p.Edge.Fail(w, r, err)
	}
	p.hold(r, dec)
	http.SetCookie(w, st.cookie())
	http.Redirect(w, r.Request, factorAddress(data.Return, false), http.StatusSeeOther)
	return edge.Outcome{Result: edge.OK, Reason: string(dec.Reason)}
}

func factorAddress(to string, up bool) string {
	query := url.Values{"return": {to}}
	if up {
		query.Set("up", "1")
	}
	return FactorPath + "?" + query.Encode()
}

// hold waits until the answer may leave: at a tick, even when it was late for one.
func (p *Page) hold(r *edge.Request, dec *directory.Decision) {
	const tick = 250 * time.Millisecond
	left := dec.LeaveAt.Sub(p.Directory.Now())
	for left < 0 {
		left += tick
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// asked is what a request to the page is about.
type asked struct {
	data web.FactorData
	step step          // of a sign-in under way
	who  *conversation // of a session that steps up; nil: a sign-in under way
}

// asked finds out who is to prove a second factor: with "up" whoever is signed in,
// else whoever has shown a password in this browser. It is nil when nobody is.
func (p *Page) asked(r *edge.Request, values url.Values) (*asked, error) {
	a := &asked{data: web.FactorData{Return: web.LocalPath(values.Get("return")), Up: values.Get("up") != ""}}
	a.data.App, _, _ = p.Destinations.Destination(r.Context(), a.data.Return)
	if !a.data.Up {
		st, ok := readStep(r.Request)
		if !ok || !p.Directory.Now().Before(st.until) {
			return nil, nil
		}
		a.step, a.data.Username = st, st.name
		return a, nil
	}
	live, err := p.Sessions.Current(r.Context(), r, "", directory.ProtocolWeb)
	if err != nil || live == nil {
		return nil, err
	}
	a.who = &conversation{Name: live.User.Username, User: live.User.ID, Epoch: live.Epoch, Factors: live.Factors}
	a.data.Username = live.User.Username
	return a, nil
}

// showFactor answers GET.
func (p *Page) showFactor(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	a, err := p.asked(r, r.URL.Query())
	switch {
	case err != nil:
		return p.Edge.Fail(w, r, err)
	case a == nil:
		return toStart(w, r, r.URL.Query().Get("return"))
	default:
		return p.factorForm(w, r, http.StatusOK, a.data)
	}
}

// toStart leads to the sign-in page, where everything begins again.
func toStart(w http.ResponseWriter, r *edge.Request, to string) edge.Outcome {
	http.Redirect(w, r.Request, Path+"?"+url.Values{"return": {web.LocalPath(to)}}.Encode(), http.StatusSeeOther)
	return edge.Outcome{Result: edge.OK}
}

func (p *Page) factorForm(w http.ResponseWriter, r *edge.Request, status int, data web.FactorData) edge.Outcome {
	here := factorAddress(data.Return, data.Up)
	data.Restart = Path + "?" + url.Values{"return": {data.Return}, "again": {"1"}}.Encode()
	return p.Edge.Page(w, r, web.Page{Name: web.Factor, Status: status, CSRF: flowToken(p.flow(w, r), here), Here: here, Data: data})
}

// submitFactor answers POST.
func (p *Page) submitFactor(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return p.Edge.BadForm(w, r)
	}
	a, err := p.asked(r, r.PostForm)
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if a == nil {
		return toStart(w, r, r.PostForm.Get("return"))
	}
	flow, ok := readFlow(r.Request)
	if !ok || !hmac.Equal([]byte(r.PostForm.Get("csrf")), []byte(flowToken(flow, factorAddress(a.data.Return, a.data.Up)))) {
		a.data.Problem = p.Pages.Locale(r.Request).Text("signin.stale")
		out := p.factorForm(w, r, http.StatusForbidden, a.data)
		out.Result, out.Reason = edge.Refused, "stale_form"
		return out
	}
	who := a.who
	if who == nil {
		if who, err = p.take(r.Context(), a.step, flow); err != nil {
			return p.Edge.Fail(w, r, err)
		}
	}
	try := attempt(r, who.Name, directory.CodeProof{Code: directory.Secret(r.PostForm.Get("code"))})
	try.User, try.Epoch, try.Proved = who.User, who.Epoch, who.Factors
	try.Resumed = directory.Resumed{Credential: who.Credential, Version: who.Version}
	dec, err := p.Directory.Authenticate(r.Context(), try)
	switch {
	case err != nil:
		return p.Edge.Fail(w, r, err)
	case dec.Allowed():
		return p.enter(w, r, a.data.App, a.data.Return, &dec)
	default:
		return p.refuseFactor(w, r, a, who, flow, &dec)
	}
}

// refuseFactor shows the form again, with a step of its own.
func (p *Page) refuseFactor(w http.ResponseWriter, r *edge.Request, a *asked, who *conversation, flow string, dec *directory.Decision) edge.Outcome {
	if a.who == nil {
		next := newStep(a.step.name, a.step.until)
		if err := p.store(r.Context(), next, flow, who); err != nil {
			return p.Edge.Fail(w, r, err)
		}
		http.SetCookie(w, next.cookie())
	}
	p.hold(r, dec)
	status, problem := p.problem(w, r, dec, "factor.wrong")
	a.data.Problem = problem
	out := p.factorForm(w, r, status, a.data)
	out.Result, out.Reason = edge.Refused, string(dec.Reason)
	return out
}
