// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/prove"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// step is a change to an account, and what must be true once Usher has handled it.
type step struct {
	name string
	do   func(w *world)
	// done returns what is still missing; empty if nothing is.
	done func(w *world) string
}

// story is the steps of seven members with three pools. It has every effect of Usher: the harnesses try cut points, stale caches and
// missed events on each of its calls and events. A new effect needs a new step. Its done must check everything that the step changes,
// or the next step starts too early.
var story = []step{
	{"an account with two seats and one of an add-on", func(w *world) {
		w.starter()
		w.create(testkit.Account(testkit.DefaultAccount).Plan(w.namespace+starter).AddOns("pipelines").
			InvitationTTL("48h").Reminders(reminder).Contact("it@acme.example", "", "").Build(),
			testkit.SeatPool(base).Seats(2).Build(), testkit.SeatPool(addOn).AddOn("pipelines").Seats(1).Build())
	}, func(w *world) string {
		if ready := conditionReason(w.account().Status.Conditions); ready != usherv1.ReasonUpToDate {
			return "the account is " + ready
		}
		return ""
	}},
	{"a guest starts at once", func(w *world) {
		w.create(testkit.Member("guest").Immediate().Build())
	}, func(w *world) string { return w.started("guest", base) }},
	{"is deleted by mistake", func(w *world) {
		w.backup = []client.Object{w.secretOf("guest"), w.member("guest")}
		w.remove(testkit.Member("guest").Build())
	}, func(w *world) string { return w.gone("guest") }},
	{"and is restored with its credentials", func(w *world) { // without status, and with another UID
		for _, o := range w.backup {
			o = o.DeepCopyObject().(client.Object)
			o.SetResourceVersion("")
			o.SetUID("")
			w.create(o)
		}
	}, func(w *world) string {
		guest := w.member("guest")
		if uid := string(guest.UID); len(guest.UIDs()) != 2 || w.secretOf("guest").Annotations[usherv1.MemberUIDAnnotation] != uid {
			return fmt.Sprintf("the guest and its credentials are not marked with its UIDs: %v", guest.UIDs())
		}
		return w.started("guest", base)
	}},
	{"and leaves", func(w *world) { w.remove(testkit.Member("guest").Build()) }, func(w *world) string { return w.gone("guest") }},
	{"two are invited", func(w *world) {
		w.create(testkit.Member("ada").Pools(base, addOn).Role("admin").Build(), testkit.Member("bob").Build())
	}, func(w *world) string { return w.invited("ada", "bob") + w.sent("ada") + w.sent("bob") }},
	{"the third waits", func(w *world) {
		w.create(testkit.Member("cat").Build())
	}, func(w *world) string { return w.be("cat", usherv1.ObservedPending, usherv1.ReasonSeatUnavailable) }},
	{"one accepts", func(w *world) { w.accept("ada") }, func(w *world) string { return w.active("ada") + w.led(true) }},
	{"and changes their profile and the company's", func(w *world) {
		w.changeProfile("ada", url.Values{"action": {"details"}, "given_name": {"Augusta"}, "family_name": {"King"}},
			url.Values{"action": {"company"}, "contact_phone": {"+33 1 23 45 67 89"}})
	}, func(w *world) string {
		if name := w.member("ada").Status.DisplayName; name != "Augusta King" {
			return "the first is called " + name
		}
		return ""
	}},
	{"and signs in by the account's password file", func(w *world) {
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
			a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: passwordFile}
		})
	}, func(w *world) string { return w.letsIn("ada") }},
	{"one is sent another link", func(w *world) { w.resend("bob") }, func(w *world) string { return w.invited("bob") + w.sent("bob") }},
	{"the first is disabled, the third invited", func(w *world) {
		w.setState("ada", usherv1.StateDisabled)
	}, func(w *world) string {
		return w.be("ada", usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec) + w.invited("cat") + w.sent("cat") + w.led(false) + w.letsIn()
	}},
	{"the first is enabled and waits", func(w *world) {
		w.setState("ada", usherv1.StateActive)
	}, func(w *world) string { return w.be("ada", usherv1.ObservedPending, usherv1.ReasonSeatUnavailable) }},
	{"no one answers for a day, and both are reminded", func(w *world) {
		w.settle()
		w.leapTo(w.clock.Now().Add(25 * time.Hour))
	}, func(w *world) string { return w.reminded("bob") + w.reminded("cat") }},
	{"no one answers for two days, and the first is back", func(w *world) {
		w.settle()
		w.leapTo(w.clock.Now().Add(24 * time.Hour))
	}, func(w *world) string {
		return w.be("bob", usherv1.ObservedPending, usherv1.ReasonInvitationExpired) +
			w.be("cat", usherv1.ObservedPending, usherv1.ReasonInvitationExpired) + w.active("ada") + w.led(true) + w.letsIn("ada")
	}},
	{"the account words its mails itself", func(w *world) {
		w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "acme-mails"}, Data: map[string]string{
			"en-GB.invitation.txt": "{{.Link}}", "en-GB.invitation.html": `<a href="{{.Link}}">Come in</a>`,
		}})
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
			a.Spec.Mail = &usherv1.AccountMail{TemplatesRef: &usherv1.ConfigMapReference{Name: "acme-mails"}}
		})
	}, func(w *world) string {
		if !meta.IsStatusConditionTrue(w.account().Status.Conditions, usherv1.ConditionTemplatesReady) {
			return "the account's wording is not used"
		}
		return ""
	}},
	{"the account takes a plan, whose admins may look at everything", func(w *world) {
		w.plan()
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
			a.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		})
	}, func(w *world) string {
		return w.bound("view", "ada") + w.led(true) + lacks([]string{"ada", "bob", "cat"}, func(name string) string {
			if w.member(name).Status.Role == "" {
				return name + " has no role of the plan's"
			}
			return ""
		})
	}},
	{"the third is asked again", func(w *world) { w.resend("cat") }, func(w *world) string { return w.invited("cat") + w.sent("cat") }},
	{"and declines", func(w *world) { w.decline("cat") }, func(w *world) string {
		return w.be("cat", usherv1.ObservedPending, usherv1.ReasonInvitationDeclined)
	}},
	{"the second is asked again", func(w *world) { w.resend("bob") }, func(w *world) string { return w.invited("bob") + w.sent("bob") }},
	{"and accepts", func(w *world) { w.accept("bob") }, func(w *world) string { return w.active("bob") + w.letsIn("ada", "bob") }},
	{"the second is to have another address, as both are told", func(w *world) { w.readdress("bob", "robert") }, func(w *world) string {
		return w.changing("bob", usherv1.EndNoticeSent) + w.active("bob") + w.letsIn("ada", "bob")
	}},
	{"and confirms it", func(w *world) { w.confirm("bob", "robert") }, func(w *world) string {
		return w.uses("bob", "robert") + w.active("bob") + w.letsIn("ada", "robert")
	}},
	{"the second has forgotten the password, and is mailed a link", func(w *world) { w.forgets("bob", "robert") }, func(w *world) string {
		return w.passwordMailed("bob", credentials.ResetLink) + w.active("bob")
	}},
	{"and sets another, and is told", func(w *world) { w.setPassword("bob", "robert") }, func(w *world) string {
		return w.passwordMailed("bob", credentials.PasswordChanged) + w.active("bob") + w.letsIn("ada", "robert")
	}},
	{"the first leaves, and the second has what it owned", func(w *world) {
		w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "deal", Labels: map[string]string{usherv1.OwnerLabel: "ada"}}})
		w.scale(base, 1)
		edit(w, testkit.Member("ada").Build(), func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "bob"} })
		w.remove(testkit.Member("ada").Build())
	}, func(w *world) string { return w.gone("ada") + w.bound("view") + w.led(false) + w.letsIn("robert") }},
	{"the second's access is to end, as two are told", func(w *world) {
		w.endAccess("bob", 24*time.Hour)
	}, func(w *world) string { return w.told("bob", usherv1.EndNoticeSent) }},
	{"and ends, and the third has the seat", func(w *world) {
		w.resend("cat")
		w.settle()
		w.leapTo(w.member("bob").Spec.AccessUntil.Time)
	}, func(w *world) string {
		return w.be("bob", usherv1.ObservedDisabled, usherv1.ReasonAccessEnded) + w.invited("cat") + w.sent("cat") + w.letsIn()
	}},
	{"the third leaves", func(w *world) { w.remove(testkit.Member("cat").Build()) }, func(w *world) string { return w.gone("cat") }},
	{"the account hands its links out", func(w *world) {
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.Mail.Delivery = usherv1.DeliveryLink })
	}, func(w *world) string {
		if c := meta.FindStatusCondition(w.account().Status.Conditions, usherv1.ConditionMailReady); c.Reason != usherv1.ReasonLinkDelivery {
			return "the account's links are delivered by " + c.Reason
		}
		return ""
	}},
	{"another is invited without a mail", func(w *world) {
		w.create(testkit.Member("dan").Build())
	}, func(w *world) string { return w.invited("dan") + w.sent("dan") }},
	{"two more start at once, of whom one names the pool", func(w *world) {
		w.scale(base, 3)
		w.create(testkit.Member("eve").Pools(base).Immediate().Build(), testkit.Member("fay").Immediate().Build())
	}, func(w *world) string { return w.started("eve", base) + w.started("fay", base) }},
	{"their pool is deleted by mistake, and they keep seats and access", func(w *world) {
		w.remove(testkit.SeatPool(base).Build())
	}, func(w *world) string {
		return w.blocked(base) + w.started("eve", base) + w.started("fay", base) + w.seated("dan", base)
	}},
	{"another pool takes over who named none", func(w *world) {
		w.create(testkit.SeatPool(nextBase).Seats(2).Build())
	}, func(w *world) string {
		return w.blocked(base) + w.started("eve", base) + w.started("fay", nextBase) + w.seated("dan", nextBase) + w.invited("dan")
	}},
	{"the deletion is allowed, and who named the pool is out", func(w *world) {
		edit(w, testkit.SeatPool(base).Build(), func(p *usherv1.SeatPool) {
			metav1.SetMetaDataAnnotation(&p.ObjectMeta, usherv1.AllowDeletionAnnotation, "true")
		})
	}, func(w *world) string {
		if w.pool(base).UID != "" {
			return "the pool is still there"
		}
		return w.be("eve", usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound) + w.started("fay", nextBase)
	}},
	{"and moves to the other pool", func(w *world) {
		w.scale(nextBase, 3)
		edit(w, testkit.Member("eve").Build(), func(m *usherv1.Member) { m.Spec.SeatPoolRefs[0].Name = nextBase })
	}, func(w *world) string {
		return w.started("eve", nextBase) + w.seated("dan", nextBase) + w.assigned(nextBase, 2)
	}},
	{"another account has a contact", func(w *world) {
		other := testkit.Account("globex").Build()
		w.create(other, credentials.NewCompany(other))
	}, func(w *world) string {
		if ready := conditionReason(read(w, testkit.Account("globex").Build()).Status.Conditions); ready != usherv1.ReasonUpToDate {
			return "the other account is " + ready
		}
		return ""
	}},
	{"and is deleted with it", func(w *world) { w.remove(testkit.Account("globex").Build()) }, func(w *world) string {
		if read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.CompanyName("globex")}}).UID != "" {
			return "the other account's contact is still there"
		}
		return ""
	}},
}

