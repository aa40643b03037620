// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package page has what all pages of the portal share: the [Site] with its client, keys and limits, the [Person] whom a page is about,
// the layout, the style sheet, forms and notices. The pages themselves are packages of their own, which do not import each other.
package page
