// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/brand"
)

// defaultAccent is the colour of accounts that have chosen none, and of pages for nobody in particular.
const defaultAccent = "2d4fc7"

// accentPath is the style sheet of a colour. Everybody may ask for any: it is made of the path alone.
const accentPath = "/assets/accent/{file}"

// logo is a picture from elsewhere; both parts are empty where there is none.
type logo struct{ URL, Origin string }

// image is a URL that a content security policy can name the origin of: the API server takes no other.
var image = regexp.MustCompile(`^(https://[0-9A-Za-z.-]+(?::[0-9]{1,5})?)(?:[/?#].*)?$`)

func accentOf(b *usherv1.AccountBranding) string {
	if b == nil {
		return defaultAccent
	}
	if accent, ok := brand.Parse(strings.TrimPrefix(string(b.AccentColor), "#")); ok {
		return accent.Digits()
	}
	return defaultAccent
}

func logoOf(b *usherv1.AccountBranding) logo {
	if b == nil {
		return logo{}
	}
	parts := image.FindStringSubmatch(string(b.LogoURL))
	if parts == nil {
		return logo{}
	}
	return logo{URL: parts[0], Origin: parts[1]}
}

// accentStylesheet sets the colours of portal.css that come from an accent.
func accentStylesheet(w http.ResponseWriter, r *http.Request) {
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
	return fmt.Sprintf(":root {\n  --fill: %s;\n  --fill-hover: %s;\n  --fill-edge: %s;\n  --on-fill: %s;\n  --accent: %s;\n  --accent-hover: %s;\n  --accent-soft: %s;\n}\n",
		p.Fill, p.Hover, p.Edge, p.OnFill, p.Ink, p.InkHover, p.Soft)
}
