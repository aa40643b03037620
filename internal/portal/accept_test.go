// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal"
)

func TestAcceptingMakesTheCredentials(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.GivenName = "Ada" })
	answer := w.post(w.link(), acceptance(url.Values{"given_name": {"Another name"}, "phone": {"  +33 6  "}}))
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther))
	w.Expect(answer.Header().Get("Location")).To(Equal(w.link() + "/welcome"))

	made := w.credentials()
	w.Expect(made.Type).To(Equal(corev1.SecretType("usher.dev/credentials")))
	w.Expect(made.Labels).To(Equal(map[string]string{usherv1.AccountLabel: "acme", usherv1.MemberLabel: "ada"}))
	w.Expect(made.Annotations).To(HaveKeyWithValue(usherv1.MemberUIDAnnotation, string(w.member.UID)))
	w.Expect(made.OwnerReferences).To(BeEmpty())
	hash, token := made.Data["password-hash"], string(made.Data["api-token"])
	w.Expect(bcrypt.CompareHashAndPassword(hash, []byte(goodPassword))).To(Succeed())
	random, err := base64.RawURLEncoding.DecodeString(token)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(random).To(HaveLen(32))
	delete(made.Data, "password-hash")
	delete(made.Data, "api-token")
	signer, err := credentials.SignerOf(w.keys)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(signer.Check(made)).To(Equal(credentials.Signed))
	delete(made.Data, "signature")
	w.Expect(made.Data).To(Equal(map[string][]byte{
		"email": []byte("Ada@acme.example"), "accepted-at": []byte("2026-11-27T12:00:00Z"),
		"terms-url": []byte("https://acme.example/terms"), "salutation": []byte("Mx"),
		"given-name":  []byte("Ada"), // the spec's, not what was posted
		"family-name": []byte("Lovelace"), "phone": []byte("+33 6"),
	}))
	another := url.Values{"password": {newPassword}, "password_confirm": {newPassword}}
	w.expectPage(w.post(w.link(), acceptance(another)), http.StatusGone, titleUsed)
	w.expectPage(w.post(w.link(), declination), http.StatusGone, titleUsed)
	w.expectPage(w.get(w.link()), http.StatusGone, titleUsed)
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(1))
	w.expectNoSecretsInLogs()
	w.Expect(w.logs.String()).To(ContainSubstring(`"invitation"="ada"`))
}

func TestABrowserIsRedirectedToTheWelcomePage(t *testing.T) {
	w := newWorld(t)
	site := httptest.NewServer(w.portal)
	defer site.Close()
	answer, err := http.PostForm(site.URL+w.link(), acceptance())
	w.Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	w.Expect(answer.StatusCode).To(Equal(http.StatusOK))
	w.Expect(answer.Request.URL.Path).To(HaveSuffix("/welcome"))
}

func TestWhatTheWelcomeSays(t *testing.T) {
	seat := []usherv1.MemberSeat{{Pool: "base", Grant: 2, ReleasedGrant: 1}}
	for name, c := range map[string]struct {
		title  string
		change func(*usherv1.Member)
	}{
		"seat reserved":  {titleWelcome, func(m *usherv1.Member) { m.Status.State, m.Status.Seats = usherv1.ObservedPending, seat }},
		"active":         {titleWelcome, func(m *usherv1.Member) { m.Status.State, m.Status.Seats = usherv1.ObservedActive, seat }},
		"no seat so far": {titleWaiting, func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending }},
		"no seat is free": {titleWaiting, func(m *usherv1.Member) {
			m.Status.State, m.Status.Conditions = usherv1.ObservedPending, seatUnavailable
		}},
		"only an add-on's": {titleWaiting, func(m *usherv1.Member) {
			m.Status.Seats = []usherv1.MemberSeat{{Pool: "extra", AddOn: "pipelines", Grant: 1}}
		}},
		"disabled since": {titleMemberDisabled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Expect(w.post(w.link(), acceptance()).Code).To(Equal(http.StatusSeeOther))
			status := http.StatusOK
			if c.change == nil {
				update(w, w.member, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
				status = http.StatusGone
			} else {
				updateStatus(w, w.member, c.change)
			}
			for range 2 { // reloading is fine
				answer := w.get(w.link() + "/welcome")
				w.expectPage(answer, status, c.title)
				if status == http.StatusOK {
					w.Expect(answer.Body.String()).To(ContainSubstring(`href="https://app.acme.example"`))
				}
			}
		})
	}
}

