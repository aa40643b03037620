// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// changeLabel derives the keys of links that confirm an address from the keys of invitations.
const changeLabel = "usher.dev/email change 1"

// AddressChange is what a link confirms: that the person behind a Member has a new address.
type AddressChange struct {
	Member types.UID
	// Former is the address in use, and Wanted the one that takes its place.
	Former, Wanted usherv1.EmailAddress
	// Requested is when the change was noticed, in seconds since 1970.
	Requested int64
}

// ChangeOf returns the change of address that a Member waits for. It reports false if there is none, or spec.email is another one by now.
func ChangeOf(m *usherv1.Member) (AddressChange, bool) {
	c := m.Status.EmailChange
	if c == nil || m.Status.AcceptedAt == nil || !m.Spec.Email.SameAs(usherv1.EmailAddress(c.Email)) {
		return AddressChange{}, false
	}
	return AddressChange{
		Member: m.UID, Former: m.EmailInUse(), Wanted: usherv1.EmailAddress(c.Email), Requested: c.RequestedAt.Unix(),
	}, true
}

// ChangeToken is the secret part of the link that confirms a change of address: like Token, over the Member's UID, both canonical addresses
// and the time. The error is that of Derive.
func (k Keyring) ChangeToken(c AddressChange) (string, error) {
	keys, err := k.Derive(changeLabel)
	if err != nil {
		return "", err
	}
	return alphanumericEnd(c.seal(keys[0])), nil
}

// ChangePath is the path of the link that confirms a change of the Member's address.
func (k Keyring) ChangePath(m *usherv1.Member, c AddressChange) (string, error) {
	token, err := k.ChangeToken(c)
	if err != nil {
		return "", fmt.Errorf("make the link that confirms an address: %w", err)
	}
	return "/e/" + m.Namespace + "/" + m.Name + "/" + token, nil
}

// VerifyChange reports whether token confirms a change of address, in a time that does not depend on how wrong it is. Like Verify, it takes
// a token without what mail programs lose at its end.
func (k Keyring) VerifyChange(token string, c AddressChange) (bool, error) {
	keys, err := k.Derive(changeLabel)
	if err != nil {
		return false, err
	}
	wellFormed := len(token) <= TokenLength && strings.Trim(token, alphabet) == ""
	if !wellFormed {
		token = ""
	}
	given, genuine := withoutEnd(token), false
	for _, key := range keys {
		genuine = hmac.Equal(given, withoutEnd(alphanumericEnd(c.seal(key)))) || genuine
	}
	return genuine && wellFormed, nil
}

func (c AddressChange) seal(key []byte) string {
	return seal(key, c.Member, c.Requested, c.Former.Key()+"\n"+c.Wanted.Key()) // no address has a line break
}

// Confirmation identifies a token without being one: [usherv1.ConfirmedAnnotation] on the credentials says which link was used last. Like
// VerifyChange, it takes a token without what mail programs lose at its end.
func Confirmation(token string) string {
	sum := sha256.Sum256([]byte(strings.TrimRight(token, lostAtTheEnd)))
	return hex.EncodeToString(sum[:])
}
