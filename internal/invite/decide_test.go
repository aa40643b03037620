// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"math"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/reason"
)

// situations are all states, each before and after every time that matters in it.
var situations = map[string]func(*Observation){
	"New":            func(*Observation) {},
	"RetryLater":     linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(time.Minute)),
	"RetryDue":       linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(0)),
	"GivesUp":        linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(0), firstTried(-usherv1.DefaultTTL)),
	"ServerRepaired": linked(usherv1.InvitationPending, failed(usherv1.ErrorConfiguration, -48*time.Hour), due(time.Minute)),
	"ServerBroken":   linked(usherv1.InvitationPending, failed(usherv1.ErrorConfiguration, -time.Minute), due(time.Minute)),
	"Sending":        linked(usherv1.InvitationSending, due(time.Second)),
	"SenderDied":     linked(usherv1.InvitationSending, due(0)),
	"SentValid":      linked(usherv1.InvitationSent, expires(time.Second)),
	"SentExpired":    linked(usherv1.InvitationSent, expires(0)),
	"Accepted":       linked(usherv1.InvitationAccepted, expires(time.Hour)),
	"Declined":       linked(usherv1.InvitationDeclined, expires(time.Hour)),
	"Expired":        linked(usherv1.InvitationExpired, expires(-time.Hour)),
	"Revoked":        linked(usherv1.InvitationRevoked, expires(time.Hour)),
	"FailedState":    linked(usherv1.InvitationFailed, failed(usherv1.ErrorPermanent, -time.Minute)),
}

var facts = map[string][]func(*Observation){
	"nothing":            nil,
	"accepted":           {accepted},
	"answered":           {answered},
	"revoked":            {revoked},
	"noMember":           {noMember},
	"deleting":           {memberDeleting},
	"disabled":           {memberDisabled},
	"noAccount":          {noAccount},
	"accountOff":         {accountDisabled},
	"mailDown":           {mailDown},
	"turn":               {mailDown, hasTurn},
	"noSeat":             {withoutSeat},
	"resend":             {resend},
	"readdressed":        {readdressed},
	"resendNoSeat":       {resend, withoutSeat},
	"acceptedRevoked":    {accepted, revoked},
	"acceptedDisabled":   {accepted, memberDisabled},
	"revokedReaddressed": {revoked, readdressed},
}

// decisions is what Decide does in every situation with every fact:
//
//	.          nothing, and no wake-up
//	w          nothing, and a wake-up later
//	new, same  sends a new link, or the same link again
//	A R X F    Accepted, Revoked, Expired, Failed
const decisions = `
               nothing accepted answered revoked noMember deleting disabled noAccount accountOff mailDown turn noSeat resend readdressed resendNoSeat acceptedRevoked acceptedDisabled revokedReaddressed
New            new     A        w        R       w        R        R        .         .          .        new  .      new    new         .            A               A                R
RetryLater     w       A        w        R       R        R        R        .         .          w        w    .      new    new         .            A               A                R
RetryDue       same    A        w        R       R        R        R        .         .          .        same .      new    new         .            A               A                R
GivesUp        F       A        w        R       R        R        R        .         .          .        F    .      new    new         .            A               A                R
ServerRepaired same    A        w        R       R        R        R        .         .          w        w    .      new    new         .            A               A                R
ServerBroken   w       A        w        R       R        R        R        .         .          w        w    .      new    new         .            A               A                R
Sending        w       A        w        R       R        R        R        w         w          w        w    w      w      w           w            A               A                R
SenderDied     same    A        w        R       R        R        R        .         .          .        same .      new    new         .            A               A                R
SentValid      w       A        w        R       R        R        R        w         w          w        w    w      new    new         .            A               A                R
SentExpired    X       A        w        R       R        R        R        X         X          X        X    X      new    new         .            A               A                R
Accepted       new     A        w        R       R        R        R        .         .          .        new  .      new    new         .            A               A                R
Declined       .       A        w        R       R        R        R        .         .          .        .    .      new    new         .            A               A                R
Expired        .       A        w        R       R        R        R        .         .          .        .    .      new    new         .            A               A                R
Revoked        new     A        w        .       .        .        .        .         .          .        new  .      new    new         .            A               A                .
FailedState    .       A        w        R       R        R        R        .         .          .        .    .      new    new         .            A               A                R
`

func hasTurn(o *Observation) { o.Turn = true }