var seatUnavailable = []metav1.Condition{{
	Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: usherv1.ReasonSeatUnavailable,
	LastTransitionTime: metav1.Time{Time: noon},
}}

func TestThereIsNoWelcomeWithoutAnAcceptance(t *testing.T) {
	w := newWorld(t)
	for _, ending := range []string{"/welcome", "/declined"} {
		answer := w.get(w.link() + ending)
		w.Expect(answer.Code).To(Equal(http.StatusSeeOther))
		w.Expect(answer.Header().Get("Location")).To(Equal(w.link()))
	}
}

func TestMistakesAreShownAndTypedValuesKept(t *testing.T) {
	password := func(p string) url.Values { return url.Values{"password": {p}, "password_confirm": {p}} }
	for _, c := range []struct {
		field, text string
		form        url.Values
	}{
		{"password", "Enter a password.", password("")},
		{"password", "Use at least 12 characters.", password("short one..")},
		{"password", "Use at least 12 characters.", password(strings.Repeat("é", 11))},
		{"password", "Use at most 72 bytes.", password(strings.Repeat("x", 73))},
		{"password", "Use at most 72 bytes.", password(strings.Repeat("é", 37))},
		{"password", "Choose something other than your address", password("ADA@acme.example")},
		{"password", "Choose something other than your address", password("ada lovelace")},
		{"password", "Choose something other than your address", password("LovelaceAda ")},
		{"password", "invisible characters", password("twelve letters\x00")},
		{"password", "Some emoji contain them", password("a heart \u2764\ufe0f on a sleeve")},
		{"password", "Use at least 12 characters.", password(strings.Repeat("e\u0301", 11))}, // 22 as they are typed
		{"password", "Use at most 72 bytes.", password(strings.Repeat("\u0958", 24))},        // 144 bytes in one form
		{"password", "Choose something other than your address", password("Ada@acme.example.")},
		{"password_confirm", "Enter the password a second time.", url.Values{"password_confirm": nil}},
		{"password_confirm", "The two passwords are not the same.", url.Values{"password_confirm": {goodPassword + " "}}},
		{"terms", "Accept the terms to go on.", url.Values{"terms": nil}},
		{"salutation", "Use at most 50 characters.", url.Values{"salutation": {strings.Repeat("ü", 51)}}},
		{"given_name", "Use at most 100 characters.", url.Values{"given_name": {strings.Repeat("ü", 101)}}},
		{"family_name", "on one line", url.Values{"family_name": {"Love\nlace"}}},
		{"family_name", "on one line", url.Values{"family_name": {"Love\xfflace"}}},
		{"phone", "on one line", url.Values{"phone": {"12\u202834"}}},
	} {
		t.Run(c.field+" "+c.text, func(t *testing.T) {
			w := newWorld(t)
			answer := w.post(w.link(), acceptance(c.form))
			w.expectPage(answer, http.StatusUnprocessableEntity, titleForm)
			body := answer.Body.String()
			w.Expect(body).To(MatchRegexp(`role="alert"[^>]*tabindex="-1" autofocus`))
			w.Expect(body).To(MatchRegexp(`<li><a href="#` + c.field + `">[^<]*` + regexp.QuoteMeta(c.text)))
			w.Expect(body).To(MatchRegexp(`id="` + c.field + `-error">[^<]*` + regexp.QuoteMeta(c.text)))
			w.Expect(body).To(MatchRegexp(`id="` + c.field + `"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*` + c.field + `-error"`))
			w.Expect(strings.Count(body, "<li><a href=\"#")).To(Equal(1))
			w.Expect(body).To(ContainSubstring("<title>Error: Join"))
			if c.field != "family_name" {
				w.Expect(body).To(ContainSubstring(`value="Lovelace"`))
			}
			w.Expect(body).NotTo(ContainSubstring(goodPassword))
			if typed := c.form.Get("password"); typed != "" {
				w.Expect(body).NotTo(ContainSubstring(`value="` + typed))
			}
			w.Expect(w.wire.mutations.Load()).To(BeZero())
		})
	}
}

