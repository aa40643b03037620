// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"

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
	current  []byte
	previous []byte
}

// NewKeyring returns a Keyring that makes tokens with current and also takes those made with previous, which may be nil:
// links that are out when the key is rotated keep working. A key of another length than KeyLength is an error.
func NewKeyring(current, previous []byte) (Keyring, error) {
	if len(current) != KeyLength || (previous != nil && len(previous) != KeyLength) {
		return Keyring{}, errors.New("a token key must be 32 bytes long")
	}
	return Keyring{current: current, previous: previous}, nil
}

// ID names the key that links are made with, as Invitations record it. It is also in every link.
func (k Keyring) ID() string { return keyID(k.current) }

// Has reports whether links that were made with the key of that ID work.
func (k Keyring) Has(id string) bool {
	return id == keyID(k.current) || k.previous != nil && id == keyID(k.previous)
}

func keyID(key []byte) string {
	id := sha256.Sum256(key)
	return hex.EncodeToString(id[:keyIDLength])
}

// Token is the secret part of a link: base64url(key id ‖ HMAC-SHA256(key, uid ‖ link generation ‖ lower-case address)).
// It can be derived again, so it is stored nowhere; another link generation or address makes it worthless.
func (k Keyring) Token(invitation types.UID, linkGeneration int64, email string) string {
	return base64.RawURLEncoding.EncodeToString(seal(k.current, invitation, linkGeneration, email))
}

// Link is the present link of an invitation; portal is the base URL, without a slash at the end.
func (k Keyring) Link(portal string, inv *usherv1.Invitation) string {
	return portal + "/i/" + inv.Namespace + "/" + inv.Name + "/" + k.Token(inv.UID, inv.Status.LinkGeneration, inv.Status.Recipient)
}

// Verify reports whether token is the one for this link, in a time that does not depend on how wrong it is.
func (k Keyring) Verify(token string, invitation types.UID, linkGeneration int64, email string) bool {
	given, err := base64.RawURLEncoding.Strict().DecodeString(token)
	// The decoder ignores line breaks: only the length shows that there were some.
	wellFormed := err == nil && len(token) == TokenLength
	if !wellFormed {
		given = make([]byte, keyIDLength+sha256.Size)
	}
	genuine := hmac.Equal(given, seal(k.current, invitation, linkGeneration, email))
	if k.previous != nil {
		genuine = hmac.Equal(given, seal(k.previous, invitation, linkGeneration, email)) || genuine
	}
	return genuine && wellFormed
}

func seal(key []byte, invitation types.UID, linkGeneration int64, email string) []byte {
	mac := hmac.New(sha256.New, key)
	// Each part is preceded by its length, so that no two different triples run together into the same bytes.
	for _, part := range []string{string(invitation), usherv1.EmailAddress(email).Key()} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(linkGeneration)))
	id := sha256.Sum256(key)
	return mac.Sum(id[:keyIDLength:keyIDLength])
}
