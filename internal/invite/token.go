// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Lengths of a key and of the parts of a token, in bytes.
const (
	KeyLength   = 32
	keyIDLength = 4
)

// TokenLength is the length of every token, in characters.
var TokenLength = base64.RawURLEncoding.EncodedLen(keyIDLength + sha256.Size)

// Keyring holds the keys that links are made and checked with.
type Keyring struct {
	// keys are the current one and, after it, the previous ones.
	keys [][]byte
}

// NewKeyring returns a Keyring that makes tokens with current and also takes those made with one of previous: links that are out when
// the key is rotated keep working. A key of another length than KeyLength is an error.
func NewKeyring(current []byte, previous ...[]byte) (Keyring, error) {
	k := Keyring{keys: append([][]byte{current}, previous...)}
	if slices.ContainsFunc(k.keys, func(key []byte) bool { return len(key) != KeyLength }) {
		return Keyring{}, errors.New("a token key must be 32 bytes long")
	}
	return k, nil
}

// ID names the key that links are made with, as Invitations record it. It is also in every link.
func (k Keyring) ID() string { return keyID(k.keys[0]) }

// Has reports whether links that were made with the key of that ID work.
func (k Keyring) Has(id string) bool {
	return slices.ContainsFunc(k.keys, func(key []byte) bool { return id == keyID(key) })
}

// Equal reports whether two Keyrings have the same keys in the same order.
func (k Keyring) Equal(other Keyring) bool { return slices.EqualFunc(k.keys, other.keys, bytes.Equal) }

func keyID(key []byte) string {
	id := sha256.Sum256(key)
	return hex.EncodeToString(id[:keyIDLength])
}

// Token is the secret part of a link: base64url(key id ‖ HMAC-SHA256(key, uid ‖ link generation ‖ canonical address)), with another last
// character if that is a dash or an underscore: mail programs leave those out of a link when they end it.
// It can be derived again, so it is stored nowhere; another link generation or address makes it worthless.
func (k Keyring) Token(invitation types.UID, linkGeneration int64, email string) string {
	return alphanumericEnd(seal(k.keys[0], invitation, linkGeneration, usherv1.EmailAddress(email).Key()))
}

// Link is the present link of an invitation; portal is the base URL, without a slash at the end.
func (k Keyring) Link(portal string, inv *usherv1.Invitation) string {
	return portal + "/i/" + inv.Namespace + "/" + inv.Name + "/" + k.Token(inv.UID, inv.Status.LinkGeneration, inv.Status.Recipient)
}

// Verify reports whether token is the one for this link, in a time that does not depend on how wrong it is. It also accepts a token from
// before tokens ended in an alphanumeric character, with or without the dashes and underscores at its end, and one from before tokens were
// made of the canonical address, if email is spelled as it was then.
func (k Keyring) Verify(token string, invitation types.UID, linkGeneration int64, email string) bool {
	wellFormed := len(token) <= TokenLength && strings.Trim(token, alphabet) == ""
	if !wellFormed {
		token = ""
	}
	given := withoutEnd(token)
	// The second is what tokens were made of before all spellings of an address had one form. Both are tried for every address, so that the
	// work does not depend on it.
	addresses := []string{usherv1.EmailAddress(email).Key(), strings.ToLower(email)}
	genuine := false
	for _, key := range k.keys {
		for _, address := range addresses {
			sealed := seal(key, invitation, linkGeneration, address)
			genuine = hmac.Equal(given, withoutEnd(alphanumericEnd(sealed))) || genuine
			genuine = hmac.Equal(given, withoutEnd(sealed)) || genuine
		}
	}
	return genuine && wellFormed
}

// alphabet are the characters of tokens.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + lostAtTheEnd

// lostAtTheEnd are the characters of a token that mail programs do not take for part of a link if nothing follows them.
const lostAtTheEnd = "-_"

// alphanumericEnd replaces the last character of a sealed token by an alphanumeric one if it is neither a letter nor a digit.
func alphanumericEnd(sealed string) string {
	last := len(sealed) - 1
	switch sealed[last] {
	case '-':
		return sealed[:last] + "A"
	case '_':
		return sealed[:last] + "B"
	}
	return sealed
}

// withoutEnd returns a token without what mail programs lose at its end, filled up to the length of all tokens with what no token contains.
func withoutEnd(token string) []byte {
	kept := strings.TrimRight(token, lostAtTheEnd)
	return []byte(kept + strings.Repeat("\x00", TokenLength-len(kept)))
}

// seal returns a token as it was until tokens ended in an alphanumeric character.
func seal(key []byte, invitation types.UID, linkGeneration int64, address string) string {
	mac := hmac.New(sha256.New, key)
	// Each part is preceded by its length, so that no two different triples run together into the same bytes.
	for _, part := range []string{string(invitation), address} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(linkGeneration)))
	id := sha256.Sum256(key)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(id[:keyIDLength:keyIDLength]))
}