func TestTheLongestAnswersAreAccepted(t *testing.T) {
	w := newWorld(t)
	longest := ""
	for i := range 36 { // letters of two bytes; one letter again and again is refused
		longest += string(rune('Ā' + i))
	}
	w.expectDone(w.post(w.link(), acceptance(url.Values{
		"salutation": {strings.Repeat("ü", 50)}, "given_name": {strings.Repeat("ü", 100)}, "family_name": {strings.Repeat("ü", 100)},
		"phone": {strings.Repeat("1", 50)}, "password": {longest}, "password_confirm": {longest},
	})), titleWaiting)
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(longest))).To(Succeed())
}

func TestOnlyThePasswordAndTheTermsMustBeGiven(t *testing.T) {
	w := newWorld(t, func(w *world) { w.account.Spec.TermsURL = "" })
	w.expectDone(w.post(w.link(), url.Values{
		"action": {"accept"}, "password": {goodPassword}, "password_confirm": {goodPassword},
	}), titleWaiting)
	w.Expect(w.credentials().Data).To(HaveLen(5))
	for _, key := range []string{"email", "accepted-at", "password-hash", "api-token", "signature"} {
		w.Expect(w.credentials().Data).To(HaveKey(key))
	}
}

func TestAMemberWithALongNameCanAccept(t *testing.T) {
	long := strings.Repeat("a", 62) + "." + strings.Repeat("b", 100)
	w := newWorld(t, func(w *world) { w.member.Name, w.invitation.Spec.MemberRef.Name = long, long })
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
}

// Two replicas admit one answer each. The API server decides which one counts.
func TestOfTwoAcceptancesAtOnceOneCounts(t *testing.T) {
	w := newWorld(t)
	var bothAreHere sync.WaitGroup
	bothAreHere.Add(2)
	w.wire.create = func(_ client.Object, create func() error) error {
		bothAreHere.Done()
		bothAreHere.Wait()
		return create()
	}
	answers := make([]*httptest.ResponseRecorder, 2)
	var answered sync.WaitGroup
	for i, replica := range []*portal.Portal{w.portal, w.newPortal()} {
		password := []string{"the first one's password", "the second one's password"}[i]
		answered.Go(func() {
			answers[i] = w.postTo(replica, w.link(), acceptance(url.Values{"password": {password}, "password_confirm": {password}}))
		})
	}
	answered.Wait()
	won, lost := 0, 1
	if answers[1].Code == http.StatusSeeOther {
		won, lost = 1, 0
	}
	w.expectDone(answers[won], titleWaiting)
	w.expectPage(answers[lost], http.StatusGone, titleUsed)
	password := []string{"the first one's password", "the second one's password"}[won]
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(password))).To(Succeed())
}

