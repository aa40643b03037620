// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// ResetLife is how long a link works that sets a new password, from when it was first mailed. NIST SP 800-63B-4 section 4.2.1.2 allows a
// day for what is sent to an e-mail address.
const ResetLife = 30 * time.Minute

// resetLabel derives the keys of links that set a new password from the keys of invitations.
const resetLabel = "usher.dev/password reset 1"

// expiryLength is the length of the time in a token, in bytes: seconds since 1970, until 2106.
const expiryLength = 4

// PasswordReset is what a link allows: that a member, who has the present password and address, sets another password.
type PasswordReset struct {
	Member types.UID
	// Email is the address in use, which the link is mailed to.
	Email usherv1.EmailAddress
	// PasswordHash is that of the present password.
	PasswordHash []byte
}

// ResetPath is the path of the link that lets the Member set a new password until a time. The token in it is
// base64url(time ‖ HMAC-SHA256(key, uid ‖ canonical address ‖ password hash ‖ time)), as long as every token and, like those, with an
// alphanumeric end. Another password or address makes it worthless, so that it works once.
func (k Keyring) ResetPath(m *usherv1.Member, r PasswordReset, until time.Time) (string, error) {
	keys, err := k.Derive(resetLabel)
	if err != nil {
		return "", fmt.Errorf("make the link that sets a password: %w", err)
	}
	return "/p/" + m.Namespace + "/" + m.Name + "/" + alphanumericEnd(r.seal(keys[0], uint32(until.Unix()))), nil
}

// VerifyReset returns until when a token works, and reports whether it is for this member, address and password, in a time that does not
// depend on how wrong it is. Like Verify, it takes a token without what mail programs lose at its end. A member without a password has no
// such link.
func (k Keyring) VerifyReset(token string, r PasswordReset) (until time.Time, genuine bool, err error) {
	keys, err := k.Derive(resetLabel)
	if err != nil {
		return time.Time{}, false, err
	}
	wellFormed := len(token) <= TokenLength && strings.Trim(token, alphabet) == ""
	if !wellFormed {
		token = ""
	}
	given := withoutEnd(token)
	var said [expiryLength]byte
	// The first eight characters are six bytes. Nothing is said by a token that does not decode: it is not genuine.
	if start, err := base64.RawURLEncoding.DecodeString(string(given[:8])); err == nil {
		copy(said[:], start)
	}
	seconds := binary.BigEndian.Uint32(said[:])
	for _, key := range keys {
		genuine = hmac.Equal(given, withoutEnd(alphanumericEnd(r.seal(key, seconds)))) || genuine
	}
	return time.Unix(int64(seconds), 0), genuine && wellFormed && len(r.PasswordHash) > 0, nil
}

func (r PasswordReset) seal(key []byte, until uint32) string {
	mac := hmac.New(sha256.New, key)
	// Each part is preceded by its length, so that no two different links run together into the same bytes.
	for _, part := range []string{string(r.Member), r.Email.Key(), string(r.PasswordHash)} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	said := binary.BigEndian.AppendUint32(nil, until)
	mac.Write(said)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(said))
}