// secretOf returns a member's credentials.
func (w *world) secretOf(name string) *corev1.Secret {
	return read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.Name(name)}})
}

// changing returns what a member lacks whose address is to change, and whose mails about it are in that state.
func (w *world) changing(name string, state usherv1.EndNoticeState) string {
	m := w.member(name)
	c := m.Status.EmailChange
	if c == nil || len(c.Mails) != 2 || slices.ContainsFunc(c.Mails, func(m usherv1.EmailChangeMail) bool { return m.State != state }) ||
		c.ExpiresAt == nil || m.Annotations[usherv1.EmailInUseAnnotation] != m.Status.Email {
		return fmt.Sprintf("the change of the address of %s: %+v, marked as %q; ", name, c, m.Annotations[usherv1.EmailInUseAnnotation])
	}
	return ""
}

// uses returns what a member lacks to have an address in use, and to wait for no other.
func (w *world) uses(name, address string) string {
	m := w.member(name)
	if m.Status.Email != address+"@acme.example" || m.Status.EmailChange != nil || m.Annotations[usherv1.EmailInUseAnnotation] != "" {
		return fmt.Sprintf("%s uses %s and is to have %+v; ", name, m.Status.Email, m.Status.EmailChange)
	}
	return ""
}

// passwordMailed returns what is recorded of a mail about a member's password that is to be sent.
func (w *world) passwordMailed(name string, kind credentials.PasswordMailKind) string {
	secret := read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.Name(name)}})
	if state := credentials.PasswordMailsOf(secret)[kind].State; state != usherv1.EndNoticeSent {
		return fmt.Sprintf("the mail %s to %s is %q; ", kind, name, state)
	}
	return ""
}

