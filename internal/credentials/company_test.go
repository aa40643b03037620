// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// A company's Secret leads to a name whose Secret it is, also where the account's own name was shortened; and a user's Secret is none.
func TestCompanyOf(t *testing.T) {
	for _, name := range []string{"acme", strings.Repeat("a", 64), strings.Repeat("a", 239), strings.Repeat("a", 240), strings.Repeat("acme.", 50) + "b2b"} {
		g := NewWithT(t)
		account := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
		secret := NewCompany(account)
		of, found := CompanyOf(secret.Name)
		g.Expect(found).To(BeTrue())
		g.Expect(CompanyName(of)).To(Equal(secret.Name))
		g.Expect(of == name).To(Equal(len(name) <= 239), name)
		g.Expect(IsCompanyOfNone(secret)).To(BeTrue())
		for what, change := range map[string]func(*corev1.Secret){
			"type": func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }, "label": func(s *corev1.Secret) { s.Labels = nil },
			"name": func(s *corev1.Secret) { s.Name = "usher-smtp" },
		} {
			theirs := secret.DeepCopy()
			change(theirs)
			g.Expect(IsCompanyOfNone(theirs)).To(BeFalse(), what)
		}
	}
}

func TestKeptUntil(t *testing.T) {
	g := NewWithT(t)
	made := time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Time{Time: made}}}
	g.Expect(KeptUntil(secret, made.Add(time.Minute))).To(Equal(made.Add(RestorePause)))
	g.Expect(KeptUntil(secret, made.Add(RestorePause))).To(BeZero())
	behind := made.AddDate(-1, 0, 0)
	g.Expect(KeptUntil(secret, behind)).To(Equal(behind.Add(RestorePause)), "a clock that is a year behind looks again soon")
}
