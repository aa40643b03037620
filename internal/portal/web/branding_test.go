// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// The present CRD rejects these values, but an older one may have accepted them.
func TestInvalidBrandingIsLeftOut(t *testing.T) {
	g := NewWithT(t)
	for _, bad := range []usherv1.ImageURL{
		"", "http://a.example/l", "https://a.example;script-src/l", "https://a b/l", "https://*/l", "https://ada@a.example/l", "https:///l", "https://a,b",
	} {
		g.Expect(LogoOf(&usherv1.AccountBranding{LogoURL: bad})).To(Equal(Logo{}), string(bad))
	}
	for _, bad := range []usherv1.Color{"", "red", "#fff", "#0a7d4f;}"} {
		g.Expect(AccentOf(&usherv1.AccountBranding{AccentColor: bad})).To(Equal(DefaultAccent), string(bad))
	}
	g.Expect(LogoOf(&usherv1.AccountBranding{LogoURL: "https://a.example"})).To(Equal(Logo{"https://a.example", "https://a.example"}))
}
