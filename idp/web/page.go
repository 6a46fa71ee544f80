package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed templates
var templateFiles embed.FS

// Name names a page.
type Name string

// The pages. What each expects as Data is said at its type.
const (
	SignIn    Name = "sign-in"    // SignInData
	Factor    Name = "factor"     // FactorData
	SignOut   Name = "sign-out"   // SignOutData
	SignedOut Name = "signed-out" // nil
	Error     Name = "error"      // ErrorData
	Portal    Name = "portal"     // PortalData
	Tiles     Name = "tiles"      // PortalData; the fragment of Portal that filtering replaces
	Profile   Name = "profile"    // ProfileData
	Continue  Name = "continue"   // ContinueData
)

// framed are the pages inside the shell with the account menu; they need an
// Account. The others are one card in the middle.
func framed(n Name) bool { return n == Portal || n == Profile }

// Page is one answer to a browser.
type Page struct {
	Name    Name
	Status  int      // 0: 200
	Data    any      // as Name says
	Account *Account // who is signed in; nil: nobody
	CSRF    string   // token for the forms of the page
	Here    string   // address of the page for GET; empty: the one of the request
}

// Account is who the shell shows.
type Account struct {
	Name     string
	Username string
	Email    string
}

// Initials returns one or two letters for the avatar.
func (a *Account) Initials() string {
	var out []rune
	words := strings.Fields(a.Name)
	for i, w := range words {
		if i == 0 || i == len(words)-1 {
			out = append(out, []rune(strings.ToUpper(w))[0])
		}
	}
	return string(out)
}

// SignInData is what the sign-in page shows.
type SignInData struct {
	App      string // name of the app one is going to; empty: the portal
	Username string // as typed before
	Problem  string // why the last try failed; empty: there was none
	Return   string // local address to go to afterwards
}

// FactorData is what the page for a second factor shows.
type FactorData struct {
	App      string // name of the app one is going to; empty: the portal
	Username string // whose factor is asked for, as typed before
	Problem  string // why the last try failed; empty: there was none
	Return   string // local address to go to afterwards
	Up       bool   // somebody is signed in already
	Restart  string // address of the sign-in page
}

// SignOutData is what the question before a sign-out shows.
type SignOutData struct {
	App    string // which app asks; empty: the person
	Action string // where the form goes
	Fields []Field
}

// Field is a hidden field of a form.
type Field struct{ Name, Value string }

// ErrorData is what an error or a refusal says.
type ErrorData struct {
	Title     string
	Text      []string // paragraphs
	RequestID string   // for the log; empty: none
	Retry     string   // address of "try again"; empty: no button
	Home      bool     // offer the portal
}

// ContinueData sends the browser on by itself, as a navigation of its own. A
// redirect in answer to a form would not do: browsers hold the whole chain of
// redirects, those of the app included, to the page's form-action.
type ContinueData struct {
	URL template.URL // checked by the caller
	App string       // where it leads, in words; empty: nothing is said
}

// PortalData is the tiles of a person.
type PortalData struct {
	Query string
	Apps  []Tile
}

// Tile is one app in the portal.
type Tile struct {
	Name string
	Line string // one line below the name
	URL  string // where it starts; empty: it is no web app
}

// Initial returns the letter on the tile.
func (t Tile) Initial() string {
	for _, r := range strings.ToUpper(t.Name) {
		return string(r)
	}
	return ""
}

// ProfileData is what the profile shows beside the Account.
type ProfileData struct {
	UID     string
	Groups  []string
	Since   Moment
	Until   Moment
	Address string
}

// Moment is a point in time for people and machines.
type Moment struct{ Human, Machine string }

// NewMoment renders t, with its zone.
func NewMoment(t time.Time) Moment {
	return Moment{Human: t.Format("2006-01-02 15:04 MST"), Machine: t.Format(time.RFC3339)}
}

// Pages renders pages and serves what they load. It is safe for concurrent use.
type Pages struct {
	brand      Brand
	assets     map[string]*asset
	catalogues []*catalogue
	matcher    language.Matcher
	templates  map[*catalogue]map[Name]*template.Template
}

// New parses templates and messages. It fails when the brand's colour cannot be
// read.
func New(brand Brand) (*Pages, error) {
	p := &Pages{brand: brand.orDefault(), matcher: language.NewMatcher(languages()), templates: make(map[*catalogue]map[Name]*template.Template)}
	var err error
	if p.assets, err = loadAssets(p.brand); err != nil {
		return nil, err
	}
	if p.catalogues, err = loadCatalogues(); err != nil {
		return nil, err
	}
	for _, c := range p.catalogues {
		p.templates[c] = make(map[Name]*template.Template)
		for _, n := range []Name{SignIn, Factor, SignOut, SignedOut, Error, Portal, Tiles, Profile, Continue} {
			if p.templates[c][n], err = p.parse(c, n); err != nil {
				return nil, fmt.Errorf("parse page %s: %w", n, err)
			}
		}
	}
	return p, nil
}

func (p *Pages) parse(c *catalogue, n Name) (*template.Template, error) {
	files := []string{"templates/layout.html", "templates/single.html"}
	if framed(n) {
		files[1] = "templates/shell.html"
	}
	if n == Portal {
		files = append(files, "templates/tiles.html")
	}
	files = append(files, "templates/"+string(n)+".html")
	funcs := template.FuncMap{"t": c.text, "asset": p.assetURL}
	return template.New(string(n)).Funcs(funcs).ParseFS(templateFiles, files...)
}

func (p *Pages) assetURL(name string) (string, error) {
	a, ok := p.assets[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return a.url, nil
}

// view is what a template sees.
type view struct {
	Page
	Lang, Dir, Theme string
	Brand            Brand
	Languages        []languageChoice
	Path             string // of this page, for forms that come back to it
}

type languageChoice struct {
	Code, Name string
	Current    bool
}

// Render sends a page with the headers that every page has. It fails before
// anything was sent when the template does, which is a bug.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, page Page) error {
	c := p.Locale(r).messages
	v := view{Page: page, Lang: c.tag.String(), Dir: c.dir(), Theme: theme(r), Brand: p.brand, Path: page.Here}
	if v.Path == "" {
		v.Path = returnPath(r)
	}
	for _, other := range p.catalogues {
		v.Languages = append(v.Languages, languageChoice{other.tag.String(), other.messages["language"], other == c})
	}
	root := "document"
	if page.Name == Tiles {
		root = "tiles"
	}
	var buf bytes.Buffer
	if err := p.templates[c][page.Name].ExecuteTemplate(&buf, root, v); err != nil {
		return fmt.Errorf("render page %s: %w", page.Name, err)
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	if page.Status != 0 {
		w.WriteHeader(page.Status)
	}
	_, _ = w.Write(buf.Bytes()) // the browser went away
	return nil
}

// setHeaders sets what every page is sent with: nothing may be loaded from
// elsewhere, run inline, framed, cached or sniffed.
func setHeaders(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), publickey-credentials-get=(self)")
	h.Set("Vary", "Accept-Language, Cookie")
}

// Static serves what pages load, below StaticPrefix.
func (p *Pages) Static() http.Handler {
	byURL := make(map[string]*asset, len(p.assets))
	for _, a := range p.assets {
		byURL[a.url] = a
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := byURL[r.URL.Path]; ok {
			a.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}