// A mail that is due and only waits for the mail server asks for a turn.
func TestAwaitsTurn(t *testing.T) {
	for _, test := range []struct {
		situation string
		edits     []func(*Observation)
		want      bool
	}{
		{"New", []func(*Observation){mailDown}, true},
		{"RetryDue", []func(*Observation){mailDown}, true},
		{"SenderDied", []func(*Observation){mailDown}, true},
		{"RetryLater", []func(*Observation){mailDown}, false},
		{"SentValid", []func(*Observation){mailDown}, false},
		{"SentValid", []func(*Observation){mailDown, resend}, true},
		{"New", []func(*Observation){mailDown, hasTurn}, false},
		{"New", []func(*Observation){mailDown, withoutSeat}, false},
		{"New", []func(*Observation){mailDown, accountDisabled}, false},
		{"FailedState", []func(*Observation){mailDown}, false},
		{"New", []func(*Observation){mailDown, byLink}, false},
		{"New", nil, false},
	} {
		o := observed(append([]func(*Observation){situations[test.situation]}, test.edits...)...)
		if got := Decide(o, now).AwaitsTurn; got != test.want {
			t.Errorf("%s with %d edits: %t", test.situation, len(test.edits), got)
		}
	}
}

func byLink(o *Observation) {
	o.Account.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink}
}

// An invitation that failed with a refusal which turned out to be the server's waits again, with its link; one that failed otherwise does not.
func TestADoubtfulRefusalIsAskedAgain(t *testing.T) {
	doubtful := func(o *Observation) { o.Doubtful = true }
	g := NewWithT(t)
	o := observed(situations["FailedState"], mailDown, doubtful)
	p := Decide(o, now)
	g.Expect(p.Status.State).To(Equal(usherv1.InvitationPending))
	g.Expect(p.Status.LinkGeneration).To(Equal(o.Invitation.Status.LinkGeneration))
	g.Expect(p.Status.LastError).NotTo(BeNil())
	g.Expect(p.Send).To(BeFalse())
	g.Expect(p.NeedsLiveReads()).To(BeTrue())
	o.Invitation.Status = p.Status
	g.Expect(Decide(o, now).AwaitsTurn).To(BeTrue(), "it asks for a turn")
	for name, edit := range map[string]func(*Observation){"accepted": accepted, "revoked": revoked, "disabled": memberDisabled} {
		g.Expect(Decide(observed(situations["FailedState"], doubtful, edit), now).Status.State).NotTo(Equal(usherv1.InvitationPending), name)
	}
}

func TestDecideEveryStateUnderEveryFact(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(decisions), "\n")
	columns := strings.Fields(lines[0])
	if len(lines)-1 != len(situations) || len(columns) != len(facts) {
		t.Fatalf("the table has %d rows for %d situations and %d columns for %d facts", len(lines)-1, len(situations), len(columns), len(facts))
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, fact := range columns {
			t.Run(cells[0]+"/"+fact, func(t *testing.T) {
				g := NewWithT(t)
				edits, known := facts[fact]
				g.Expect(known).To(BeTrue())
				g.Expect(situations).To(HaveKey(cells[0]))
				o := observed(append([]func(*Observation){situations[cells[0]]}, edits...)...)
				before := o.Invitation.Status.DeepCopy()
				plan := Decide(o, now)
				g.Expect(o.Invitation.Status).To(Equal(*before), "the observation is unchanged")
				g.Expect(abbreviate(*before, plan)).To(Equal(cells[i+1]))
				g.Expect(plan.Status.ObservedGeneration).To(Equal(o.Invitation.Generation))
				expectOneOutlook(g, plan.Status.Conditions)
			})
		}
	}
}

// abbreviate returns the table's abbreviation of a plan, or what is contradictory about the plan.
func abbreviate(before usherv1.InvitationStatus, p Plan) string {
	was := before.State
	if was == "" {
		was = usherv1.InvitationPending
	}
	if p.Remind != "" {
		if !p.Send || p.Status.State != usherv1.InvitationSent {
			return "a reminder without its claim"
		}
		return "remind"
	}
	if p.Send != (p.Status.State == usherv1.InvitationSending && p.Status.Attempts != before.Attempts) {
		return "a send without its claim"
	}
	switch {
	case p.Send && p.Status.LinkGeneration == before.LinkGeneration:
		return "same"
	case p.Send && p.Status.LinkGeneration > before.LinkGeneration:
		return "new"
	case p.Send:
		return "an older link"
	case p.Status.State == usherv1.InvitationAccepted && was != usherv1.InvitationAccepted,
		p.Status.State == usherv1.InvitationAccepted && p.Status.AcceptedAt != nil:
		return "A"
	case p.Status.State == usherv1.InvitationRevoked && was != usherv1.InvitationRevoked:
		return "R"
	case p.Status.State == usherv1.InvitationExpired && was != usherv1.InvitationExpired:
		return "X"
	case p.Status.State == usherv1.InvitationFailed && was != usherv1.InvitationFailed:
		return "F"
	case p.Status.State != was:
		return "became " + string(p.Status.State)
	case !p.Wake.IsZero() && !p.Wake.After(now):
		return "wakes in the past"
	case !p.Wake.IsZero():
		return "w"
	}
	return "."
}

