// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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
	"github.com/usher-dev/usher/internal/test/testkit"
)

// theirs is the password that a tenant gives to a member of its own.
const theirs = "a password of a stranger"

// tenant makes a namespace with an account and n members of an address, as any tenant can: it imports them with a password.
func (w *world) tenant(displayName, email string, n int) (namespace string) {
	w.t.Helper()
	namespace, err := server.Namespace(w.ctx, "a-tenant")
	w.Expect(err).NotTo(HaveOccurred())
	hash, err := bcrypt.GenerateFromPassword([]byte(theirs), bcrypt.MinCost)
	w.Expect(err).NotTo(HaveOccurred())
	for i := range n {
		account := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("tenant%d", i)}}
		account.Spec.DisplayName = usherv1.Line(displayName)
		w.create(account)
		member := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("m%d", i)}, Spec: usherv1.MemberSpec{
			AccountRef: usherv1.AccountReference{Name: account.Name}, Email: usherv1.EmailAddress(email),
		}}
		w.create(member)
		w.activate(member)
		w.Expect(w.api.Create(w.ctx, w.sign(&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: credentials.Name(member.Name)}, Type: credentials.Type,
			Data: map[string][]byte{"email": []byte(email), "password-hash": hash},
		}))).To(Succeed())
	}
	return namespace
}

// everywhere has the portal look for members in these namespaces, in that order, and in the world's own last.
func (w *world) everywhere(change func(*portal.Options), namespaces ...string) {
	w.portal = w.newPortal(func(o *portal.Options) {
		o.Limits.EvenTime = time.Nanosecond
		if change != nil {
			change(o)
		}
		o.MembersAt = func(ctx context.Context, email string) (names []types.NamespacedName, err error) {
			for _, namespace := range append(namespaces, w.member.Namespace) {
				found, err := testkit.MembersAt(w.api, namespace)(ctx, email)
				if err != nil {
					return nil, err
				}
				names = append(names, found...)
			}
			return names, nil
		}
	})
}

// A tenant makes members of its own with the address of another tenant's member.
func TestAttackNamesakesMakeTheRightPasswordFail(t *testing.T) {
	w := newWorld(t)
	w.join()
	crowd := w.tenant("Acme SAS", "ada@acme.example", 20)
	w.everywhere(nil, crowd)
	answer := w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther))
	w.Expect(answer.Header().Get("Location")).To(Equal(w.profile()))

	// With a namesake in each of many namespaces of its own, the account must be named, or the browser be known.
	namespaces := []string{crowd}
	for range 9 {
		namespaces = append(namespaces, w.tenant("Eve", "ada@acme.example", 1))
	}
	w.everywhere(nil, namespaces...)
	for path, company := range map[string]string{w.profile(): "", "/me": w.member.Namespace + "/acme"} {
		form := signIn("ada@acme.example", goodPassword)
		form.Set("company", company)
		w.Expect(w.post(path, form, elsewhere()).Header().Get("Location")).To(Equal(w.profile()), path)
	}
	known := cookie(w, answer, "usher-known")
	w.Expect(w.post("/me", signIn("ada@acme.example", goodPassword), known, elsewhere()).Header().Get("Location")).To(Equal(w.profile()))
}

// A person who is a member of two companies is signed in to the one whose password it is; with one password for both, the company tells.
func TestAMemberOfTwoCompanies(t *testing.T) {
	w := newWorld(t)
	w.join()
	globex := w.tenant("Globex", "ada@acme.example", 1)
	w.everywhere(nil, globex)
	at := func(company, password string) string {
		form := signIn("ada@acme.example", password)
		form.Set("company", company)
		return w.post("/me", form, elsewhere()).Header().Get("Location")
	}
	w.Expect(at("", goodPassword)).To(Equal(w.profile()))
	w.Expect(at("", theirs)).To(Equal("/me/" + globex + "/tenant0"))
	w.Expect(at("globex", theirs)).To(Equal("/me/" + globex + "/tenant0"))
	w.Expect(at("acme", theirs)).To(BeEmpty())
	w.setPassword(theirs)
	w.Expect(at("Acme SAS", theirs)).To(Equal(w.profile()))
	w.Expect(at(" GLOBEX ", theirs)).To(Equal("/me/" + globex + "/tenant0"))
	w.Expect(at("Initech", theirs)).To(BeEmpty())
}

