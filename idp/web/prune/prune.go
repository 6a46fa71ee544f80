package main

import (
	"regexp"
	"strings"
)

// collectWords adds every word of text that could name a class.
func collectWords(text string, words map[string]bool) {
	for _, w := range regexp.MustCompile(`[A-Za-z_][\w-]*`).FindAllString(text, -1) {
		words[w] = true
	}
}

// prune returns the rules of a minified style sheet with a selector all of
// whose classes are used. Comments go, except the first, which is the licence.
func prune(css string, used map[string]bool) string {
	p := &pruner{used: used, class: regexp.MustCompile(`\.(-?[A-Za-z_][\w-]*)`), optional: regexp.MustCompile(`:(not|is|where|has)\([^()]*(\([^()]*\)[^()]*)*\)`)}
	licence, rest := "", css
	if start := strings.Index(css, "/*!"); start >= 0 {
		end := start + strings.Index(css[start:], "*/") + len("*/")
		licence, rest = css[start:end]+"\n", css[end:]
	}
	kept := p.rules(stripComments(rest))
	return licence + p.dropUnusedKeyframes(kept) + "\n"
}

type pruner struct {
	used     map[string]bool
	class    *regexp.Regexp
	optional *regexp.Regexp
}

func stripComments(css string) string {
	return regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(css, "")
}

// rules keeps what can match of a list of rules.
func (p *pruner) rules(css string) string {
	var out strings.Builder
	for css != "" {
		head, body, rest := next(css)
		css = rest
		head = strings.TrimSpace(head)
		switch {
		case body == "":
			// A statement such as @charset; ours is said by the media type.
		case strings.HasPrefix(head, "@media"), strings.HasPrefix(head, "@supports"), strings.HasPrefix(head, "@layer"), strings.HasPrefix(head, "@container"):
			if inner := p.rules(body); inner != "" {
				out.WriteString(head + "{" + inner + "}")
			}
		case strings.HasPrefix(head, "@"):
			out.WriteString(head + "{" + body + "}")
		default:
			if s := p.selectors(head); s != "" {
				out.WriteString(s + "{" + body + "}")
			}
		}
	}
	return out.String()
}

// selectors keeps the selectors of a list that can match.
func (p *pruner) selectors(list string) string {
	var kept []string
	for _, s := range splitTop(list) {
		if p.matches(s) {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, ",")
}

func (p *pruner) matches(selector string) bool {
	for _, m := range p.class.FindAllStringSubmatch(p.optional.ReplaceAllString(selector, ""), -1) {
		if !p.used[m[1]] {
			return false
		}
	}
	return true
}

// dropUnusedKeyframes removes the animations that no kept rule names.
func (p *pruner) dropUnusedKeyframes(css string) string {
	var out strings.Builder
	for rest := css; rest != ""; {
		head, body, tail := next(rest)
		rest = tail
		name, ok := strings.CutPrefix(head, "@keyframes ")
		if ok && !regexp.MustCompile(`animation[\w-]*:[^;}]*\b`+regexp.QuoteMeta(name)+`\b`).MatchString(css) {
			continue
		}
		out.WriteString(head + "{" + body + "}")
	}
	return out.String()
}

// next cuts the first rule off css: what is before its block, the block without
// braces, and what follows. A statement that ends with ";" has no block.
func next(css string) (head, body, rest string) {
	depth, start := 0, 0
	quote := byte(0)
	for i := 0; i < len(css); i++ {
		c := css[i]
		switch {
		case quote != 0:
			switch c {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';' && depth == 0:
			return css[:i], "", css[i+1:]
		case c == '{':
			if depth == 0 {
				start = i
			}
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return css[:start], css[start+1 : i], css[i+1:]
			}
		}
	}
	return css, "", ""
}

// splitTop splits a selector list at the commas outside of parentheses.
func splitTop(list string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range list {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, list[start:i])
				start = i + 1
			}
		}
	}
	return append(out, list[start:])
}
