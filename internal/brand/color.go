// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package brand

import (
	"encoding/hex"
	"fmt"
	"math"
)

// Color is an sRGB colour.
type Color struct{ R, G, B uint8 }

var (
	white = Color{255, 255, 255}
	black = Color{0, 0, 0}
)

// Parse reads six hexadecimal digits; ok is false for anything else.
func Parse(digits string) (c Color, ok bool) {
	bytes, err := hex.DecodeString(digits)
	if err != nil || len(bytes) != 3 {
		return Color{}, false
	}
	return Color{bytes[0], bytes[1], bytes[2]}, true
}

// Digits returns what Parse reads, in lower case.
func (c Color) Digits() string { return fmt.Sprintf("%02x%02x%02x", c.R, c.G, c.B) }

// String returns the colour in CSS notation.
func (c Color) String() string { return "#" + c.Digits() }

// linear maps the channels of sRGB to amounts of light.
var linear = func() (table [256]float64) {
	for i := range table {
		v := float64(i) / 255
		if v <= 0.04045 {
			table[i] = v / 12.92
		} else {
			table[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return table
}()

// luminance returns the relative luminance: 0 for black, 1 for white.
func (c Color) luminance() float64 {
	return 0.2126*linear[c.R] + 0.7152*linear[c.G] + 0.0722*linear[c.B]
}

// Contrast returns the contrast of two colours as WCAG 2.2 defines it: 1 for the same colour, 21 for black and white.
func Contrast(a, b Color) float64 {
	lighter, darker := a.luminance(), b.luminance()
	if lighter < darker {
		lighter, darker = darker, lighter
	}
	return (lighter + 0.05) / (darker + 0.05)
}

// mix moves the colour towards another, by amount 255ths.
func (c Color) mix(other Color, amount int) Color {
	channel := func(from, to uint8) uint8 { return uint8((int(from)*(255-amount) + int(to)*amount + 127) / 255) }
	return Color{channel(c.R, other.R), channel(c.G, other.G), channel(c.B, other.B)}
}

// opposite returns the inverse colour: white for black.
func (c Color) opposite() Color { return Color{^c.R, ^c.G, ^c.B} }