func expectOneOutlook(g *WithT, list []metav1.Condition) {
	g.THelper()
	var trues []string
	for _, kind := range []string{usherv1.ConditionReady, usherv1.ConditionReconciling, usherv1.ConditionStalled} {
		switch c := meta.FindStatusCondition(list, kind); {
		case c == nil:
			g.Expect(kind).NotTo(Equal(usherv1.ConditionReady), "Ready always exists")
		case c.Status == metav1.ConditionTrue:
			trues = append(trues, kind)
		default:
			g.Expect(kind).To(Equal(usherv1.ConditionReady), "Reconciling and Stalled exist only while they are True")
		}
	}
	g.Expect(trues).To(HaveLen(1), "one outlook")
	for _, c := range list {
		g.Expect(c.Reason).NotTo(BeEmpty(), "the API server refuses a condition without a reason")
	}
}

func TestDecideClaim(t *testing.T) {
	t.Run("the first link", func(t *testing.T) {
		g := NewWithT(t)
		p := Decide(observed(), now)
		g.Expect(p.Send).To(BeTrue())
		p.Status.Conditions = nil
		g.Expect(p.Status).To(Equal(usherv1.InvitationStatus{
			ObservedGeneration: 3, State: usherv1.InvitationSending, Recipient: ada, Language: "en-GB", SendGeneration: 1, LinkGeneration: 1,
			Attempts: 1, FirstAttemptAt: later(0), NextAttemptAt: later(delivery.SendLease),
		}))
	})
	t.Run("the same link again", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(situations["RetryDue"])
		p := Decide(o, now)
		was := o.Invitation.Status
		g.Expect(p.Status.LinkGeneration).To(Equal(was.LinkGeneration))
		g.Expect(p.Status.MessageID).To(Equal(was.MessageID), "every copy has the same Message-ID")
		g.Expect(p.Status.Attempts).To(Equal(was.Attempts + 1))
		g.Expect(p.Status.FirstAttemptAt).To(Equal(was.FirstAttemptAt), "the ttl of trying runs from the first attempt")
		g.Expect(p.Status.LastError).To(Equal(was.LastError))
		g.Expect(p.Status.NextAttemptAt).To(Equal(later(delivery.SendLease)))
	})
	t.Run("a new link after one that was sent", func(t *testing.T) {
		g := NewWithT(t)
		p := Decide(observed(situations["SentValid"], readdressed, func(o *Observation) { o.Member.Spec.Language = "fr" }), now)
		g.Expect(p.Status.Recipient).To(Equal("lovelace@acme.example"))
		g.Expect(p.Status.Language).To(BeEquivalentTo("fr"))
		g.Expect(p.Status.LinkGeneration).To(BeEquivalentTo(6))
		g.Expect(p.Status.SendGeneration).To(BeEquivalentTo(1), "no user raised it")
		g.Expect(p.Status.Attempts).To(BeEquivalentTo(1))
		g.Expect(p.Status.FirstAttemptAt).To(Equal(later(0)))
		g.Expect(p.Status.MessageID).To(BeEmpty(), "the new link does not have the old link's Message-ID")
		g.Expect(p.Status.SentAt).To(BeNil())
		g.Expect(p.Status.ExpiresAt).To(BeNil())
		g.Expect(p.Status.AcceptedAt).To(BeNil())
		g.Expect(p.Status.LastError).To(BeNil())
	})
	t.Run("a lease survives one late or failed renewal", func(t *testing.T) {
		NewWithT(t).Expect(2 * delivery.RenewEvery).To(BeNumerically("<", delivery.SendLease))
	})
}

