// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Events report the outcome of the mails, once each, after they were written. None contains an address.

func (r *Reconciler) emit(member *usherv1.Member, m *usherv1.EmailChangeMail) {
	if m == nil {
		return
	}
	why := usherv1.ReasonAwaitingConfirmation
	sent, failed := "The link that confirms the new address was mailed to it", "The mail server refused the mail to the new address (%s)"
	if m.To == usherv1.MailToFormerAddress {
		why = usherv1.ReasonFormerAddressTold
		sent = "Told the address in use that it is to be changed"
		failed = "The mail server refused to tell the address in use that it is to be changed (%s)"
	}
	switch m.State {
	case usherv1.EndNoticeSent:
		r.Recorder.Eventf(member, nil, corev1.EventTypeNormal, why, "ChangeAddress", "%s", sent)
	case usherv1.EndNoticeFailed:
		r.Recorder.Eventf(member, nil, corev1.EventTypeWarning, why, "ChangeAddress", failed, m.LastError.Code)
	}
}
