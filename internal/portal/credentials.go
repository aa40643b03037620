// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/usher-dev/usher/internal/credentials"
)

// newCredentials is the acceptance of the visit's member at now.
func newCredentials(v *visit, given answers, passwordHash []byte, now time.Time) *corev1.Secret {
	return credentials.New(&v.member, credentials.Answers{
		Personal:     given.personal,
		TermsURL:     string(v.account.Spec.TermsURL),
		PasswordHash: passwordHash,
	}, now)
}