func TestLinkGeneration(t *testing.T) {
	tests := []struct {
		name             string
		spec, sent, link int64
		want             int64
	}{
		{name: "the first", spec: 1, want: 1},
		{name: "the status was lost after some resends", spec: 4, want: 4},
		{name: "raised by one", spec: 2, sent: 1, link: 1, want: 2},
		{name: "raised by many", spec: 9, sent: 1, link: 1, want: 9},
		{name: "raised, after links that no one requested", spec: 2, sent: 1, link: 5, want: 6},
		{name: "raised to the present link's number", spec: 5, sent: 1, link: 5, want: 6},
		{name: "the highest", spec: 1_000_000_000, sent: 1, link: 1, want: 1_000_000_000},
		{name: "raised after the highest link of a status", spec: 2, sent: 1, link: usherv1.MaxCounter, want: usherv1.MaxCounter},
		{name: "raised after a link that no status can have", spec: 2, sent: 1, link: math.MaxInt64, want: usherv1.MaxCounter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(func(o *Observation) {
				o.Invitation.Spec.SendGeneration = tt.spec
				if tt.link > 0 {
					linked(usherv1.InvitationSent, expires(time.Hour))(o)
				}
				o.Invitation.Status.SendGeneration, o.Invitation.Status.LinkGeneration = tt.sent, tt.link
			})
			p := Decide(o, now)
			g.Expect(p.Send).To(BeTrue())
			g.Expect(p.Status.LinkGeneration).To(Equal(tt.want))
			g.Expect(p.Status.SendGeneration).To(Equal(tt.spec))
		})
	}
}