// nextBase is the pool that takes over from base.
const nextBase = "acme-next"

// started returns what a member that needs no invitation lacks to be Active with a seat of a pool.
func (w *world) started(name, pool string) string {
	return w.be(name, usherv1.ObservedActive, usherv1.ReasonActivated) + w.seated(name, pool)
}

// seated returns what a member lacks to hold a seat of a pool, and of no other base pool.
func (w *world) seated(name, pool string) string {
	var held []string
	for _, s := range w.member(name).Status.Seats {
		if s.AddOn == "" && s.Held() {
			held = append(held, s.Pool)
		}
	}
	if slices.Equal(held, []string{pool}) {
		return ""
	}
	return fmt.Sprintf("%s holds seats of %v, not of %s; ", name, held, pool)
}

// blocked returns what a pool that was deleted lacks to say that members keep its seats.
func (w *world) blocked(name string) string {
	p := w.pool(name)
	if p.DeletionTimestamp != nil && meta.IsStatusConditionTrue(p.Status.Conditions, usherv1.ConditionDeletionBlocked) {
		return ""
	}
	return fmt.Sprintf("pool %s does not say that its deletion is blocked; ", name)
}

// assigned returns what a pool lacks to say that so many of its seats are assigned.
func (w *world) assigned(name string, seats int32) string {
	if p := w.pool(name); p.Status.Assigned == nil || *p.Status.Assigned != seats {
		return fmt.Sprintf("pool %s does not say that %d seats are assigned; ", name, seats)
	}
	return ""
}

