// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// EndSessions has every session end that was opened with the credentials so far.
func EndSessions(secret *corev1.Secret) {
	setData(secret, map[string]string{KeySessionGeneration: strconv.FormatInt(sessionGeneration(secret)+1, 10)})
}

// sessionGeneration returns how often the sessions were ended; 0 if there is no usable count.
func sessionGeneration(secret *corev1.Secret) int64 {
	n, err := strconv.ParseInt(value(secret, KeySessionGeneration), 10, 64)
	if err != nil || n < 0 || n == math.MaxInt64 {
		return 0
	}
	return n
}

// SetPassword gives the member another password at now, by its hash. Sessions end, links that set a password stop working, and the member
// is to be told by mail.
func SetPassword(secret *corev1.Secret, hash []byte, now time.Time) {
	setData(secret, map[string]string{KeyPasswordHash: string(hash)})
	EndSessions(secret)
	delete(secret.Annotations, usherv1.PasswordResetRequestedAnnotation)
	annotateTime(secret, usherv1.PasswordChangedAnnotation, now)
}

// Reset is SetPassword by the link that was mailed to the member; see invite.Confirmation.
func Reset(secret *corev1.Secret, hash []byte, confirmation string, now time.Time) {
	SetPassword(secret, hash, now)
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.PasswordResetUsedAnnotation, confirmation)
}

// RequestReset records that the member asks at now for a link that sets a new password.
func RequestReset(secret *corev1.Secret, now time.Time) {
	annotateTime(secret, usherv1.PasswordResetRequestedAnnotation, now)
}

func annotateTime(secret *corev1.Secret, annotation string, at time.Time) {
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotation, at.UTC().Format(time.RFC3339))
}

// PasswordMailKind is what a mail about a member's password is for.
type PasswordMailKind string

const (
	// ResetLink is the mail with the link that sets a new password.
	ResetLink PasswordMailKind = "ResetLink"
	// PasswordChanged is the mail that tells the member of another password.
	PasswordChanged PasswordMailKind = "PasswordChanged"
)

// PasswordMailKinds are all kinds, in the order in which they are sent.
var PasswordMailKinds = []PasswordMailKind{PasswordChanged, ResetLink}

// annotation is the one that says when a mail of the kind was asked for.
func (k PasswordMailKind) annotation() string {
	if k == ResetLink {
		return usherv1.PasswordResetRequestedAnnotation
	}
	return usherv1.PasswordChangedAnnotation
}

// PasswordMailAsked returns when the credentials asked for the latest mail of a kind; zero if they ask for none.
func PasswordMailAsked(secret metav1.Object, kind PasswordMailKind) time.Time {
	asked, err := time.Parse(time.RFC3339, secret.GetAnnotations()[kind.annotation()])
	if err != nil {
		return time.Time{}
	}
	return asked
}

// PasswordMail is what the metadata of credentials records of the latest mail of a kind. It has nothing of the link.
type PasswordMail struct {
	// For is when the mail was asked for.
	For metav1.Time `json:"for,omitzero"`
	// ExpiresAt is when the link in it stops working; nil if it has none, or was not sent yet.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	State    usherv1.EndNoticeState `json:"state,omitempty"`
	Attempts int32                  `json:"attempts,omitempty"`
	// SentAt is when a mail of the kind was last sent, also if it was an earlier one.
	SentAt        *metav1.Time       `json:"sentAt,omitempty"`
	NextAttemptAt *metav1.Time       `json:"nextAttemptAt,omitempty"`
	LastError     *usherv1.SendError `json:"lastError,omitempty"`
}

// PasswordMails are the latest mail of each kind.
type PasswordMails map[PasswordMailKind]PasswordMail

// PasswordMailsOf returns what the metadata of credentials records. What cannot be read is not recorded.
func PasswordMailsOf(secret metav1.Object) PasswordMails {
	var mails PasswordMails
	if json.Unmarshal([]byte(secret.GetAnnotations()[usherv1.PasswordMailsAnnotation]), &mails) != nil || mails == nil {
		return PasswordMails{}
	}
	return mails
}

// SetPasswordMails records mails in the metadata of credentials.
func SetPasswordMails(secret *corev1.Secret, mails PasswordMails) {
	text, err := json.Marshal(mails)
	if err != nil {
		panic(err) // every field can be encoded
	}
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.PasswordMailsAnnotation, string(text))
}