func TestDecideTimes(t *testing.T) {
	ttl := func(d usherv1.TTL) func(*Observation) {
		return func(o *Observation) { o.Invitation.Spec.TTL = d }
	}
	tests := []struct {
		name  string
		edits []func(*Observation)
		want  string
		wake  *metav1.Time
	}{
		{name: "a second before it expires", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(time.Second))}, want: "w", wake: later(time.Second)},
		{name: "as it expires", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(0))}, want: "X"},
		{name: "a second after it expired", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(-time.Second))}, want: "X"},
		{name: "a month after it expired", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(-720*time.Hour))}, want: "X"},
		{name: "accepted as it expires", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(0)), accepted}, want: "A"},
		{name: "answered as it expires", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(0)), answered}, want: "w", wake: later(answeredPause)},
		{name: "sent, without an expiry in status", edits: []func(*Observation){linked(usherv1.InvitationSent)}, want: "."},

		{name: "a second before the retry", edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(time.Second))}, want: "w", wake: later(time.Second)},
		{name: "a second after it was due", edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(-time.Second))}, want: "same"},
		{
			name:  "pending, without a time in status",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute))}, want: "same",
		},

		{
			name: "a retry after the ttl: wakes at the end of the ttl", want: "w", wake: later(time.Minute),
			edits: []func(*Observation){ttl("1h"), linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(10*time.Minute), firstTried(-59*time.Minute))},
		},
		{
			name: "a second before the end of the ttl", want: "same",
			edits: []func(*Observation){ttl("1h"), linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(0), firstTried(-time.Hour+time.Second))},
		},
		{
			name: "at the end of the ttl", want: "F",
			edits: []func(*Observation){ttl("1h"), linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(10*time.Minute), firstTried(-time.Hour))},
		},
		{
			name: "the account's ttl, because the invitation has none", want: "F",
			edits: []func(*Observation){func(o *Observation) { o.Account.Spec.Invitations.TTL = "1h" }, linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute), due(0), firstTried(-time.Hour))},
		},
		{
			name: "after a configuration error, the ttl does not apply", want: "same",
			edits: []func(*Observation){ttl("1h"), linked(usherv1.InvitationPending, failed(usherv1.ErrorConfiguration, -time.Minute), due(0), firstTried(-100*time.Hour))},
		},
		{
			name: "the mail server became ready after the failure", want: "same",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorConfiguration, -2*time.Second), due(time.Minute)), mailReady(true, -time.Second)},
		},
		{
			name: "the mail server became ready before the failure", want: "w", wake: later(time.Minute),
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorConfiguration, -time.Second), due(time.Minute)), mailReady(true, -2*time.Second)},
		},
		{
			name: "a temporary failure waits, even if the mail server became ready", want: "w", wake: later(time.Minute),
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Hour), due(time.Minute)), mailReady(true, -time.Second)},
		},

		{
			name: "the lease is not over", edits: []func(*Observation){linked(usherv1.InvitationSending, due(time.Nanosecond))}, want: "w",
			wake: later(time.Nanosecond),
		},
		{name: "the lease is over", edits: []func(*Observation){linked(usherv1.InvitationSending, due(0))}, want: "same"},
		{name: "no lease in status", edits: []func(*Observation){linked(usherv1.InvitationSending)}, want: "same"},
		{
			name: "the lease comes before the ttl", want: "w", wake: later(time.Second),
			edits: []func(*Observation){linked(usherv1.InvitationSending, failed(usherv1.ErrorTemporary, -time.Hour), due(time.Second), firstTried(-usherv1.DefaultTTL))},
		},
		{name: "a lease by a clock that is a little ahead", edits: []func(*Observation){linked(usherv1.InvitationSending, due(5*time.Minute))}, want: "w", wake: later(5 * time.Minute)},
		{name: "a lease by a clock that was a day ahead", edits: []func(*Observation){linked(usherv1.InvitationSending, due(24*time.Hour))}, want: "same"},
		{name: "a lease by a clock that was a year ahead", edits: []func(*Observation){linked(usherv1.InvitationSending, due(year))}, want: "same"},
		{name: "a lease by a right clock, and this one is a day slow", edits: []func(*Observation){linked(usherv1.InvitationSending, due(24*time.Hour)), made(23 * time.Hour)}, want: "w", wake: later(24 * time.Hour)},
		{name: "a retry by a clock that was a year ahead", edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, year), due(year+time.Minute), firstTried(year))}, want: "same"},
		{name: "a limit by a clock that was a year ahead", edits: []func(*Observation){linked(usherv1.InvitationPending, due(year)), rateLimited}, want: "same"},
		{name: "a limit on a mail whose last sender is gone", edits: []func(*Observation){linked(usherv1.InvitationSending, due(time.Hour)), rateLimited}, want: "w", wake: later(time.Hour)},
		{
			name:  "the mail server did not answer, and does so since",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -2*time.Second), unanswered, due(time.Hour)), mailReady(true, -time.Second)}, want: "same",
		},
		{
			name:  "the mail server did not answer, although it was ready again",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Second), unanswered, due(time.Hour)), mailReady(true, -2*time.Second)}, want: "w", wake: later(time.Hour),
		},
		{
			name:  "the mail server answers again in the second of the failure",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, 0), unanswered, due(time.Hour)), mailReady(true, 0)}, want: "w", wake: later(time.Second),
		},
		{
			name:  "a second after the mail server answered again in the second of the failure",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Second), unanswered, due(time.Hour)), mailReady(true, -time.Second)}, want: "same",
		},
		{name: "a correction of the mail server by a clock that was a year ahead", edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorConfiguration, -time.Second), due(time.Minute)), mailReady(true, year)}, want: "w", wake: later(time.Minute)},
		{name: "sent by a clock that was a day ahead", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(8*24*time.Hour))}, want: "w", wake: later(usherv1.DefaultTTL)},
		{name: "sent by a clock that was a year ahead", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(year))}, want: "w", wake: later(usherv1.DefaultTTL)},
		{name: "sent by a right clock, and this one is a year slow", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(year)), made(year - 8*24*time.Hour)}, want: "w", wake: later(year)},
		{name: "an expiry that no ttl leads to", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(year), sentAt(-time.Hour))}, want: "w", wake: later(usherv1.DefaultTTL)},

		{name: "a status without a state", edits: []func(*Observation){linked("", due(time.Second))}, want: "w", wake: later(time.Second)},
		{
			name: "the status was lost, and the answer is not in status yet", edits: []func(*Observation){answered}, want: "w",
			wake: later(answeredPause),
		},
		{name: "a user's Secret is in the way, and the member does not say so yet", edits: []func(*Observation){foreign}, want: "w", wake: later(answeredPause)},
		{name: "a user's Secret is in the way, and the member says so", edits: []func(*Observation){foreign, memberIs(usherv1.ReasonCredentialsInvalid)}, want: "."},
		{
			name:  "revoked while a user's Secret is in the way",
			edits: []func(*Observation){foreign, memberIs(usherv1.ReasonCredentialsInvalid), revoked, linked(usherv1.InvitationSent, expires(time.Hour))},
			want:  "R",
		},
		{
			name:  "expired while a user's Secret is in the way",
			edits: []func(*Observation){foreign, memberIs(usherv1.ReasonCredentialsInvalid), linked(usherv1.InvitationSent, expires(0))}, want: "X",
		},
		{name: "no account and no link yet", edits: []func(*Observation){noAccount}, want: "."},
		{
			name:  "the member is to be invited by another invitation",
			edits: []func(*Observation){func(o *Observation) { o.Member.Status.InvitationRef.Name = "by-hand" }}, want: ".",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.edits...)
			p := Decide(o, now)
			g.Expect(abbreviate(o.Invitation.Status, p)).To(Equal(tt.want))
			if tt.wake != nil {
				g.Expect(p.Wake).To(Equal(tt.wake.Time))
			}
			expectOneOutlook(g, p.Status.Conditions)
		})
	}
}

func TestAnAcceptanceIsRecorded(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationSent, expires(time.Hour), due(time.Minute)), accepted, resend)
	s := Decide(o, now).Status
	g.Expect(s.AcceptedAt).To(Equal(o.Member.Status.AcceptedAt))
	g.Expect(s.SendGeneration).To(BeEquivalentTo(2), "a resend after the acceptance has no effect")
	g.Expect(s.NextAttemptAt).To(BeNil())
	g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionAccepted)).To(BeTrue())
	g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionSent)).To(BeTrue())
}