// Strangers try wrong passwords, from one client or from many.
func TestAttackAStrangerKeepsAMemberFromSigningIn(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.everywhere(nil)
	answer := w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere())
	known := cookie(w, answer, "usher-known")
	wrong := func(who request) int {
		return w.post("/me", signIn("ada@acme.example", "not the right one"), who).Code
	}
	for range 12 {
		wrong(from("192.0.2.66:1"))
	}
	w.Expect(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther), "one stranger")
	for i := range 99 {
		w.Expect(wrong(elsewhere())).To(Equal(http.StatusUnprocessableEntity), fmt.Sprint(i))
	}
	w.Expect(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther), "99 strangers")
	for range 100 {
		w.Expect(wrong(elsewhere())).To(Equal(http.StatusUnprocessableEntity))
	}
	w.expectPage(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), http.StatusTooManyRequests, titleWait)
	w.clock.Add(3600)
	w.expectPage(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), http.StatusTooManyRequests, titleWait)
	w.Expect(w.post("/me", signIn("ada@acme.example", goodPassword), known, elsewhere()).Code).To(Equal(http.StatusSeeOther), "a known browser")
	w.Expect(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther), "and begins anew")

	for range 100 {
		wrong(elsewhere())
	}
	w.expectPage(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), http.StatusTooManyRequests, titleWait)
	w.Expect(w.post(w.resetLink(30*time.Minute), newPasswordForm(newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.Expect(w.post("/me", signIn("ada@acme.example", newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther), "after a new password")
}

// One client tries passwords for a day: as fast as it may, and never from a browser that is known.
func TestAttackOneClientGuessesForADay(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.everywhere(nil)
	tries := 0
	for end := w.clock.Load() + 24*60*60; w.clock.Load() < end; {
		answer := w.post("/me", signIn("ada@acme.example", fmt.Sprint("guess number ", tries)), from("192.0.2.66:1"))
		if answer.Code == http.StatusUnprocessableEntity {
			tries++
			continue
		}
		w.Expect(answer.Code).To(Equal(http.StatusTooManyRequests))
		var wait int64
		_, err := fmt.Sscan(answer.Header().Get("Retry-After"), &wait)
		w.Expect(err).NotTo(HaveOccurred())
		w.clock.Add(wait)
	}
	w.Expect(tries).To(And(BeNumerically(">", 5), BeNumerically("<=", 25)))
}

// A tenant that has a member with the victim's address signs in there again and again, so that its wrong guesses are forgotten.
func TestAttackANamesakeSignsInToClearItsGuesses(t *testing.T) {
	w := newWorld(t)
	w.join()
	namespace := w.tenant("Eve", "ada@acme.example", 1)
	w.everywhere(nil, namespace)
	right := 0
	for range 20 {
		w.clock.Add(12)
		if w.post(w.profile(), signIn("ada@acme.example", "a guess at the password"), from("192.0.2.66:1")).Code == http.StatusUnprocessableEntity {
			right++
		}
		w.Expect(w.post("/me/"+namespace+"/tenant0", signIn("ada@acme.example", theirs), from("192.0.2.66:1")).Code).To(Equal(http.StatusSeeOther))
	}
	w.Expect(right).To(BeNumerically("<", 15))
}

// Whether an address has a member does not show in when a client has to wait, whatever accounts it names.
func TestAttackTooManyTriesShowWhichMembersExist(t *testing.T) {
	seen := map[string][]string{}
	for _, email := range []string{"ada@acme.example", "no-one@acme.example"} {
		w := newWorld(t)
		w.join()
		w.everywhere(nil)
		for i := range 9 {
			path := []string{"/me", "/me/elsewhere/acme", w.profile()}[i%3]
			answer := w.post(path, signIn(email, "not the right one"), from("192.0.2.66:1"))
			body := strings.ReplaceAll(strings.ReplaceAll(answer.Body.String(), email, "…"), w.member.Namespace, "…")
			seen[email] = append(seen[email], fmt.Sprint(answer.Code, answer.Header().Get("Retry-After"), body))
		}
		for range 100 {
			w.post("/me/elsewhere/acme", signIn(email, "not the right one"), elsewhere())
		}
		answer := w.post(w.profile(), signIn(email, "not the right one"), elsewhere())
		seen[email] = append(seen[email], fmt.Sprint(answer.Code, answer.Header().Get("Retry-After"), answer.Body.String()))
	}
	NewWithT(t).Expect(seen["ada@acme.example"]).To(Equal(seen["no-one@acme.example"]))
}

// The cookie of a known browser is made up, of someone else, or old.
func TestAttackABrowserThatIsNotKnown(t *testing.T) {
	w := newWorld(t)
	w.join()
	namespace := w.tenant("Eve", "eve@acme.example", 1)
	w.everywhere(nil, namespace)
	ada := cookieValue(w, w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), "usher-known")
	eve := cookieValue(w, w.post("/me", signIn("eve@acme.example", theirs), elsewhere()), "usher-known")
	w.Expect(ada).NotTo(ContainSubstring("acme.example"))
	session := cookieValue(w, w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), "usher-session")
	for range 100 {
		w.post("/me", signIn("ada@acme.example", "not the right one"), elsewhere())
	}
	try := func(value string) int {
		return w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere(), func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "usher-known", Value: value})
		}).Code
	}
	for name, value := range map[string]string{
		"of another member": eve, "a session": session, "nothing": "", "changed": "A" + ada[1:], "without a signature": strings.Split(ada, ".")[0] + ".",
	} {
		w.Expect(try(value)).To(Equal(http.StatusTooManyRequests), name)
	}
	w.clock.Add(366 * 24 * 60 * 60)
	w.Expect(try(ada)).To(Equal(http.StatusTooManyRequests), "after a year")
	w.clock.Add(-2 * 24 * 60 * 60)
	w.Expect(try(ada)).To(Equal(http.StatusSeeOther), "within a year")

	// A stolen one gives no more tries than a client has.
	w.clock.Add(60 * 60)
	for range 5 {
		w.post("/me", signIn("ada@acme.example", "x"), elsewhere(), func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "usher-known", Value: ada}) })
	}
	w.Expect(try(ada)).To(Equal(http.StatusTooManyRequests))
}

