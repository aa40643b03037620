// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
)

// setAccountState sets the conditions Pending, Active and Disabled, of which one is True, and returns the state.
func setAccountState(w conditions.Writer, o AccountObservation, activeMembers int32) usherv1.ObservedState {
	var state usherv1.ObservedState
	var why string
	switch {
	case o.Account.Spec.State == usherv1.StateDisabled:
		state, why = usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec
	case activeMembers > 0:
		state, why = usherv1.ObservedActive, usherv1.ReasonMemberActive
	default:
		state, why = usherv1.ObservedPending, usherv1.ReasonNoActiveMember
	}
	w.SetState(state, why)
	return state
}

// setMailReady leaves the condition as it is as long as nothing newer is known.
func setMailReady(w conditions.Writer, o AccountObservation) {
	if o.Mail == nil && !o.Account.DeliversByLink() && reason.OfDelivery(o.Account).ByLink {
		meta.RemoveStatusCondition(w.List, usherv1.ConditionMailReady) // it is about another delivery than the spec asks for now
	}
	if o.Mail != nil && !o.Mail.Outdated(o.Account, w.Now) {
		w.Set(usherv1.ConditionMailReady, o.Mail.Ready, o.Mail.Reason, o.Mail.Message)
	}
}

func setTemplatesReady(w conditions.Writer, o AccountObservation) {
	switch {
	case o.TemplatesUnknown:
	case o.Templates == nil:
		meta.RemoveStatusCondition(w.List, usherv1.ConditionTemplatesReady)
	default:
		w.Set(usherv1.ConditionTemplatesReady, o.Templates.Ready, o.Templates.Reason, o.Templates.Message)
	}
}

func setAccessReady(w conditions.Writer, o AccountObservation) {
	switch {
	case o.Access == nil:
	case o.Access.Reason == "":
		w.Set(usherv1.ConditionAccessReady, true, usherv1.ReasonAccessUpToDate, "")
	default:
		w.Set(usherv1.ConditionAccessReady, false, o.Access.Reason, o.Access.Message)
	}
}

// accountVerdict finds the first thing that keeps the Account from being Ready, from what its other conditions say.
func accountVerdict(a *usherv1.Account, list []metav1.Condition, terms plan.Terms) conditions.Sentence {
	fault, problem := terms.Fault()
	mail := meta.FindStatusCondition(list, usherv1.ConditionMailReady)
	access := meta.FindStatusCondition(list, usherv1.ConditionAccessReady)
	templates := meta.FindStatusCondition(list, usherv1.ConditionTemplatesReady)
	noAdmin := meta.FindStatusCondition(list, usherv1.ConditionNoAdmin)
	denied := access != nil && access.Status == metav1.ConditionFalse
	unusable := templates != nil && templates.Status == metav1.ConditionFalse
	switch {
	case a.DeletionTimestamp != nil:
		return saysAccountGoing(a)
	case problem != "":
		return saysPlanFault(fault, problem)
	case noAdmin != nil:
		return saysNoAdmin(noAdmin)
	case denied && !reason.AccessRow(access.Reason).Tolerable:
		return saysAccessIncomplete(access)
	case mail == nil:
		return saysMailProbing()
	case mail.Status != metav1.ConditionTrue:
		return saysMailNotReady(mail)
	case unusable && templates.Reason != usherv1.ReasonOwnServerRequired:
		return saysTemplatesNotReady(templates)
	case access == nil:
		return saysAccessPending()
	case denied:
		return saysWithheld(access)
	case unusable:
		return saysWithheld(templates)
	}
	return saysUpToDate()
}

// Each sentence that an Account's Ready condition can say is one of the functions below.

// saysAccountGoing: the object stays until other clients have removed their finalizers; Usher has none on it.
func saysAccountGoing(a *usherv1.Account) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: usherv1.ReasonDeleting, Message: "The account is being deleted, and " +
		"its members' access is withdrawn; the object is gone once no finalizer is left (" + strings.Join(a.Finalizers, ", ") + ")"}
}

func saysPlanFault(fault, problem string) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: fault, Message: problem, Graced: true}
}

func saysNoAdmin(c *metav1.Condition) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: c.Reason, Message: c.Message}
}

func saysAccessIncomplete(a *metav1.Condition) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: a.Reason, Message: a.Message}
}

func saysMailProbing() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: usherv1.ReasonMailProbing, Message: "The mail server is being tried"}
}

func saysMailNotReady(mail *metav1.Condition) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: mail.Reason, Message: mail.Message}
}

func saysTemplatesNotReady(t *metav1.Condition) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: t.Reason, Message: t.Message, Graced: t.Reason == usherv1.ReasonConfigMapNotFound,
	}
}

// saysWithheld: Usher has done what it is allowed to do, and the platform decides whether it may do the rest.
func saysWithheld(c *metav1.Condition) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Done, Reason: c.Reason, Message: c.Message}
}

func saysAccessPending() conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: usherv1.ReasonAccessPending, Message: "The roles and bindings of the members are being written",
	}
}

func saysUpToDate() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Done, Reason: usherv1.ReasonUpToDate}
}