func TestAsked(t *testing.T) {
	states := []usherv1.InvitationState{
		usherv1.InvitationPending, usherv1.InvitationSending, usherv1.InvitationSent, usherv1.InvitationAccepted,
		usherv1.InvitationDeclined, usherv1.InvitationExpired, usherv1.InvitationRevoked, usherv1.InvitationFailed,
	}
	// A link that was revoked, or whose acceptance was deleted, is replaced without a request.
	again := map[usherv1.InvitationState]bool{usherv1.InvitationRevoked: true, usherv1.InvitationAccepted: true}
	for _, state := range states {
		t.Run(string(state), func(t *testing.T) {
			g := NewWithT(t)
			inv := func(edits ...func(*Observation)) *usherv1.Invitation {
				return observed(append([]func(*Observation){linked(state)}, edits...)...).Invitation
			}
			g.Expect(Asked(inv(), ada)).To(Equal(again[state]))
			g.Expect(Asked(inv(), strings.ToUpper(ada))).To(Equal(again[state]))
			g.Expect(Asked(inv(), "bob@acme.example")).To(BeTrue(), "another address")
			g.Expect(Asked(inv(resend), ada)).To(BeTrue(), "a resend is requested")
			g.Expect(Asked(inv(revoked), ada)).To(BeFalse(), "revoked")
			g.Expect(Asked(inv(revoked, resend), "bob@acme.example")).To(BeFalse(), "revoked, whatever else is requested")
		})
	}
	NewWithT(t).Expect(Asked(observed().Invitation, ada)).To(BeTrue(), "nothing was sent yet")
	NewWithT(t).Expect(Asked(observed(revoked).Invitation, ada)).To(BeFalse(), "revoked before anything was sent")
}

