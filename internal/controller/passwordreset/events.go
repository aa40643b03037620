// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package passwordreset

import (
	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// Events report the outcome of the mails, once each, after they were written. None contains an address.

func (r *Reconciler) emit(member *usherv1.Member, kind credentials.PasswordMailKind, mail credentials.PasswordMail) {
	why, sent := usherv1.ReasonPasswordReset, "Mailed the member a link that sets a new password"
	failed := "The mail server refused the mail with a link that sets a new password (%s)"
	if kind == credentials.PasswordChanged {
		why, sent = usherv1.ReasonPasswordChanged, "Told the member that the password was changed"
		failed = "The mail server refused to tell the member that the password was changed (%s)"
	}
	switch mail.State {
	case usherv1.EndNoticeSent:
		r.Recorder.Eventf(member, nil, corev1.EventTypeNormal, why, "MailPassword", "%s", sent)
	case usherv1.EndNoticeFailed:
		r.Recorder.Eventf(member, nil, corev1.EventTypeWarning, why, "MailPassword", failed, mail.LastError.Code)
	}
}
