package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed locale
var localeFiles embed.FS

// languages are the catalogues, the first one is the fallback. A language that
// is written from right to left only needs its file and a row here.
func languages() []language.Tag { return []language.Tag{language.English, language.German} }

// catalogue is the messages of one language by key. {0}, {1} … stand for
// arguments.
type catalogue struct {
	tag      language.Tag
	messages map[string]string
}

func loadCatalogues() ([]*catalogue, error) {
	var out []*catalogue
	for _, tag := range languages() {
		raw, err := localeFiles.ReadFile("locale/" + tag.String() + ".json")
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		c := &catalogue{tag: tag}
		if err := json.Unmarshal(raw, &c.messages); err != nil {
			return nil, fmt.Errorf("read messages of %s: %w", tag, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// dir is the direction the language is written in, for the dir attribute.
func (c *catalogue) dir() string {
	switch script, _ := c.tag.Script(); script.String() {
	case "Arab", "Hebr", "Syrc", "Thaa":
		return "rtl"
	default:
		return "ltr"
	}
}

// text returns the message of key with its arguments filled in. An unknown key
// is a bug and shows itself.
func (c *catalogue) text(key string, args ...any) string {
	s, ok := c.messages[key]
	if !ok {
		return "[" + key + "]"
	}
	for i, a := range args {
		s = strings.ReplaceAll(s, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return s
}

// Locale is the language that one request is answered in.
type Locale struct{ messages *catalogue }

// Text returns the message of key with {0}, {1} … replaced by args.
func (l Locale) Text(key string, args ...any) string { return l.messages.text(key, args...) }

// Span says a duration in whole seconds or minutes, rounded up.
func (l Locale) Span(d time.Duration) string {
	seconds := int((d + time.Second - 1) / time.Second)
	switch minutes := (seconds + 59) / 60; {
	case seconds <= 1:
		return l.Text("time.second")
	case seconds < 60:
		return l.Text("time.seconds", seconds)
	case minutes == 1:
		return l.Text("time.minute")
	default:
		return l.Text("time.minutes", minutes)
	}
}

// Locale chooses the language of a request: the one that was picked on a page,
// else the best of Accept-Language, else English.
func (p *Pages) Locale(r *http.Request) Locale {
	if c, err := r.Cookie(langCookie); err == nil {
		for _, cat := range p.catalogues {
			if cat.tag.String() == c.Value {
				return Locale{cat}
			}
		}
	}
	// A header beyond this length is no browser's; parsing it costs more than it is worth.
	header := r.Header.Get("Accept-Language")
	if len(header) > 512 {
		return Locale{p.catalogues[0]}
	}
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return Locale{p.catalogues[0]}
	}
	_, i, _ := p.matcher.Match(wanted...)
	return Locale{p.catalogues[i]}
}
