// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"strings"

	"github.com/usher-dev/usher/internal/message/catalogue"
)

// Trials of types that several fields share.

func lines(kind, path string, limit int) []trial {
	return []trial{
		{kind: kind, path: path, value: "", refusal: tooShort},
		{kind: kind, path: path, value: "Zoë 张 +33 (0)1 <&\"'>"},
		{kind: kind, path: path, value: x(limit)},
		{kind: kind, path: path, value: x(limit + 1), refusal: tooLong},
		{kind: kind, path: path, value: "Ada\r\nBcc: all@acme.example", refusal: badLine},
		{kind: kind, path: path, value: "Ada\x1b[31m", refusal: badLine},
		{kind: kind, path: path, value: "Ada\u0085", refusal: badLine},
		{kind: kind, path: path, value: "Ada\u2028Lovelace", refusal: badLine},
		{kind: kind, path: path, value: "Ada\u2029Lovelace", refusal: badLine},
	}
}

func languages(kind string) []trial {
	var list []trial
	for _, tag := range catalogue.All().Tags() {
		list = append(list, trial{kind: kind, path: "spec.language", value: string(tag)})
	}
	for _, tag := range []string{"", "en", "en-gb", "tlh"} {
		list = append(list, trial{kind: kind, path: "spec.language", value: tag, refusal: unsupported})
	}
	return list
}

func inEveryLanguage(text string) map[string]any {
	texts := map[string]any{}
	for _, tag := range catalogue.All().Tags() {
		texts[string(tag)] = text
	}
	return texts
}

func leads(kind, path string) []trial {
	var list []trial
	for _, lead := range []string{"1m", "48h", "720h", "1.5h", "24h30m"} {
		list = append(list, trial{kind: kind, path: path + "[]", value: lead})
	}
	for _, lead := range []string{"", "48", "2d", "59s", "720h1s", "-48h", "48h ", "x"} {
		list = append(list, trial{kind: kind, path: path + "[]", value: lead, refusal: badLead})
	}
	return append(list,
		trial{kind: kind, path: path + "[]", value: x(33), refusal: tooLong},
		trial{kind: kind, path: path, value: []any{}},
		trial{kind: kind, path: path, value: []any{"96h", "72h", "48h", "24h", "1h"}},
		trial{kind: kind, path: path, value: []any{"96h", "72h", "48h", "24h", "1h", "30m"}, refusal: tooMany},
		trial{kind: kind, path: path, value: []any{"48h", "48h"}, refusal: duplicate},
	)
}

func ttls(kind, path string) []trial {
	list := []trial{{kind: kind, path: path, value: "168h" + x(29), refusal: tooLong}}
	for _, ttl := range []string{"1m", "60s", "168h", "720h", "1h30m", "0.5h", "43200m", "2592000s", "719h59m60s"} {
		list = append(list, trial{kind: kind, path: path, value: ttl})
	}
	for _, ttl := range []string{
		"", "7d", "168", "h", "-1h", "+1h", "1h ", "59s", "0h", "720h1s", "721h", "100ms", "1h-1m",
		"999999999999999999h", // more than a duration can hold
	} {
		list = append(list, trial{kind: kind, path: path, value: ttl, refusal: badTTL})
	}
	return list
}

func urls(path string) []trial {
	list := []trial{
		{kind: "Account", path: path, value: "https://a.example/" + x(2048-18)},
		{kind: "Account", path: path, value: "https://a.example/" + x(2048-17), refusal: tooLong},
	}
	for _, url := range []string{"https://app.acme.example", "http://localhost:8080/welcome?from=usher#top", "https://[::1]/"} {
		list = append(list, trial{kind: "Account", path: path, value: url})
	}
	for _, url := range []string{
		"", "app.acme.example", "/welcome", "javascript:alert(1)", "ftp://acme.example", "mailto:it@acme.example", "https://",
		"https:///welcome", "https://acme.example/\nx", "data:text/html,x",
	} {
		list = append(list, trial{kind: "Account", path: path, value: url, refusal: badURL})
	}
	return list
}

func emails(kind, path string) []trial {
	list := []trial{
		{kind: kind, path: path, value: "a@", refusal: tooShort3},
		{kind: kind, path: path, value: x(255-len("@acme.example")) + "@acme.example", refusal: tooLong},
		{kind: kind, path: path, value: x(254-len("@acme.example")) + "@acme.example"},
		{kind: kind, path: path, value: strings.Repeat("é", 121) + "@acme.example", refusal: longEmail}, // 134 letters, 255 bytes
		{kind: kind, path: path, value: strings.Repeat("é", 120) + "x@acme.example"},
	}
	for _, address := range []string{
		"a@b", "ada@acme.example", "Ada.Lovelace+usher@Acme.Example", "o'brien@acme.example", "用户@例子.example", "zoë@acme.example",
	} {
		list = append(list, trial{kind: kind, path: path, value: address})
	}
	for _, address := range []string{
		"ada", "ada@", "@acme.example", "ada@@acme.example", "ada@acme@example", "Ada <ada@acme.example>", "ada@acme.example,bob@acme.example",
		"ada@acme.example;bob@acme.example", "ada lovelace@acme.example", "ada@acme.example\r\nBcc: all@acme.example",
		"ada@acme.example\n", " ada@acme.example", "ada\x00@acme.example", "ada@acme.example\u200b", "\u202eada@acme.example",
		"ada\u00a0@acme.example", "ada@acme.example\u3000", "ada\u2028@acme.example", // spaces outside ASCII
		"\"ada lovelace\"@acme.example", "ada@[192.0.2.1]", "ada(comment)@acme.example", "ada\\@acme.example", "mailto:ada@acme.example",
	} {
		list = append(list, trial{kind: kind, path: path, value: address, refusal: badEmail})
	}
	for _, domain := range []string{"a.example", "a-b.example", "a.example.", x(63) + ".example", "bücher.example", "a--b.example", "xn--bcher-kva.example", "例子。中国", "ａ.example", "ab--c.example"} {
		list = append(list, trial{kind: kind, path: path, value: "ada@" + domain})
	}
	for _, domain := range []string{"b..c", ".b", "-b", "b-", "b.-c", "b-.c", "b..", ".", x(64) + ".example", "b." + x(64), "b_c.example", "_b", "b!c.d", "b/c", "b=c.d"} {
		list = append(list, trial{kind: kind, path: path, value: "ada@" + domain, refusal: badDomain})
	}
	return list
}

func named(name string) any { return map[string]any{"name": name} }

// numbered returns n items of a list.
func numbered(n int, format string, item func(string) any) []any {
	var list []any
	for i := range n {
		if name := fmt.Sprintf(format, i); item == nil {
			list = append(list, name)
		} else {
			list = append(list, item(name))
		}
	}
	return list
}
