// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"maps"
	"testing"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Mirrored is a language that is written from right to left: the texts of the default language in brackets, each with a
// right-to-left letter at both ends. Text outside the brackets does not come from a catalogue.
const Mirrored usherv1.Language = "ar-XB"

// The ends of every text in Mirrored.
const (
	MirroredOpen  = "\u05d0⟦"
	MirroredClose = "⟧\u05d0"
)

// SpeakMirrored adds the language for the duration of a test.
func SpeakMirrored(t *testing.T) {
	mirrored := *catalogues[usherv1.DefaultLanguage]
	mirrored.Tag, mirrored.Dir, mirrored.MailTexts = Mirrored, "rtl", maps.Clone(mirrored.MailTexts)
	for key, message := range mirrored.MailTexts {
		mirrored.MailTexts[key] = MirroredOpen + message + MirroredClose
	}
	catalogues[Mirrored] = &mirrored
	t.Cleanup(func() { delete(catalogues, Mirrored) })
}
