// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package brand

import (
	"flag"
	"math"
	"testing"
)

// With -every-color, all 16.8 million colours are tried, which takes minutes.
var everyColor = flag.Bool("every-color", false, "try every colour")

// unreadable returns the first pair of a palette with too little contrast.
func unreadable(p Palette, s Scheme) string {
	for name, pair := range map[string]struct {
		a, b Color
		want float64
	}{
		"text on a button":                       {p.OnFill, p.Fill, ContrastOfText},
		"text on a button under the pointer":     {p.OnFill, p.Hover, ContrastOfText},
		"a button's edge":                        {p.Edge, s.Card, ContrastOfEdges},
		"a link on the card":                     {p.Ink, s.Card, ContrastOfText},
		"a link on the ground":                   {p.Ink, s.Ground, ContrastOfText},
		"a link on a fixed field":                {p.Ink, s.Fixed, ContrastOfText},
		"a mark":                                 {p.Ink, p.Soft, ContrastOfText},
		"a link under the pointer":               {p.InkHover, s.Card, ContrastOfText},
		"a link on the ground under the pointer": {p.InkHover, s.Ground, ContrastOfText},
	} {
		if Contrast(pair.a, pair.b) < pair.want {
			return name
		}
	}
	return ""
}

func TestEveryAccentIsReadable(t *testing.T) {
	step := 5 // 0, 5, … 255: both ends, and all greys in between
	if *everyColor {
		step = 1
	}
	for r := 0; r < 256; r += step {
		for g := 0; g < 256; g += step {
			for b := 0; b < 256; b += step {
				accent := Color{uint8(r), uint8(g), uint8(b)}
				for name, scheme := range map[string]Scheme{"light": Light, "dark": Dark} {
					palette := accent.On(scheme)
					if what := unreadable(palette, scheme); what != "" {
						t.Fatalf("%s in %s: %s cannot be read: %v", accent, name, what, palette)
					}
					if palette.Fill != accent {
						t.Fatalf("%s in %s: a button is %s", accent, name, palette.Fill)
					}
				}
			}
		}
	}
}

// The shade is the nearest one with enough contrast: one step less has too little.
func TestInkIsTheNearestReadableShade(t *testing.T) {
	for _, digits := range []string{"ffee00", "00ff00", "ff6600", "888888", "ffffff", "000000", "2d4fc7"} {
		accent, _ := Parse(digits)
		for _, s := range []Scheme{Light, Dark} {
			ink, soft := accent.ink(s)
			if ink == accent {
				continue
			}
			amount := 0
			for now, _ := accent.shade(s, amount); now != ink; now, _ = accent.shade(s, amount) {
				amount++
			}
			if before, ground := accent.shade(s, amount-1); s.canRead(before, ground) {
				t.Errorf("%s became %s on %s, where %s is readable too", accent, ink, soft, before)
			}
		}
	}
	if dark, _ := Parse("1b5e20"); dark.On(Light).Ink != dark {
		t.Error("a dark green is readable on white without a change")
	}
	if pale, _ := Parse("a5d6a7"); pale.On(Dark).Ink != pale {
		t.Error("a pale green is readable on black without a change")
	}
}

// The expected values follow the definition of WCAG: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func TestContrast(t *testing.T) {
	grey, red := Color{0x76, 0x76, 0x76}, Color{255, 0, 0}
	for _, c := range []struct {
		a, b Color
		want float64
	}{{black, white, 21}, {white, black, 21}, {white, white, 1}, {grey, white, 4.54}, {red, white, 4.00}, {red, black, 5.25}} {
		if got := Contrast(c.a, c.b); math.Abs(got-c.want) > 0.005 {
			t.Errorf("%s on %s has %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for digits, want := range map[string]string{
		"0a7d4f": "#0a7d4f", "0A7D4F": "#0a7d4f", "ffffff": "#ffffff",
		"": "", "fff": "", "0a7d4g": "", "0a7d4f00": "", "#0a7d4f": "", " 0a7d4": "", "0a7d4f;}": "",
	} {
		got, ok := Parse(digits)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q is %s, %t", digits, got, ok)
		}
	}
}