func cookieValue(w *world, answer *httptest.ResponseRecorder, name string) string {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	cookie(w, answer, name)(r)
	found, err := r.Cookie(name)
	w.Expect(err).NotTo(HaveOccurred())
	return found.Value
}

// Someone has copied the cookie before its member signed out.
func TestAttackTheCookieOfASessionThatWasSignedOut(t *testing.T) {
	w := newWorld(t)
	w.join()
	copied, there := w.signInAsMember(), w.signInAsMember()
	w.expectPage(w.get("/me", copied), http.StatusOK, titleProfile)
	before := w.credentials()
	w.Expect(w.post("/me", url.Values{"action": {"sign-out"}}, copied, elsewhere()).Code).To(Equal(http.StatusSeeOther))
	for name, session := range map[string]request{"the copy": copied, "another browser": there} {
		w.expectPage(w.get("/me", session), http.StatusOK, titleSignIn)
		w.expectPage(w.post("/me", details(), session, elsewhere()), http.StatusForbidden, titleSignIn)
		w.Expect(w.credentials().Data["given-name"]).To(Equal(before.Data["given-name"]), name)
	}
	w.Expect(string(w.credentials().Data["session-generation"])).To(Equal("1"))
	w.Expect(w.credentials().Data["signature"]).To(Equal(before.Data["signature"]))
	w.signInAsMember()
}

// A sign-out that could not be written is not reported as done.
func TestASignOutThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	w.join()
	session := w.signInAsMember()
	w.portal = w.newPortal(func(o *portal.Options) { o.Client = readOnly{o.Client} })
	answer := w.post("/me", url.Values{"action": {"sign-out"}}, session, elsewhere())
	w.expectPage(answer, http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(answer.Result().Cookies()).To(BeEmpty())
	w.expectPage(w.get("/me", session), http.StatusOK, titleProfile)

	w.portal = w.newPortal()
	update(w, w.credentials(), func(s *corev1.Secret) { s.Immutable = new(bool); *s.Immutable = true })
	answer = w.post("/me", url.Values{"action": {"sign-out"}}, session, elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), "credentials that no one can change")
	w.Expect(answer.Result().Cookies()[0].MaxAge).To(Equal(-1))
}

