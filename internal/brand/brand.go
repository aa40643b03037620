// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package brand derives from one accent colour all the shades that a page needs: text has a contrast of at least 4.5:1
// with its background, and the edges of controls have 3:1, in light and in dark mode (WCAG 2.2, 1.4.3 and 1.4.11).
//
// A button is filled with the accent itself: on any colour, white or black text has at least 4.58:1, since the better
// of the two is never below the square root of 21, the contrast of black and white. Text, marks and outlines in the
// accent are mixed with black, or in dark mode with white, only as far as their background requires.
package brand

// Contrasts that WCAG 2.2 requires at level AA.
const (
	ContrastOfText  = 4.5
	ContrastOfEdges = 3
)

// hoverShift is how far a fill moves towards black or white under the pointer, in 255ths.
const hoverShift = 38

// softness is the share of the accent in a soft background, in 255ths.
const softness = 24

// Scheme is the set of backgrounds of a page, light or dark.
type Scheme struct {
	// Ground is behind the card, Card is behind the text, and Fixed is behind what cannot be changed.
	Ground, Card, Fixed Color
	// far is what a shade is mixed with to gain contrast: black on light, white on dark.
	far Color
}

// The two schemes.
var (
	Light = Scheme{Ground: Color{0xf4, 0xf5, 0xf8}, Card: white, Fixed: Color{0xf4, 0xf5, 0xf8}, far: black}
	Dark  = Scheme{Ground: Color{0x10, 0x12, 0x18}, Card: Color{0x19, 0x1c, 0x24}, Fixed: Color{0x20, 0x24, 0x2e}, far: white}
)

// Palette is the set of shades of an accent in a Scheme.
type Palette struct {
	// Fill is the accent as it was chosen. OnFill is the text on it, and on Hover. Edge is its outline.
	Fill, Hover, OnFill, Edge Color
	// Ink is for text, marks and outlines, on all backgrounds of the scheme and on Soft. InkHover is for a link under the
	// pointer.
	Ink, InkHover Color
	// Soft is a background with a little of the accent.
	Soft Color
}

// On returns the shades of an accent for a scheme.
func (accent Color) On(s Scheme) Palette {
	p := Palette{Fill: accent, OnFill: white, Edge: accent}
	if Contrast(white, accent) < ContrastOfText {
		p.OnFill = black
	}
	// Away from the text's colour, which increases the contrast.
	p.Hover = accent.mix(p.OnFill.opposite(), hoverShift)
	p.Ink, p.Soft = accent.ink(s)
	p.InkHover = p.Ink.mix(s.far, hoverShift*2)
	if Contrast(accent, s.Card) < ContrastOfEdges {
		p.Edge = p.Ink
	}
	return p
}

// ink returns the shade nearest to the accent that is readable on all backgrounds of a scheme, including the soft one
// that is made of that shade.
func (accent Color) ink(s Scheme) (ink, soft Color) {
	// Contrast grows towards s.far, and s.far itself is readable on every background.
	low, high := 0, 255
	for low < high {
		middle := (low + high) / 2
		if ink, soft = accent.shade(s, middle); s.canRead(ink, soft) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return accent.shade(s, low)
}

func (accent Color) shade(s Scheme, amount int) (ink, soft Color) {
	ink = accent.mix(s.far, amount)
	return ink, s.Card.mix(ink, softness)
}

func (s Scheme) canRead(ink, soft Color) bool {
	return Contrast(ink, s.Ground) >= ContrastOfText && Contrast(ink, s.Card) >= ContrastOfText &&
		Contrast(ink, s.Fixed) >= ContrastOfText && Contrast(ink, soft) >= ContrastOfText
}
