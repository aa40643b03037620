// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestALicenceThatIsNotPermittedIsFound(t *testing.T) {
	for licences, wanted := range map[string]string{
		`[{"license":{"id":"MIT"}}]`:                                   "",
		`[{"license":{"id":"GPL-3.0-only"}},{"license":{"id":"MIT"}}]`: "",
		`[{"license":{"id":"GPL-3.0-only"}}]`:                          "GPL-3.0-only is not permitted",
		`[{"license":{"name":"Of our own"}}]`:                          "Of our own is not permitted",
		`[]`:                                                           "no licence was found",
	} {
		var b bom
		if err := json.Unmarshal([]byte(`{"components":[{"name":"example.com/x","version":"v1.0.0","evidence":{"licenses":`+licences+`}}]}`), &b); err != nil {
			t.Fatal(err)
		}
		found := strings.Join(check(b), "\n")
		if (wanted == "") != (found == "") || !strings.Contains(found, wanted) {
			t.Errorf("%s: %q; expected: %q", licences, found, wanted)
		}
	}
	if len(check(bom{})) == 0 {
		t.Error("an empty bill of materials passes")
	}
}