// A hundred browser windows answer at two replicas: one acceptance counts, and every other window learns that it does not.
func TestOfAHundredAcceptancesOneCounts(t *testing.T) {
	w := newWorld(t)
	patient := func(o *portal.Options) { // other tests have the limits
		o.Limits.PostsPerMinute, o.Limits.FreeTries, o.Limits.MostWrong = 1000, 1000, 1000
	}
	replicas := []*portal.Portal{w.newPortal(patient), w.newPortal(patient)}
	password := func(i int) string { return fmt.Sprintf("the password of window %d", i) }
	answers := make([]*httptest.ResponseRecorder, 100)
	var answered sync.WaitGroup
	for i := range answers {
		answered.Go(func() {
			form := acceptance(url.Values{"password": {password(i)}, "password_confirm": {password(i)}})
			answers[i] = w.postTo(replicas[i%2], w.link(), form)
		})
	}
	answered.Wait()
	var winners []int
	for i, answer := range answers {
		if answer.Code == http.StatusSeeOther {
			winners = append(winners, i)
			continue
		}
		// A request that waited too long for a slot to hash creates nothing either.
		w.Expect(answer.Code).To(BeElementOf(http.StatusGone, http.StatusServiceUnavailable), answer.Body.String())
	}
	w.Expect(winners).To(HaveLen(1))
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(password(winners[0])))).To(Succeed())
}

// A change between the page and the answer is respected: the answer creates nothing.
func TestAnAnswerIsRefusedAfterAChangeSinceThePage(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		title  string
		change func(*world)
	}{
		"revoked": {http.StatusGone, titleRevoked, func(w *world) {
			update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		}},
		"expired": {http.StatusGone, titleExpired, func(w *world) { w.clock.Add(7 * 24 * 3600) }},
		"disabled": {http.StatusGone, titleMemberDisabled, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
		}},
		"account disabled": {http.StatusGone, titleAccountDisabled, func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		}},
		"deleted":         {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed()) }},
		"account deleted": {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.account)).To(Succeed()) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			link := w.link()
			w.expectPage(w.get(link), http.StatusOK, titleForm)
			c.change(w)
			for _, form := range []url.Values{acceptance(), declination} {
				w.expectPage(w.post(link, form), c.status, c.title)
			}
			w.Expect(w.credentials()).To(BeNil())
			w.Expect(w.wire.mutations.Load()).To(BeZero())
		})
	}
}

// A change between the reads and the commit is seen after the commit, which is then undone.
func TestAChangeBetweenTheReadsAndTheCommitIsRespected(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		title   string
		between func(*world)
	}{
		"member deleted": {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed()) }},
		"member being deleted": {http.StatusNotFound, titleUnknown, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Finalizers = []string{usherv1.MemberFinalizer} })
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
		}},
		"another member of the name": {http.StatusNotFound, titleUnknown, func(w *world) {
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
			again := &usherv1.Member{Spec: w.member.Spec}
			again.Namespace, again.Name = w.member.Namespace, w.member.Name
			w.Expect(w.api.Create(w.ctx, again)).To(Succeed())
		}},
		"address changed": {http.StatusNotFound, titleUnknown, func(w *world) {
			update(w, w.member.DeepCopy(), func(m *usherv1.Member) { m.Spec.Email = "new@acme.example" })
		}},
		"sent again": {http.StatusNotFound, titleUnknown, func(w *world) {
			update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.SendGeneration++ })
		}},
		"invitation deleted": {http.StatusNotFound, titleUnknown, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.invitation)).To(Succeed()) }},
		"revoked": {http.StatusGone, titleRevoked, func(w *world) {
			update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		}},
		"member disabled": {http.StatusGone, titleMemberDisabled, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
		}},
		"account disabled": {http.StatusGone, titleAccountDisabled, func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			link := w.link()
			w.wire.create = func(_ client.Object, create func() error) error { c.between(w); return create() }
			w.expectPage(w.post(link, acceptance()), c.status, c.title)
			w.Expect(w.credentials()).To(BeNil())
			w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(2), "created, and deleted again")
		})
	}
}