// Only these two reasons let an invitation be sent. The list is independent of the table in package reason, and has each of its rows.
func TestCleared(t *testing.T) {
	reasons := map[string]bool{
		usherv1.ReasonInviting:             true,
		usherv1.ReasonMailNotReady:         true,
		usherv1.ReasonAwaitingAcceptance:   false,
		usherv1.ReasonSeatUnavailable:      false,
		usherv1.ReasonInvitationExpired:    false,
		usherv1.ReasonInvitationRevoked:    false,
		usherv1.ReasonInvitationDeclined:   false,
		usherv1.ReasonMailRejected:         false,
		usherv1.ReasonDuplicateEmail:       false,
		usherv1.ReasonCredentialsInvalid:   false,
		usherv1.ReasonAccountNotFound:      false,
		usherv1.ReasonSeatPoolNotFound:     false,
		usherv1.ReasonAccepted:             false,
		usherv1.ReasonActivated:            false,
		usherv1.ReasonAddOnSeatUnavailable: false,
		usherv1.ReasonDisabledBySpec:       false,
		usherv1.ReasonAccountDisabled:      false,
		usherv1.ReasonAccountDeleting:      false,
		usherv1.ReasonAccessEnded:          false,
		usherv1.ReasonPlanNotFound:         false,
		usherv1.ReasonRoleNotInPlan:        false,
		usherv1.ReasonRightNotInPlan:       false,
		usherv1.ReasonDeleting:             false,
		usherv1.ReasonDeletionBlocked:      false,
	}
	for _, row := range reason.Members() {
		if _, listed := reasons[row.Reason]; !listed {
			t.Errorf("the list does not have %s; add it, and whether a member with this reason is sent its invitation", row.Reason)
		}
	}
	for why, want := range reasons {
		t.Run(why, func(t *testing.T) {
			o := observed(memberIs(why))
			NewWithT(t).Expect(Cleared(o.Member, o.Invitation, o.Account)).To(Equal(want))
		})
	}

	madeBy := func(uid types.UID, controls bool) func(*Observation) {
		return func(o *Observation) {
			o.Invitation.OwnerReferences = []metav1.OwnerReference{{APIVersion: "usher.dev/v1alpha1", Kind: "Member", Name: "ada", UID: uid, Controller: &controls}}
		}
	}
	remembered := func(edit func(*Observation)) func(*Observation) {
		return func(o *Observation) {
			edit(o)
			o.Account.Status.Departures = []usherv1.Departure{{UID: "uid-before"}}
		}
	}
	tests := []struct {
		name string
		edit func(*Observation)
		want bool
	}{
		{name: "made for this member", edit: madeBy("uid-ada", true), want: true},
		{name: "made before a restore", edit: madeBy("uid-before", true), want: true},
		{name: "made for an earlier member of this name", edit: remembered(madeBy("uid-before", true))},
		{name: "made for this member, who was deleted and restored", edit: remembered(func(o *Observation) {
			madeBy("uid-before", true)(o)
			o.Member.Annotations = map[string]string{usherv1.MemberUIDAnnotation: "uid-before"}
		}), want: true},
		{name: "made by something else", edit: remembered(func(o *Observation) {
			madeBy("uid-before", true)(o)
			o.Invitation.OwnerReferences[0].APIVersion, o.Invitation.OwnerReferences[0].Kind = "kro.run/v1alpha1", "Team"
		}), want: true},
		{name: "made by a Member of another API", edit: remembered(func(o *Observation) {
			madeBy("uid-before", true)(o)
			o.Invitation.OwnerReferences[0].APIVersion = "gym.example/v1"
		}), want: true},
		{name: "owned by something else, not made for it", edit: madeBy("uid-team", false), want: true},
		{name: "the member's status is about an older spec", edit: func(o *Observation) { o.Member.Generation++ }},
		{name: "the member has no status", edit: func(o *Observation) { o.Member.Status = usherv1.MemberStatus{ObservedGeneration: -1} }},
		{name: "the member has another invitation", edit: func(o *Observation) { o.Member.Status.InvitationRef.Name = "by-hand" }},
		{name: "the member needs no invitation", edit: func(o *Observation) { o.Member.Spec.Activation = usherv1.ActivateImmediately }},
		{name: "the member has no invitation", edit: func(o *Observation) { o.Member.Status.InvitationRef = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := observed(tt.edit)
			NewWithT(t).Expect(Cleared(o.Member, o.Invitation, o.Account)).To(Equal(tt.want))
		})
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		name     string
		edits    []func(*Observation)
		outlook  string
		reason   string
		contains string
	}{
		{
			name: "new", edits: []func(*Observation){withoutSeat}, outlook: usherv1.ConditionReady, reason: "Pending",
			contains: "Member ada is not invited now",
		},
		{name: "no such member", edits: []func(*Observation){noMember}, outlook: usherv1.ConditionReconciling, reason: usherv1.ReasonMemberNotFound, contains: "no Member ada"},
		{name: "sending", outlook: usherv1.ConditionReconciling, reason: "Sending", contains: "is being sent"},
		{
			name: "failed temporarily", edits: []func(*Observation){situations["RetryLater"]}, outlook: usherv1.ConditionReconciling,
			reason: "Pending", contains: "asked to try again later (451 4.7.1); the next attempt is due at 2026-03-08T09:31:00Z",
		},
		{
			name: "sent", edits: []func(*Observation){situations["SentValid"]}, outlook: usherv1.ConditionReady, reason: "Sent",
			contains: "until 2026-03-08T09:30:01Z",
		},
		{
			name: "sent, and the key of the link was removed", edits: []func(*Observation){situations["SentValid"], func(o *Observation) { o.KeyLost = true }},
			outlook: usherv1.ConditionStalled, reason: usherv1.ReasonLinkInvalid, contains: "to send another: kubectl patch invitation ada -n acme",
		},
		{name: "accepted", edits: []func(*Observation){situations["SentValid"], accepted}, outlook: usherv1.ConditionReady, reason: "Accepted"},
		{name: "declined", edits: []func(*Observation){situations["Declined"]}, outlook: usherv1.ConditionReady, reason: "Declined", contains: "kubectl patch invitation ada -n acme"},
		{
			name: "expired", edits: []func(*Observation){situations["SentExpired"]}, outlook: usherv1.ConditionReady, reason: "Expired",
			contains: `until 2026-03-08T09:30:00Z; to ask again: kubectl patch invitation ada -n acme --type=merge -p '{"spec":{"sendGeneration":2}}'`,
		},
		{
			name: "revoked", edits: []func(*Observation){situations["SentValid"], revoked}, outlook: usherv1.ConditionReady, reason: "Revoked",
			contains: "revoked, and its link no longer works",
		},
		{
			name: "refused permanently", edits: []func(*Observation){situations["FailedState"]}, outlook: usherv1.ConditionStalled, reason: "Failed",
			contains: "The mail server refused the recipient permanently (451 4.7.1)",
		},
		{
			name: "not accepted within the ttl", edits: []func(*Observation){situations["GivesUp"]}, outlook: usherv1.ConditionStalled,
			reason: "Failed", contains: "in time, the last one failed (Temporary, 451 4.7.1)",
		},

		// An Invitation that waits says for what, and is what its Member is.
		{
			name: "the mail server is down", edits: []func(*Observation){mailDown}, outlook: usherv1.ConditionReconciling, reason: "Pending",
			contains: "No mail can be sent",
		},
		{
			name: "the member is a duplicate", edits: []func(*Observation){memberIs(usherv1.ReasonDuplicateEmail), memberStalled("Member bob has this address")},
			outlook: usherv1.ConditionStalled, reason: "Pending", contains: "Member ada is not invited now (DuplicateEmail): Member bob has this address",
		},
		{
			name: "the member is not reconciled yet", edits: []func(*Observation){func(o *Observation) { o.Member.Generation++ }},
			outlook: usherv1.ConditionReconciling, reason: "Pending", contains: "until Member ada is reconciled",
		},
		{
			name: "the member has another Invitation", edits: []func(*Observation){func(o *Observation) { o.Member.Status.InvitationRef.Name = "by-hand" }},
			outlook: usherv1.ConditionStalled, reason: usherv1.ReasonInvitationNotUsed, contains: "is invited with Invitation by-hand",
		},

		// Once another link is requested, the message is about that one.
		{
			name: "sent, a resend waits", edits: []func(*Observation){situations["SentValid"], resend, mailDown},
			outlook: usherv1.ConditionReconciling, reason: "Sent", contains: "A new link is asked for",
		},
		{
			name: "expired, a resend waits", edits: []func(*Observation){situations["Expired"], resend, withoutSeat},
			outlook: usherv1.ConditionReady, reason: "Expired", contains: "A new link is asked for",
		},
		{
			name: "revoked, open again, a new link waits", edits: []func(*Observation){situations["Revoked"], withoutSeat},
			outlook: usherv1.ConditionReady, reason: "Revoked", contains: "A new link is asked for",
		},
		{
			name: "sent, address changed, a new link waits", edits: []func(*Observation){situations["SentValid"], readdressed, accountDisabled},
			outlook: usherv1.ConditionReconciling, reason: "Sent", contains: "A new link is asked for",
		},
		{
			name:  "revoked because the member is disabled, a resend waits",
			edits: []func(*Observation){situations["Revoked"], resend, memberDisabled}, outlook: usherv1.ConditionReady, reason: "Revoked",
			contains: "revoked, and its link no longer works",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			s := Decide(observed(tt.edits...), now).Status
			expectOneOutlook(g, s.Conditions)
			c := meta.FindStatusCondition(s.Conditions, tt.outlook)
			g.Expect(c).NotTo(BeNil())
			g.Expect(c.Status).To(Equal(metav1.ConditionTrue))
			g.Expect(c.Reason).To(Equal(tt.reason))
			g.Expect(c.Message).To(ContainSubstring(tt.contains))
			g.Expect(c.ObservedGeneration).To(BeEquivalentTo(3))
			g.Expect(conditions.Reason(s.Conditions, usherv1.ConditionReady)).To(Equal(tt.reason))
			g.Expect(c.Message).NotTo(ContainSubstring("@"), "no address in a condition")
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionSent)).To(Equal(s.SentAt != nil))
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionAccepted)).To(Equal(s.State == usherv1.InvitationAccepted))
		})
	}
}

