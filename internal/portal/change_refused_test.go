// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal"
)

// another creates a second member, of an account, whose address in use and spec.email may differ.
func (w *world) another(account string, inUse, wanted usherv1.EmailAddress) *usherv1.Member {
	bob := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "bob"}, Spec: usherv1.MemberSpec{
		AccountRef: usherv1.AccountReference{Name: account}, Email: wanted,
	}}
	bob.Status.AcceptedAt, bob.Status.Email = &metav1.Time{Time: noon}, string(inUse)
	w.create(bob)
	return bob
}

func TestWhatKeepsAnAddressFromBeingConfirmed(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		title  string
		change func(*world)
	}{
		"expired": {http.StatusGone, titleChangeExpired, func(w *world) { w.clock.Add(7 * 24 * 3600) }},
		"a second before": {http.StatusOK, titleChange, func(w *world) {
			w.clock.Add(7*24*3600 - 1)
		}},
		"no end recorded": {http.StatusOK, titleChange, func(w *world) {
			updateStatus(w, w.member, func(m *usherv1.Member) { m.Status.EmailChange.ExpiresAt = nil })
			w.clock.Add(8 * 24 * 3600)
		}},
		"disabled": {http.StatusGone, titleMemberDisabled, func(w *world) { w.disable() }},
		"access ended": {http.StatusGone, titleMemberDisabled, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: noon.Add(time.Minute)} })
			w.clock.Add(60)
		}},
		"account disabled": {http.StatusGone, titleAccountDisabled, func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		}},
		"taken": {http.StatusGone, titleTaken, func(w *world) { w.another("acme", "LOVELACE@acme.example", "LOVELACE@acme.example") }},
		"taken by one who leaves it": {http.StatusGone, titleTaken, func(w *world) {
			w.another("acme", newAddress, "bob@acme.example")
		}},
		"wanted by another": {http.StatusOK, titleChange, func(w *world) { w.another("acme", "bob@acme.example", newAddress) }},
		"of another account": {http.StatusOK, titleChange, func(w *world) {
			w.another("globex", newAddress, newAddress)
		}},
		"another is being deleted": {http.StatusOK, titleChange, func(w *world) {
			bob := w.another("acme", newAddress, newAddress)
			update(w, bob, func(m *usherv1.Member) { m.Finalizers = []string{usherv1.MemberFinalizer} })
			w.Expect(w.api.Delete(w.ctx, bob)).To(Succeed())
		}},
		"the member is deleted":  {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed()) }},
		"the account is deleted": {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.account)).To(Succeed()) }},
		"the credentials are gone": {http.StatusServiceUnavailable, titleUnavailable, func(w *world) {
			w.Expect(w.api.Delete(w.ctx, w.credentials())).To(Succeed())
		}},
		"forged credentials": {http.StatusServiceUnavailable, titleUnavailable, func(w *world) {
			secret := w.credentials()
			secret.Data["email"] = []byte("eve@acme.example")
			w.Expect(w.api.Update(w.ctx, secret)).To(Succeed())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newChange(t)
			link, former := w.changeLink(), w.credentials()
			c.change(w)
			answer := w.get(link)
			w.expectPage(answer, c.status, c.title)
			w.Expect(answer.Body.String()).NotTo(ContainSubstring(formerAddress))
			if c.status == http.StatusOK {
				w.expectDone(w.post(link, confirmation), titleChangeDone)
				return
			}
			answer = w.post(link, confirmation)
			w.expectPage(answer, c.status, c.title)
			w.Expect(answer.Body.String()).NotTo(ContainSubstring(formerAddress))
			if now := w.credentials(); now != nil {
				w.Expect(now.Annotations).To(Equal(former.Annotations))
			}
			w.Expect(w.wire.mutations.Load()).To(BeZero())
		})
	}
}

// Who has confirmed the address and was disabled since is told so.
func TestADisabledMemberIsNotToldToSignIn(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	w.expectDone(w.post(link, confirmation), titleChangeDone)
	w.disable()
	w.expectPage(w.get(link+"/done"), http.StatusGone, titleMemberDisabled)
}

func TestFormsThatConfirmNothing(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	for _, form := range []url.Values{{}, {"action": {"accept"}}} {
		w.expectPage(w.post(link+"?action=confirm", form, elsewhere()), http.StatusBadRequest, titleMalformed)
	}
	w.expectPage(w.post(link, confirmation, header("Sec-Fetch-Site", "cross-site")), http.StatusForbidden, titleForeign)
	w.expectUnchanged()
}

func TestTenPostsAMinuteForEachChange(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	for range 20 { // a client without the link cannot use up its tries
		w.post(link+"x", confirmation, elsewhere())
	}
	for range 10 {
		w.expectPage(w.post(link, url.Values{}, elsewhere()), http.StatusBadRequest, titleMalformed)
	}
	answer := w.post(link, confirmation, elsewhere())
	w.expectPage(answer, http.StatusTooManyRequests, titleTooMany)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("6"))
	w.expectPage(w.get(link), http.StatusOK, titleChange)
	w.expectUnchanged()
	w.clock.Add(6)
	w.expectDone(w.post(link, confirmation, elsewhere()), titleChangeDone)
}

