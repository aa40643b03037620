// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// signatureLabel derives the keys that acceptances are signed with from the keys of the links.
const signatureLabel = "usher.dev/acceptance 1"

// signerIDLength is the length of the part of a signature that names its key, in bytes.
const signerIDLength = 4

// Signature is whether Usher signed an acceptance. Without a valid signature a Secret is no acceptance: otherwise the right to create
// Secrets in a namespace would be enough to accept for its members.
type Signature int

const (
	// Unsigned: the Secret has no signature by a known key over what it says.
	Unsigned Signature = iota
	// SignedBefore: by a previous key. It has to be signed anew before that key is dropped.
	SignedBefore
	// Signed: by the current key.
	Signed
	// Unchecked: the keys cannot be read.
	Unchecked
)

// Deriver makes keys for a purpose: the current one and, after it, the previous ones.
type Deriver interface {
	Derive(label string) ([][]byte, error)
}

// Signer signs acceptances and checks their signatures.
type Signer struct {
	// keys are the current one and, after it, the previous ones.
	keys [][]byte
}

// SignerOf returns a Signer with keys that are derived for it. The error is the Deriver's.
func SignerOf(d Deriver) (*Signer, error) {
	keys, err := d.Derive(signatureLabel)
	if err != nil {
		return nil, fmt.Errorf("derive the keys that acceptances are signed with: %w", err)
	}
	return &Signer{keys: keys}, nil
}

// KeyID names the current key. [usherv1.KeyIDAnnotation] on a credentials Secret is the ID of the key that it was signed with.
func (s *Signer) KeyID() string { return signerID(s.keys[0]) }

// Sign signs what the Secret says of the acceptance, with the current key.
func (s *Signer) Sign(secret *corev1.Secret) {
	setData(secret, map[string]string{KeySignature: seal(s.keys[0], secret)})
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.KeyIDAnnotation, s.KeyID())
}

// Check says whether the Secret is signed. A nil Signer knows no keys.
func (s *Signer) Check(secret *corev1.Secret) Signature {
	if s == nil {
		return Unchecked
	}
	given := []byte(value(secret, KeySignature))
	is := Unsigned
	for i, key := range s.keys {
		if !hmac.Equal(given, []byte(seal(key, secret))) {
			continue
		}
		if is == Unsigned {
			is = SignedBefore
		}
		if i == 0 {
			is = Signed
		}
	}
	return is
}

func signerID(key []byte) string {
	id := sha256.Sum256(key)
	return hex.EncodeToString(id[:signerIDLength])
}

// seal returns the signature of an acceptance: base64url(key id ‖ HMAC-SHA256(key, namespace ‖ member ‖ address ‖ accepted-at)). The UID
// of the Member is not in it, since a restore changes it.
func seal(key []byte, secret *corev1.Secret) string {
	member, _ := MemberOf(secret.Name)
	mac := hmac.New(sha256.New, key)
	// Each part is preceded by its length, so that no two different acceptances run together into the same bytes.
	for _, part := range []string{
		secret.Namespace, member, usherv1.EmailAddress(value(secret, KeyEmail)).Key(), value(secret, KeyAcceptedAt),
	} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	id := sha256.Sum256(key)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(id[:signerIDLength:signerIDLength]))
}

// value returns a value without the white space around it: an editor or a shell may have added a newline.
func value(secret *corev1.Secret, key string) string {
	return strings.TrimSpace(string(secret.Data[key]))
}
