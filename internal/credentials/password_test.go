// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestSetPassword(t *testing.T) {
	g := NewWithT(t)
	now := time.Date(2026, time.November, 27, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	secret := &corev1.Secret{Data: map[string][]byte{KeyPasswordHash: []byte("old"), KeyEmail: []byte("ada@acme.example")}}
	RequestReset(secret, now.Add(-time.Minute))
	g.Expect(PasswordMailAsked(secret, ResetLink)).To(BeTemporally("==", now.Add(-time.Minute)))
	g.Expect(PasswordMailAsked(secret, PasswordChanged)).To(BeZero())

	Reset(secret, []byte("new"), "digest", now)
	g.Expect(secret.Data).To(Equal(map[string][]byte{
		KeyPasswordHash: []byte("new"), KeyEmail: []byte("ada@acme.example"), KeySessionGeneration: []byte("1"),
	}))
	g.Expect(secret.Annotations).To(Equal(map[string]string{
		usherv1.PasswordChangedAnnotation: "2026-11-27T11:00:00Z", usherv1.PasswordResetUsedAnnotation: "digest",
	}))
	SetPassword(secret, []byte("newer"), now)
	g.Expect(string(secret.Data[KeySessionGeneration])).To(Equal("2"))
}

// Another password or the end of all sessions leaves the acceptance signed.
func TestTheSignatureOutlivesAnotherPassword(t *testing.T) {
	g := NewWithT(t)
	secret := New(&usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada"}}, Answers{}, time.Now(), signerOf(t, "a"))
	Reset(secret, []byte("new"), "digest", time.Now())
	g.Expect(signerOf(t, "a").Check(secret)).To(Equal(Signed))
}

func TestEndSessions(t *testing.T) {
	for was, want := range map[string]string{
		"": "1", "1": "2", " 41\n": "42", "-3": "1", "many": "1", "9223372036854775807": "1", "9223372036854775806": "9223372036854775807",
	} {
		secret := &corev1.Secret{Data: map[string][]byte{KeySessionGeneration: []byte(was)}}
		EndSessions(secret)
		NewWithT(t).Expect(string(secret.Data[KeySessionGeneration])).To(Equal(want), "after %q", was)
	}
}

func TestPasswordMails(t *testing.T) {
	g := NewWithT(t)
	at := metav1.Time{Time: time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)}
	secret := &corev1.Secret{}
	g.Expect(PasswordMailsOf(secret)).To(Equal(PasswordMails{}))
	mails := PasswordMails{ResetLink: {
		For: at, ExpiresAt: &at, State: usherv1.EndNoticePending, Attempts: 2, NextAttemptAt: &at,
		LastError: &usherv1.SendError{Class: usherv1.ErrorTemporary, Code: "451", At: at},
	}}
	SetPasswordMails(secret, mails)
	is := PasswordMailsOf(secret)
	g.Expect(is).To(HaveLen(1))
	g.Expect(is[ResetLink].For.Time).To(BeTemporally("==", at.Time))
	g.Expect(is[ResetLink].LastError.Code).To(Equal("451"))
	for _, broken := range []string{"", "null", "[]", "{", `{"ResetLink":7}`, `{"ResetLink":{"for":"yesterday"}}`} {
		secret.Annotations[usherv1.PasswordMailsAnnotation] = broken
		g.Expect(PasswordMailsOf(secret)).To(Equal(PasswordMails{}), broken)
	}
	for _, broken := range []string{"", "yesterday", "2026-11-27", "1795356300"} {
		secret.Annotations[usherv1.PasswordResetRequestedAnnotation] = broken
		g.Expect(PasswordMailAsked(secret, ResetLink)).To(BeZero(), broken)
	}
}
