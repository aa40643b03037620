// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"encoding/base64"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestATokenIsReplacedOnceForEachTime(t *testing.T) {
	g := NewWithT(t)
	first := metav1.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	second := metav1.NewTime(first.Add(time.Second))
	secret := New(&usherv1.Member{}, Answers{Personal: Personal{KeyGivenName: "Ada"}}, first.Time, aSigner(t))
	token := func() string { return string(secret.Data[KeyAPIToken]) }
	made := token()
	g.Expect(base64.RawURLEncoding.DecodeString(made)).To(HaveLen(32))
	g.Expect(Read(secret, nil).TokenRotatedFor).To(BeZero())

	g.Expect(RotateToken(secret, first)).To(BeTrue())
	rotated := token()
	g.Expect(rotated).NotTo(Equal(made))
	g.Expect(base64.RawURLEncoding.DecodeString(rotated)).To(HaveLen(32))
	g.Expect(Read(secret, nil).TokenRotatedFor).To(BeTemporally("==", first.Time))
	g.Expect(string(secret.Data[KeyGivenName])).To(Equal("Ada"), "nothing else changes")

	inAnotherZone := metav1.NewTime(first.In(time.FixedZone("", 3600)))
	g.Expect(RotateToken(secret, inAnotherZone)).To(BeFalse())
	g.Expect(token()).To(Equal(rotated))
	withAFraction := metav1.NewTime(first.Add(700 * time.Millisecond))
	g.Expect(RotateToken(secret, withAFraction)).To(BeFalse(), "the annotation has no fraction of a second")
	g.Expect(RotateToken(secret, second)).To(BeTrue())
	g.Expect(token()).NotTo(Equal(rotated))
}

// A member who accepts after having been disabled gets a token that no one had before.
func TestANewTokenNeedsNoReplacement(t *testing.T) {
	g := NewWithT(t)
	disabledAt := metav1.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	member := &usherv1.Member{Status: usherv1.MemberStatus{DisabledAt: &disabledAt}}
	g.Expect(RotateToken(New(member, Answers{}, disabledAt.Time, aSigner(t)), disabledAt)).To(BeFalse())
}

func TestATokenWithoutDataOrWithNonsense(t *testing.T) {
	g := NewWithT(t)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{usherv1.TokenRotatedAnnotation: "yesterday"}}}
	g.Expect(TokenRotatedFor(secret)).To(BeZero())
	g.Expect(RotateToken(secret, metav1.Now())).To(BeTrue())
	g.Expect(secret.Data).To(HaveKey(KeyAPIToken))
}
