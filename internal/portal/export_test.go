// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import "github.com/usher-dev/usher/internal/portal/web"

// ComparisonsOf returns the slots for comparing passwords, so that a test can take them all.
func ComparisonsOf(p *Portal) *web.Slots { return p.site.Hasher.Comparisons }

// SlotsOf returns the slots for hashing, so that a test can take them all.
func SlotsOf(p *Portal) *web.Slots { return p.site.Hasher.Slots }
