// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

func branding() []trial {
	const color, logo = "spec.branding.accentColor", "spec.branding.logoURL"
	list := []trial{
		{kind: "Account", path: "spec.branding", value: map[string]any{}},
		{kind: "Account", path: color, value: "#0a7d4ff", refusal: tooLong},
		{kind: "Account", path: logo, value: "https://a.example/" + x(2048-18)},
		{kind: "Account", path: logo, value: "https://a.example/" + x(2048-17), refusal: tooLong},
	}
	for _, c := range []string{"#0a7d4f", "#0A7D4F", "#000000", "#ffffff"} {
		list = append(list, trial{kind: "Account", path: color, value: c})
	}
	for _, c := range []string{"", "#fff", "0a7d4f", "#0a7d4g", "green", "#0a7d4", "##0a7d4", "#0a7d\n4", " #0a7d4"} {
		list = append(list, trial{kind: "Account", path: color, value: c, refusal: badColor})
	}
	for _, u := range []string{
		"https://cdn.acme.example/logo.svg", "https://CDN.acme.example:8443/a/b.png?v=2@x", "https://localhost/@logo", "https://203.0.113.5/l",
	} {
		list = append(list, trial{kind: "Account", path: logo, value: u})
	}
	for _, u := range []string{
		"", "logo.svg", "/logo.svg", "http://cdn.acme.example/logo.svg", "//cdn.acme.example/logo.svg", "data:image/png;base64,AAAA",
		"https:///logo.svg", "https://ada@cdn.acme.example/l", "https://ada:secret@cdn.acme.example/l", "https://[::1]/l", "https://*/l",
		"https://*.acme.example/l", "https://a;script-src/l", "https://a,b/l", "https://a b/l", "https://-a/l", "https://a.example./l",
	} {
		list = append(list, trial{kind: "Account", path: logo, value: u, refusal: badImage})
	}
	return list
}
