// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command sbom checks the licences in software bills of materials. Run it by `make sbom`.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// permitted are the licences that allow Usher to be distributed under the Apache License 2.0, by their SPDX identifiers.
var permitted = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "ISC", "MIT", "MIT-0"}

// std is Go's standard library, whose licence, BSD-3-Clause, is not found in it.
const std = "std"

type bom struct {
	Components []component `json:"components"`
}

type component struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Evidence struct {
		Licenses []struct {
			License struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"license"`
		} `json:"licenses"`
	} `json:"evidence"`
}

func main() {
	wrong := 0
	for _, path := range os.Args[1:] {
		content, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, "sbom:", err)
			os.Exit(1)
		}
		var b bom
		if err := json.Unmarshal(content, &b); err != nil {
			fmt.Fprintf(os.Stderr, "sbom: %s: %v\n", path, err)
			os.Exit(1)
		}
		problems := check(b)
		for _, problem := range problems {
			fmt.Fprintf(os.Stderr, "sbom: %s\n", problem)
		}
		wrong += len(problems)
		fmt.Printf("sbom: %s has %d modules, %d with a licence that is not permitted\n", path, len(b.Components), len(problems))
	}
	os.Exit(min(wrong, 1))
}

// check returns what is wrong with the licences of modules.
func check(b bom) (problems []string) {
	if len(b.Components) == 0 {
		return []string{"there are no modules in it"}
	}
	for _, c := range b.Components {
		var found []string
		for _, l := range c.Evidence.Licenses {
			found = append(found, l.License.ID+l.License.Name)
		}
		switch {
		case c.Name == std:
		case len(found) == 0:
			problems = append(problems, fmt.Sprintf("%s %s: no licence was found", c.Name, c.Version))
		case !slices.ContainsFunc(found, func(id string) bool { return slices.Contains(permitted, id) }):
			problems = append(problems, fmt.Sprintf("%s %s: %s is not permitted; use another module, or add it to the list after a review",
				c.Name, c.Version, strings.Join(found, ", ")))
		}
	}
	return problems
}