func TestAnAcceptanceThatWasRecordedStands(t *testing.T) {
	for name, record := range map[string]func(*world){
		"by the invitation": func(w *world) {
			updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted })
		},
		"by the member": func(w *world) {
			updateStatus(w, w.member, func(m *usherv1.Member) { m.Status.AcceptedAt = &metav1.Time{Time: noon} })
		},
		"though declined at the same time": func(w *world) {
			updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationDeclined })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.wire.create = func(_ client.Object, create func() error) error {
				err := create()
				if !strings.Contains(name, "declined") {
					update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
				}
				record(w)
				return err
			}
			w.Expect(w.post(w.link(), acceptance()).Code).To(Equal(http.StatusSeeOther))
			w.Expect(w.credentials()).NotTo(BeNil())
		})
	}
}

// A request must not delete a Secret of that name which another one created.
func TestARequestDeletesOnlyItsOwnCredentials(t *testing.T) {
	w := newWorld(t)
	var others types.UID
	w.wire.create = func(_ client.Object, create func() error) error {
		update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		return create()
	}
	w.wire.beforeDelete = func(client.Object) error {
		theirs := w.credentials()
		w.Expect(w.api.Delete(w.ctx, theirs)).To(Succeed())
		theirs.UID, theirs.ResourceVersion = "", ""
		w.Expect(w.api.Create(w.ctx, theirs)).To(Succeed())
		others = theirs.UID
		return nil
	}
	w.expectPage(w.post(w.link(), acceptance()), http.StatusGone, titleRevoked)
	w.Expect(w.credentials().UID).To(Equal(others))
}

func TestDeletingTheCredentialsIsRetried(t *testing.T) {
	w := newWorld(t)
	w.wire.create = func(_ client.Object, create func() error) error {
		w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
		return create()
	}
	failures := 2
	w.wire.beforeDelete = func(client.Object) error {
		if failures--; failures >= 0 {
			return errors.New("connection reset")
		}
		return nil
	}
	w.expectPage(w.post(w.link(), acceptance()), http.StatusNotFound, titleUnknown)
	w.Expect(w.credentials()).To(BeNil())
}

func TestAClientThatGoesAwayLeavesNoCredentials(t *testing.T) {
	w := newWorld(t)
	ctx, leave := context.WithCancel(w.ctx)
	w.wire.create = func(_ client.Object, create func() error) error {
		leave()
		w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
		return create()
	}
	w.post(w.link(), acceptance(), func(r *http.Request) { *r = *r.WithContext(ctx) })
	w.Expect(w.credentials()).To(BeNil())
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(2))
}

func TestACreateWhoseAnswerIsLostIsRecognised(t *testing.T) {
	w := newWorld(t)
	w.wire.create = func(_ client.Object, create func() error) error {
		w.Expect(create()).To(Succeed())
		return errors.New("connection reset")
	}
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
}

func TestACreateThatFailsCanBeTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.wire.create = func(client.Object, func() error) error { return errors.New("connection refused") }
	w.expectPage(w.post(w.link(), acceptance()), http.StatusServiceUnavailable, titleUnavailable)
	w.wire.create = nil
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
}

func TestALinkThatExpiresWhileHashingIsRefused(t *testing.T) {
	w := newWorld(t)
	looks := 0
	w.portal = w.newPortal(func(o *portal.Options) {
		o.Now = func() time.Time {
			if looks++; looks > 3 { // two throttles and the first admission
				return noon.Add(7 * 24 * time.Hour)
			}
			return noon
		}
	})
	w.expectPage(w.post(w.link(), acceptance()), http.StatusGone, titleExpired)
	w.Expect(w.credentials()).To(BeNil())
}