func TestFallbacks(t *testing.T) {
	ttl := func(invitation, account usherv1.TTL) time.Duration {
		o := observed()
		o.Invitation.Spec.TTL, o.Account.Spec.Invitations.TTL = invitation, account
		return TTL(o.Invitation, o.Account)
	}
	language := func(member, account usherv1.Language) usherv1.Language {
		o := observed()
		o.Member.Spec.Language, o.Account.Spec.Language = member, account
		return Language(o.Member, o.Account)
	}
	g := NewWithT(t)
	g.Expect(ttl("2h", "3h")).To(Equal(2 * time.Hour))
	g.Expect(ttl("", "3h")).To(Equal(3 * time.Hour))
	g.Expect(ttl("", "")).To(Equal(7 * 24 * time.Hour))
	g.Expect(ttl("soon", "3h")).To(Equal(3*time.Hour), "an invalid ttl counts as absent")
	g.Expect(ttl("-2h", "0s")).To(Equal(usherv1.DefaultTTL), "a ttl must be positive")
	g.Expect(TTL(observed().Invitation, nil)).To(Equal(usherv1.DefaultTTL))

	g.Expect(language("fr", "it")).To(BeEquivalentTo("fr"))
	g.Expect(language("", "it")).To(BeEquivalentTo("it"))
	g.Expect(language("", "")).To(BeEquivalentTo("en-GB"))
	g.Expect(Language(nil, nil)).To(BeEquivalentTo("en-GB"))
}
