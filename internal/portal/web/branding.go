// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/brand"
)

// DefaultAccent is the colour of accounts that have chosen none, and of pages about no one.
const DefaultAccent = "2d4fc7"

// AccentPath is the path of a colour's style sheet. It depends on the path only, so anyone may ask for any colour.
const AccentPath = "/assets/accent/{file}"

// Logo is a picture from another site; both parts are empty if there is none.
type Logo struct{ URL, Origin string }

// image is a URL that a content security policy can name the origin of: the API server takes no other.
var image = regexp.MustCompile(`^(https://[0-9A-Za-z.-]+(?::[0-9]{1,5})?)(?:[/?#].*)?$`)

// AccentOf returns the colour of an account, as six hexadecimal digits.
func AccentOf(b *usherv1.AccountBranding) string {
	if b == nil {
		return DefaultAccent
	}
	if accent, ok := brand.Parse(strings.TrimPrefix(string(b.AccentColor), "#")); ok {
		return accent.Digits()
	}
	return DefaultAccent
}

// LogoOf returns the logo of an account.
func LogoOf(b *usherv1.AccountBranding) Logo {
	if b == nil {
		return Logo{}
	}
	parts := image.FindStringSubmatch(string(b.LogoURL))
	if parts == nil {
		return Logo{}
	}
	return Logo{URL: parts[0], Origin: parts[1]}
}

// AccentStylesheet serves the style sheet that sets the colours of portal.css that come from an accent.
func AccentStylesheet(w http.ResponseWriter, r *http.Request) {
	digits, isSheet := strings.CutSuffix(r.PathValue("file"), ".css")
	accent, isColor := brand.Parse(digits)
	if !isSheet || !isColor {
		http.NotFound(w, r)
		return
	}
	var sheet bytes.Buffer
	sheet.WriteString(accentRules(accent.On(brand.Light)))
	fmt.Fprintf(&sheet, "@media (prefers-color-scheme: dark) {\n%s}\n", accentRules(accent.On(brand.Dark)))
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(sheet.Bytes())
}

func accentRules(p brand.Palette) string {
	return fmt.Sprintf(":root {\n  --fill: %s;\n  --fill-hover: %s;\n  --fill-edge: %s;\n  --on-fill: %s;\n"+
		"  --accent: %s;\n  --accent-hover: %s;\n  --accent-soft: %s;\n}\n",
		p.Fill, p.Hover, p.Edge, p.OnFill, p.Ink, p.InkHover, p.Soft)
}
