// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
)

// Several accounts of a namespace may have mail servers of their own: each verdict says which Secret it is about.
func TestEveryVerdictNamesItsSecret(t *testing.T) {
	key := types.NamespacedName{Namespace: "acme", Name: "acme-smtp"}
	for _, test := range []struct {
		err    error
		reason string
		says   string
	}{
		{nil, usherv1.ReasonMailReady, "answered"},
		{&channel.Error{Class: usherv1.ErrorConfiguration, Reason: usherv1.ReasonAuthFailed, Message: "the user name is wrong"},
			usherv1.ReasonAuthFailed, "the user name is wrong"},
		{&channel.Error{Class: usherv1.ErrorTemporary, Message: "no answer"}, usherv1.ReasonServerUnreachable, "no answer"},
		{errors.New("key port: not a number"), usherv1.ReasonSecretInvalid, "key port: not a number"},
	} {
		verdict := VerdictOf(key, test.err)
		if verdict.Reason != test.reason || verdict.Ready != (test.err == nil) {
			t.Errorf("%v: reason %s, ready %t", test.err, verdict.Reason, verdict.Ready)
		}
		for _, part := range []string{"Secret acme/acme-smtp", test.says} {
			if !strings.Contains(verdict.Message, part) {
				t.Errorf("%v: the message %q does not contain %q", test.err, verdict.Message, part)
			}
		}
	}
}

// Only a Secret in the platform's namespace is the platform's own.
func TestAttackATenantsSecretIsNotTrusted(t *testing.T) {
	g := NewWithT(t)
	trusted := map[string]bool{}
	e := NewEndpoints(nil, func(data map[string][]byte, is bool) (channel.Endpoint, error) {
		trusted[string(data["in"])] = is
		return nil, nil
	}, types.NamespacedName{Namespace: "usher-system", Name: "usher-smtp"}, 8)
	for _, namespace := range []string{"usher-system", "acme", ""} {
		_, err := e.Parse(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "usher-smtp"}, Data: map[string][]byte{"in": []byte(namespace)}})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(trusted).To(Equal(map[string]bool{"usher-system": true, "acme": false, "": false}))
}
