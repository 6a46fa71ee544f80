package name

import (
	"strings"
	"unicode"
)

// lookalikes are the lower-case letters outside Latin that most fonts draw as a
// Latin letter. A label of nothing else reads as a Latin name.
const lookalikes = "асԁеһіјӏорԛѕԝхуґѵ" + // Cyrillic
	"αγικνορσυχϲϳ" + // Greek
	"օոսհցքզաղ" // Armenian

// checkScripts refuses labels that mix scripts, and labels of one script that
// imitate Latin (UTS 39 §5).
func checkScripts(kind, s string) *Error {
	pos := 0
	var first string // script of the label so far
	var start rune   // first letter of the label
	var startPos int
	imitates := true
	flush := func() *Error {
		if first != "" && first != "Latin" && imitates {
			return &Error{Kind: kind, Char: start, Pos: startPos, Msg: "looks like Latin but is " + first + ", beginning with"}
		}
		first, imitates = "", true
		return nil
	}
	for _, r := range s {
		pos++
		if strings.ContainsRune("._@-+", r) {
			if err := flush(); err != nil {
				return err
			}
			continue
		}
		script := scriptOf(r)
		if script == "" {
			continue
		}
		if first == "" {
			first, start, startPos = script, r, pos
		}
		if script != first {
			return &Error{Kind: kind, Char: r, Pos: pos, Msg: "mixes " + first + " and " + script + " in one part:"}
		}
		imitates = imitates && contains(lookalikes, r)
	}
	return flush()
}

// scriptOf returns the script of r, "" for characters that every script shares.
// The scripts that Japanese and Korean write together count as one (UTS 39
// §5.1, augmented script sets).
func scriptOf(r rune) string {
	if r < 0x80 {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return "Latin"
		}
		return ""
	}
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return ""
	}
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo) {
		return "East Asian"
	}
	for script, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return script
		}
	}
	return "unknown"
}
