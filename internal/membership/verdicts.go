// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/seat"
)

// verdict is what a Member is: a row of the table of reasons, and what its Ready condition says.
type verdict struct {
	reason.Member
	message string
	// blockedBy is the reason of the DeletionBlocked condition; empty if nothing blocks the deletion.
	blockedBy string
}

// undecided is the verdict on a Member whose reason depends on the seats that it holds: it takes them first.
var undecided = verdict{Member: reason.Member{Custody: reason.Taken}}

func (v verdict) decided() bool { return v.Reason != "" }

// because returns the verdict with that reason. State, outlook and custody are those of its row.
func because(why, message string) verdict {
	return verdict{Member: reason.MemberRow(why), message: message}
}

// Each sentence that a Member's Ready condition can say is one of the functions below.

func saysDeleting() verdict {
	return because(usherv1.ReasonDeleting, "Access is withdrawn; tidying up before the member is gone")
}

func saysDeletionBlocked(by, problem string) verdict {
	v := because(usherv1.ReasonDeletionBlocked, problem)
	v.blockedBy = by
	return v
}

func saysDisabledBySpec() verdict {
	return because(usherv1.ReasonDisabledBySpec,
		"Access is withdrawn and the seat is free; set spec.state to Active to bring the member back")
}

func saysAccessEnded(at *metav1.Time) verdict {
	return because(usherv1.ReasonAccessEnded, "Access ended at "+until(at)+
		" and the seat is free; set spec.accessUntil to a later time, or remove it, to bring the member back")
}

func saysAccountNotFound(account string) verdict {
	return because(usherv1.ReasonAccountNotFound, "There is no Account "+account+" in this namespace; create it")
}

func saysAccountDeleting(account string) verdict {
	return because(usherv1.ReasonAccountDeleting, "Account "+account+" is being deleted, and access ends with it; delete the Member, too")
}

func saysAccountDisabled(account string) verdict {
	return because(usherv1.ReasonAccountDisabled, "Account "+account+" is disabled; seats are kept")
}

func saysPlanNotFound(problem string) verdict { return because(usherv1.ReasonPlanNotFound, problem) }

func saysSeatPoolNotFound(problem string) verdict {
	return because(usherv1.ReasonSeatPoolNotFound, problem)
}

func saysDuplicateEmail(rival string) verdict {
	return because(usherv1.ReasonDuplicateEmail, "Member "+rival+" of this account has this address and came first; correct one of them")
}

// saysNotInPlan: the account's plan does not have the role or one of the rights.
func saysNotInPlan(why, problem string) verdict { return because(why, problem) }

// saysMakingCredentials: a member that needs no invitation takes its seats once it has credentials.
func saysMakingCredentials() verdict {
	v := because(usherv1.ReasonInviting, "Credentials are being made")
	v.Custody = reason.Kept
	return v
}

func saysInvitationRevoked(inv *usherv1.Invitation) verdict {
	return because(usherv1.ReasonInvitationRevoked, "The invitation was revoked; to ask again: "+invite.HowToAskAgain(inv))
}

func saysInvitationDeclined(inv *usherv1.Invitation) verdict {
	return because(usherv1.ReasonInvitationDeclined, "The invitee declined; to ask again: "+invite.HowToAskAgain(inv))
}

func saysInvitationExpired(inv *usherv1.Invitation) verdict {
	return because(usherv1.ReasonInvitationExpired, "The invitee did not answer in time; to ask again: "+invite.HowToAskAgain(inv))
}

func saysMailRejected(inv *usherv1.Invitation) verdict {
	return because(usherv1.ReasonMailRejected, invite.Failed(inv))
}

// saysNoMailbox: the API server accepts addresses that no server can, because its rules cannot tell all of them.
func saysNoMailbox(err error) verdict {
	return because(usherv1.ReasonMailRejected, "No mail can go to spec.email, and none is sent: "+err.Error()+"; correct it")
}

func saysAccepted() verdict { return because(usherv1.ReasonAccepted, "Accepted and has access") }

func saysActivated() verdict { return because(usherv1.ReasonActivated, "Has access") }

func saysAddOnSeatUnavailable(waitsFor string) verdict {
	return because(usherv1.ReasonAddOnSeatUnavailable, "Has access; "+waitsFor)
}

