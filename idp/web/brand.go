package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Brand is how an installation calls itself and which colour it wears. The
// zero value is "Gatehouse" in its own green.
type Brand struct {
	Name   string // in titles and on the sign-in card; empty: Gatehouse
	Accent string // "#rrggbb", the one accent colour; empty: #0b6e4f
}

func (b Brand) orDefault() Brand {
	if b.Name == "" {
		b.Name = "Gatehouse"
	}
	if b.Accent == "" {
		b.Accent = "#0b6e4f"
	}
	return b
}

// The surfaces that accent-coloured text stands on, and the contrast that it
// must reach (WCAG 2.2 §1.4.3).
const (
	lightGround = 0xf4f4f2
	darkGround  = 0x26302c
	minContrast = 4.5
)

// css returns the brand's variables. Text in the accent colour is darkened or
// lightened until it can be read.
func (b Brand) css() ([]byte, error) {
	accent, err := parseColour(b.Accent)
	if err != nil {
		return nil, err
	}
	ink := colour(0xffffff)
	if contrast(accent, ink) < minContrast {
		ink = 0x111111
	}
	return fmt.Appendf(nil, ":root{--gh-accent:%s;--gh-accent-ink:%s;--gh-accent-on-light:%s;--gh-accent-on-dark:%s}\n",
		accent, ink, readable(accent, lightGround, 0x000000), readable(accent, darkGround, 0xffffff)), nil
}

// colour is an sRGB colour, 0xrrggbb.
type colour uint32

func parseColour(s string) (colour, error) {
	digits, ok := strings.CutPrefix(s, "#")
	n, err := strconv.ParseUint(digits, 16, 32)
	if !ok || err != nil || len(digits) != 6 {
		return 0, fmt.Errorf("accent colour %q is not of the form #rrggbb", s)
	}
	return colour(n), nil
}

// String returns the CSS notation.
func (c colour) String() string { return fmt.Sprintf("#%06x", uint32(c)) }

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	sum := 0.0
	for i, weight := range [3]float64{0.0722, 0.7152, 0.2126} {
		v := float64(uint32(c)>>(8*i)&0xff) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// contrast is the contrast ratio of WCAG 2.2, 1 to 21.
func contrast(a, b colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// readable mixes c with towards, 5 % a step, until it can be read on ground.
func readable(c, ground, towards colour) colour {
	for step := range 20 {
		mixed := mix(c, towards, float64(step)/20)
		if contrast(mixed, ground) >= minContrast {
			return mixed
		}
	}
	return towards
}

func mix(a, b colour, share float64) colour {
	var out colour
	for shift := 0; shift < 24; shift += 8 {
		va, vb := float64(a>>shift&0xff), float64(b>>shift&0xff)
		out |= colour(math.Round(va+(vb-va)*share)) << shift
	}
	return out
}
