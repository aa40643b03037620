// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package brand makes of one accent colour, whatever it is, all the shades of it that a page needs: text keeps a contrast of
// 4.5:1 with what it stands on, and edges of controls 3:1, in light and in dark (WCAG 2.2, 1.4.3 and 1.4.11).
//
// A button is filled with the accent itself: on any colour either white or black text has 4.58:1 at least, since the better of
// the two is never below the square root of 21, the contrast of black and white. Text, marks and outlines in the accent are
// mixed with black, or in dark with white, just as far as their ground asks for.
package brand

// Contrasts that WCAG 2.2 asks for at level AA.
const (
	ContrastOfText  = 4.5
	ContrastOfEdges = 3
)

// hoverShift is how far a fill goes towards black or white under the pointer, in 255ths.
const hoverShift = 38

// softness is how much of the accent is in a soft ground, in 255ths.
const softness = 24

// Scheme is what a page stands on, light or dark.
type Scheme struct {
	// Ground is behind the card, Card behind the text, Fixed behind what cannot be changed.
	Ground, Card, Fixed Color
	// far is what a shade is mixed with to stand out: black on light, white on dark.
	far Color
}

// The schemes that there are.
var (
	Light = Scheme{Ground: Color{0xf4, 0xf5, 0xf8}, Card: white, Fixed: Color{0xf4, 0xf5, 0xf8}, far: black}
	Dark  = Scheme{Ground: Color{0x10, 0x12, 0x18}, Card: Color{0x19, 0x1c, 0x24}, Fixed: Color{0x20, 0x24, 0x2e}, far: white}
)

// Palette is an accent on a Scheme.
type Palette struct {
	// Fill is the accent as it was chosen, OnFill the text on it, also on Hover, and Edge what bounds it.
	Fill, Hover, OnFill, Edge Color
	// Ink is for text, marks and outlines, on all of the scheme's grounds and on Soft. InkHover is for a link under the pointer.
	Ink, InkHover Color
	// Soft is a ground with a touch of the accent.
	Soft Color
}

// On makes the shades of an accent for a scheme.
func (accent Color) On(s Scheme) Palette {
	p := Palette{Fill: accent, OnFill: white, Edge: accent}
	if Contrast(white, accent) < ContrastOfText {
		p.OnFill = black
	}
	// Away from the text, so that it reads better still.
	p.Hover = accent.mix(p.OnFill.opposite(), hoverShift)
	p.Ink, p.Soft = accent.ink(s)
	p.InkHover = p.Ink.mix(s.far, hoverShift*2)
	if Contrast(accent, s.Card) < ContrastOfEdges {
		p.Edge = p.Ink
	}
	return p
}

// ink is the shade nearest to the accent that can be read on all grounds of a scheme, among them the soft one that is made of
// that shade.
func (accent Color) ink(s Scheme) (ink, soft Color) {
	// The further towards s.far, the better it reads, and s.far itself does on all of them.
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