func TestAnErrorLosesNoConfirmation(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	unavailable := func(what string, answers ...*httptest.ResponseRecorder) {
		t.Helper()
		for _, answer := range answers {
			w.Expect(answer.Code).To(Equal(http.StatusServiceUnavailable), what)
		}
	}
	for _, kind := range []string{"Member", "Account", "Secret"} {
		w.wire.beforeGet = func(_ client.ObjectKey, object client.Object) error {
			if kindOf(w, object) == kind {
				return errors.New("dial tcp: connection refused")
			}
			return nil
		}
		unavailable(kind, w.get(link), w.post(link, confirmation, elsewhere()))
	}
	w.wire.beforeGet = nil
	whole := w.portal
	w.portal = w.newPortal(func(o *portal.Options) {
		o.MembersAt = func(context.Context, string) ([]types.NamespacedName, error) { return nil, errors.New("no cache") }
	})
	unavailable("the directory", w.get(link), w.post(link, confirmation, elsewhere()))
	w.portal = whole
	w.expectUnchanged()
	w.expectDone(w.post(link, confirmation, elsewhere()), titleChangeDone)
	w.expectNoSecretsInLogs()
}

// Without a directory there is no profile, and two members with one address are the reconcilers' to tell apart.
func TestAChangeWithoutADirectory(t *testing.T) {
	w := newChange(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.MembersAt = nil })
	answer := w.post(w.changeLink(), confirmation)
	w.expectDone(answer, titleChangeDone)
	w.Expect(w.get(answer.Header().Get("Location")).Body.String()).NotTo(ContainSubstring("/me/"))
}

func TestCredentialsThatCannotBeChanged(t *testing.T) {
	w := newChange(t)
	secret := w.credentials()
	secret.Immutable = ptr.To(true)
	w.Expect(w.api.Update(w.ctx, secret)).To(Succeed())
	w.expectPage(w.post(w.changeLink(), confirmation), http.StatusServiceUnavailable, titleUnavailable)
	w.expectUnchanged()
	w.expectNoSecretsInLogs()
}

// What happens between the reads of a confirmation and its write.
func TestAConfirmationThatIsOvertaken(t *testing.T) {
	phone := func(w *world) {
		secret := w.credentials()
		secret.Data["phone"] = []byte("+44 1")
		w.Expect(w.api.Update(w.ctx, secret)).To(Succeed())
	}
	for name, c := range map[string]struct {
		status int
		title  string
		change func(w *world, link string)
	}{
		"by a change of the profile": {http.StatusOK, titleChangeDone, func(w *world, _ string) { phone(w) }},
		"by a second click": {http.StatusOK, titleChangeDone, func(w *world, link string) {
			w.expectDone(w.postTo(w.newPortal(), link, confirmation), titleChangeDone)
		}},
		"by the end of the change": {http.StatusNotFound, titleUnknown, func(w *world, _ string) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = formerAddress })
			phone(w)
		}},
		"by another member": {http.StatusGone, titleTaken, func(w *world, _ string) {
			w.another("acme", newAddress, newAddress)
			phone(w)
		}},
		"by an end of access": {http.StatusGone, titleMemberDisabled, func(w *world, _ string) { w.disable(); phone(w) }},
		"by the end of the member": {http.StatusNotFound, titleUnknown, func(w *world, _ string) {
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
			w.Expect(w.api.Delete(w.ctx, w.credentials())).To(Succeed())
		}},
		"by the end of the credentials": {http.StatusServiceUnavailable, titleUnavailable, func(w *world, _ string) {
			w.Expect(w.api.Delete(w.ctx, w.credentials())).To(Succeed())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newChange(t)
			link := w.changeLink()
			w.wire.beforeUpdate = func(client.Object) {
				w.wire.beforeUpdate = nil
				c.change(w, link)
			}
			answer := w.post(link, confirmation)
			if answer.Code == http.StatusSeeOther {
				answer = w.get(answer.Header().Get("Location"))
			}
			w.expectPage(answer, c.status, c.title)
			if secret := w.credentials(); c.status != http.StatusOK && secret != nil {
				w.expectUnchanged()
				w.Expect(secret.Data["phone"]).To(BeEquivalentTo("+44 1"))
			}
		})
	}
}

// The credentials' resourceVersion does not show that the member has changed.
func TestAConfirmationReadsTheMemberRightBeforeItWrites(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	accounts := 0
	w.wire.beforeGet = func(_ client.ObjectKey, object client.Object) error {
		if kindOf(w, object) == "Account" {
			if accounts++; accounts == 1 { // the Member was read before it
				update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = "third@acme.example" })
			}
		}
		return nil
	}
	w.expectPage(w.post(link, confirmation), http.StatusNotFound, titleUnknown)
	w.expectUnchanged()
	w.Expect(w.wire.mutations.Load()).To(BeZero())
}

func TestAConfirmationThatIsOvertakenAgainAndAgain(t *testing.T) {
	w := newChange(t)
	w.wire.beforeUpdate = func(client.Object) {
		secret := w.credentials()
		secret.Data["phone"] = append(secret.Data["phone"], '1')
		w.Expect(w.api.Update(w.ctx, secret)).To(Succeed())
	}
	answer := w.post(w.changeLink(), confirmation)
	w.expectPage(answer, http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("10"))
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(5))
	w.expectUnchanged()
}

func TestAConfirmationIsFinishedWithoutItsClient(t *testing.T) {
	w := newChange(t)
	link := w.changeLink()
	ctx, leave := context.WithCancel(w.ctx)
	w.wire.beforeUpdate = func(object client.Object) {
		if _, is := object.(*corev1.Secret); is {
			leave()
		}
	}
	w.post(link, confirmation, func(r *http.Request) { *r = *r.WithContext(ctx) })
	w.Expect(ctx.Err()).To(HaveOccurred())
	w.Expect(string(w.credentials().Data["email"])).To(Equal(newAddress))
	w.expectPage(w.get(link+"/done"), http.StatusOK, titleChangeDone)
}