// After a restore the Member has a new UID and its credentials still name the old one: they are its acceptance. Credentials that a
// deleted member left behind are no one's.
func TestCredentialsOfAnotherUID(t *testing.T) {
	for name, c := range map[string]struct {
		former string
		title  string
		status int
	}{
		"restored":          {"", titleUsed, http.StatusGone},
		"of another former": {"third-uid", titleUsed, http.StatusGone},
		"left behind":       {"older-uid", titleForm, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) {
				if c.former != "" {
					w.account.Status.FormerMembers = []usherv1.FormerMember{
						{Name: "ada", UID: c.former, Email: "ada@acme.example", DeletedAt: metav1.Time{Time: noon}},
					}
				}
			})
			old := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Namespace: w.member.Namespace, Name: "usher-member-ada",
				Annotations: map[string]string{usherv1.MemberUIDAnnotation: "older-uid"},
			}, Type: credentials.Type}
			w.Expect(w.api.Create(w.ctx, w.sign(old))).To(Succeed())
			w.expectPage(w.get(w.link()), c.status, c.title)
			if c.status != http.StatusOK {
				return
			}
			w.expectPage(w.post(w.link(), acceptance()), http.StatusServiceUnavailable, titleUnavailable)
			w.Expect(w.credentials().UID).To(Equal(old.UID))
			w.Expect(w.api.Delete(w.ctx, old)).To(Succeed()) // as the reconcilers do
			w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
		})
	}
}

// The right to create Secrets is not enough to accept for a member: without a valid signature the Secret is no acceptance, and opens no session. The
// portal leaves it alone.
func TestASecretWithoutASignatureIsNoAcceptance(t *testing.T) {
	for name, forge := range map[string]func(w *world, secret *corev1.Secret){
		"no signature":           func(*world, *corev1.Secret) {},
		"a signature of another": func(w *world, s *corev1.Secret) { s.Name = "usher-member-eve"; w.sign(s); s.Name = "usher-member-ada" },
		"another key": func(w *world, s *corev1.Secret) {
			signer, err := credentials.SignerOf(otherKeys(w))
			w.Expect(err).NotTo(HaveOccurred())
			signer.Sign(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.activate(w.member)
			hash, err := bcrypt.GenerateFromPassword([]byte(goodPassword), bcrypt.MinCost)
			w.Expect(err).NotTo(HaveOccurred())
			forged := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: w.member.Namespace, Name: "usher-member-ada",
					Annotations: map[string]string{usherv1.MemberUIDAnnotation: string(w.member.UID)},
				},
				Type: credentials.Type,
				Data: map[string][]byte{"email": []byte(w.member.Spec.Email), "accepted-at": []byte("2026-03-01T09:00:00Z"), "password-hash": hash},
			}
			forge(w, forged)
			w.Expect(w.api.Create(w.ctx, forged)).To(Succeed())
			w.expectPage(w.post("/me", signIn(string(w.member.Spec.Email), goodPassword)), http.StatusUnprocessableEntity, titleSignIn)
			w.expectPage(w.get(w.link()), http.StatusOK, titleForm)
			w.expectPage(w.post(w.link(), acceptance()), http.StatusServiceUnavailable, titleUnavailable)
			w.Expect(w.credentials().UID).To(Equal(forged.UID))
			w.Expect(w.api.Delete(w.ctx, forged)).To(Succeed())
		})
	}
}

// The form was answered while the address was being corrected: the wrong person answered, and the right one is still invited.
func TestCredentialsOfAnotherAddressAreNoAcceptance(t *testing.T) {
	w := newWorld(t)
	wrong := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.member.Namespace, Name: "usher-member-ada",
			Annotations: map[string]string{usherv1.MemberUIDAnnotation: string(w.member.UID)},
		},
		Type: credentials.Type,
		Data: map[string][]byte{"email": []byte("eve@acme.example")},
	}
	w.Expect(w.api.Create(w.ctx, w.sign(wrong))).To(Succeed())
	w.expectPage(w.get(w.link()), http.StatusOK, titleForm)
	w.expectPage(w.post(w.link(), acceptance()), http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(w.credentials().UID).To(Equal(wrong.UID))
	w.Expect(w.api.Delete(w.ctx, wrong)).To(Succeed()) // as the reconcilers do
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
}