// passwordFile returns the content of the account's password file.
const passwordFile = "acme-htpasswd"

// letsIn returns what the account's password file lacks to let exactly these members in.
func (w *world) letsIn(names ...string) string {
	file := string(read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: passwordFile}}).Data[access.KeyPasswords])
	if users := prove.UsersOf(file); !slices.EqualFunc(users, names, func(user, name string) bool { return user == name+"@acme.example" }) {
		return fmt.Sprintf("the password file lets in %v, not %v", users, names)
	}
	return ""
}

// reminder is how long before the end the story's invitees are reminded.
const reminder = "24h"

// runStory runs the story.
func (w *world) runStory() {
	for _, s := range story {
		s.do(w)
		w.until(s.name, func() string { return s.done(w) })
	}
}

// clean is the outcome of the story without faults.
type clean struct {
	outcome []string
	letters []string
	calls   []testkit.Call
	portal  []testkit.Call
	// events is how many events each kind's watch had.
	events map[string]int
}

// letters are the mails without copies, one line each. more is the number of copies, and strange are the copies that differ from their
// first mail.
func (w *world) letters() (lines []string, more int, strange []string) {
	links := map[string]string{}
	for _, m := range w.sink.Mails() {
		_, generation, _ := strings.Cut(m.MessageID, ".")
		if strings.HasPrefix(generation, "email-") {
			generation = "of a change of address"
		} else if strings.HasPrefix(generation, "password-") {
			generation = "about a password"
		} else if _, to, announced := strings.Cut(generation, "-"); announced {
			_, generation, _ = strings.Cut(to, "-") // the recipient of an expiry notice, without the time
		}
		line := fmt.Sprintf("to %s, generation %s", m.To[0], generation)
		if first, reminds := links[strings.Replace(m.MessageID, "."+reminder, "", 1)]; reminds && first != m.Link() {
			strange = append(strange, line+": another link than the first mail's")
		}
		link, copied := links[m.MessageID]
		links[m.MessageID] = m.Link()
		switch {
		case !copied:
			lines = append(lines, line)
		case link != m.Link():
			strange = append(strange, line+": one Message-ID, two links")
		default:
			more++
		}
	}
	slices.Sort(lines)
	return lines, more, strange
}

// endsLike waits until the world's outcome is that of the clean run, and returns how the mails differ.
func (w *world) endsLike(c clean, copies int) {
	var difference string
	w.until("the end of the clean run", func() string {
		difference = prove.Difference(c.outcome, w.outcome())
		if difference != "" {
			return "\n" + difference
		}
		return ""
	})
	w.settle()
	if difference = prove.Difference(c.outcome, w.outcome()); difference != "" {
		w.fail("the end of the clean run did not last:\n%s", difference)
	}
	lines, more, strange := w.letters()
	if len(strange) > 0 {
		w.fail("%v", strange)
	}
	if difference = prove.Difference(c.letters, lines); difference != "" || len(lines) != len(c.letters) {
		w.fail("other mails than in the clean run:\n%s", difference)
	}
	if more > copies {
		w.fail("%d mails were sent twice", more)
	}
}
