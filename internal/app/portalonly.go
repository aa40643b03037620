// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
)

// addPortalOnly adds what a process without controllers needs to serve the portal: the members' addresses, for sign-in. It caches nothing
// else, and every page reads what it shows from the API server.
func (p *process) addPortalOnly() (parts, error) {
	book, err := p.newAddressBook()
	if err != nil {
		return parts{}, err
	}
	return parts{noMails{}, book.Ready, book.MembersAt}, attempt("list the members' addresses", p.mgr.Add(book))
}

// noMails is the finisher of a process that sends no mails.
type noMails struct{}

// Finish implements finisher.
func (noMails) Finish(context.Context) {}