// readOnly is an API server that refuses to update.
type readOnly struct{ client.Client }

func (readOnly) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return fmt.Errorf("refused")
}

// Passwords that strangers try first are refused wherever one is chosen.
func TestAttackAPasswordThatIsTriedFirst(t *testing.T) {
	w := newWorld(t)
	for password, text := range map[string]string{
		"password1234": "first that strangers try", "1qaz2wsx3edc": "first that strangers try", "QWERTYuiop12": "first that strangers try",
		"Acme-SAS-2026": "other than your address", "app.acme.example": "other than your address", "Lovelace 1815": "other than your address",
	} {
		form := acceptance(url.Values{"password": {password}, "password_confirm": {password}})
		answer := w.post(w.link(), form, elsewhere())
		w.Expect(answer.Code).To(Equal(http.StatusUnprocessableEntity), password)
		w.Expect(answer.Body.String()).To(ContainSubstring(text), password)
		w.clock.Add(60)
	}
	w.Expect(w.credentials()).To(BeNil())
	w.join()
	session := w.signInAsMember()
	change := url.Values{"action": {"password"}, "old_password": {goodPassword}, "password": {"password1234"}, "password_confirm": {"password1234"}}
	w.Expect(w.post("/me", change, session, elsewhere()).Body.String()).To(ContainSubstring("first that strangers try"))
	w.Expect(w.post(w.resetLink(time.Minute), newPasswordForm("password1234"), elsewhere()).Body.String()).To(ContainSubstring("first that strangers try"))
	w.signInAsMember()
}

// The link of an accepted invitation tells its holder whether a password is the one that was accepted. It is no way around the limits.
func TestAttackTheLinkOfAnAcceptedInvitationGuessesThePassword(t *testing.T) {
	w := newWorld(t)
	w.join()
	guesses := 0
	for range 3 * 60 {
		w.clock.Add(20)
		answer := w.post(w.link(), acceptance(url.Values{"password": {"a guess at it, again"}}), from("192.0.2.66:1"))
		if answer.Code == http.StatusGone {
			guesses++
		} else {
			w.expectPage(answer, http.StatusTooManyRequests, titleTooMany)
		}
	}
	w.Expect(guesses).To(And(BeNumerically(">", 5), BeNumerically("<", 20)), "within an hour")
}

// How many companies have a member with an address does not show in the time of a wrong password.
func TestAttackTheTimeShowsHowManyMembersThereAre(t *testing.T) {
	const cost = 10 // of a comparison, so that one more is seen
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.Limits.HashCost = cost })
	w.join()
	namespace := w.tenant("Globex", "ada@acme.example", 1)
	hash, err := bcrypt.GenerateFromPassword([]byte(theirs), cost)
	w.Expect(err).NotTo(HaveOccurred())
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "usher-member-m0"}}
	update(w, secret, func(s *corev1.Secret) { s.Data["password-hash"] = hash })
	w.everywhere(func(o *portal.Options) {
		o.Limits = portal.Limits{HashCost: cost, PostsPerMinute: 1 << 20, FreeTries: 1 << 20, MostWrong: 1 << 20}
	}, namespace)
	requests := map[string]func() *http.Request{}
	for _, email := range []string{"ada@acme.example", "no-one@acme.example"} {
		requests[email] = func() *http.Request {
			r := httptest.NewRequestWithContext(w.ctx, http.MethodPost, "/me", strings.NewReader(signIn(email, "not the right one").Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}
	}
	began := time.Now()
	w.Expect(bcrypt.CompareHashAndPassword(hash, []byte("not the right one"))).NotTo(Succeed())
	comparison := time.Since(began)
	w.Expect(differenceOf(t, w.portal, 8, 1, requests)).To(BeNumerically("<", comparison/2))
}