// saysNoSeatForAccess: the member has accepted. full reports that the pool says so too.
func saysNoSeatForAccess(pool *usherv1.SeatPool, seats plan.Seats, full bool) verdict {
	return saysNoSeat("access starts by itself as soon as one is free", pool, seats, full)
}

// saysNoSeatForInvitation: the member is not invited yet.
func saysNoSeatForInvitation(pool *usherv1.SeatPool, seats plan.Seats, full bool) verdict {
	return saysNoSeat("the invitation goes out by itself as soon as one is free", pool, seats, full)
}

func saysNoSeat(then string, pool *usherv1.SeatPool, seats plan.Seats, full bool) verdict {
	if !full {
		v := because(usherv1.ReasonSeatUnavailable, "SeatPool "+pool.Name+" has not given the member a seat yet; "+then)
		v.Outlook = conditions.Working
		return v
	}
	return because(usherv1.ReasonSeatUnavailable, "Every seat of "+pool.Name+" is taken; "+then+"; "+seat.HowToAdd(pool, seats))
}

func saysAwaitingAcceptance(expires *metav1.Time) verdict {
	return because(usherv1.ReasonAwaitingAcceptance, "Invited; the link works until "+until(expires))
}

// saysLinkInvalid: the invitee cannot answer until a user has had another link sent.
func saysLinkInvalid(inv *usherv1.Invitation) verdict {
	v := because(usherv1.ReasonAwaitingAcceptance, invite.LinkInvalid(inv))
	v.Outlook = conditions.Stuck
	return v
}

// saysCredentialsInvalid: the Secret may be a user's, or the acceptance of a member whose key is lost, so Usher does not delete it.
func saysCredentialsInvalid(o Observation) verdict {
	secret, m := creds.Name(o.Member.Name), o.Member
	switch {
	case o.acceptance() == creds.NotCredentials:
		return because(usherv1.ReasonCredentialsInvalid,
			"Usher did not make Secret "+secret+", which has the name of the member's credentials, and leaves it alone; rename or delete it")
	case m.Spec.Activation == usherv1.ActivateImmediately:
		return because(usherv1.ReasonCredentialsInvalid, "Secret "+secret+" is not signed by Usher, and cannot be imported: that takes a "+
			creds.KeyPasswordHash+" by bcrypt of a cost of 4 to 14, the member's "+creds.KeyEmail+" or none, and a Secret that is not immutable; "+
			"correct or delete it")
	}
	return because(usherv1.ReasonCredentialsInvalid, "Secret "+secret+" is not signed by Usher, so that it is no acceptance; "+
		"if it comes from a backup or another cluster, add the token key from there to the manager's token Secret, as previous-<name>; "+
		"else delete it, and the member is invited")
}

// saysNameTaken: nothing happens until a user has corrected it, unlike where else a member is Inviting.
func saysNameTaken(invitation string) verdict {
	v := because(usherv1.ReasonInviting,
		"The Invitation "+invitation+" invites another member; delete it, or write another Invitation that names this Member")
	v.Outlook = conditions.Stuck
	return v
}

func saysNoMailCanBeSent(mail *metav1.Condition) verdict {
	return because(usherv1.ReasonMailNotReady, "No mail can be sent ("+mail.Reason+"): "+mail.Message)
}

func saysMailNotTaken(failed *usherv1.SendError) verdict {
	return because(usherv1.ReasonMailNotReady, "The mail server did not take the mail ("+failed.Code+"); trying again")
}

// saysMailLimited: the invitation is held up by a limit on mails.
func saysMailLimited(inv *usherv1.Invitation) verdict {
	return because(usherv1.ReasonInviting, invite.Waiting(&inv.Status))
}

// saysMailDelayed: the mail server has asked for another attempt, as greylisting does, or could not be reached.
func saysMailDelayed(inv *usherv1.Invitation) verdict {
	return because(usherv1.ReasonInviting, invite.Delayed(&inv.Status))
}

func saysInviting() verdict {
	return because(usherv1.ReasonInviting, "The invitation is on its way")
}

func until(t *metav1.Time) string {
	if t == nil {
		return "it expires"
	}
	return t.UTC().Format(time.RFC3339)
}
