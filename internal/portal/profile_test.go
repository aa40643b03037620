// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/undecodable"
)

const (
	titleProfile = "Your profile"
	titleSignIn  = "Sign in"
	newPassword  = "another horse, another battery"
)

// join has the world's member accept, and be Active as the reconcilers make it.
func (w *world) join() {
	w.t.Helper()
	w.Expect(w.post(w.link(), acceptance(), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.activate(w.member)
}

func (w *world) activate(member *usherv1.Member) {
	w.t.Helper()
	updateStatus(w, member, func(m *usherv1.Member) {
		m.Status.State, m.Status.Role = usherv1.ObservedActive, m.Spec.Role
		m.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 1}}
	})
}

func signIn(email, password string) url.Values {
	return url.Values{"action": {"sign-in"}, "email": {email}, "password": {password}}
}

// signInAsMember signs the world's member in and returns the cookie that a browser sends from then on.
func (w *world) signInAsMember() request {
	w.t.Helper()
	answer := w.post("/me", signIn("ada@ACME.example", goodPassword), elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.Expect(answer.Header().Get("Location")).To(Equal(w.profile()))
	return cookieOf(w, answer)
}

// cookieOf returns the session of an answer, as a browser that is otherwise not known would send it.
func cookieOf(w *world, answer *httptest.ResponseRecorder) request {
	w.t.Helper()
	return cookie(w, answer, "usher-session")
}

func cookie(w *world, answer *httptest.ResponseRecorder, name string) request {
	w.t.Helper()
	cookies := answer.Result().Cookies()
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == name })
	w.Expect(i).To(BeNumerically(">=", 0), "no cookie %s", name)
	return func(r *http.Request) { r.AddCookie(cookies[i]) }
}

func (w *world) profile() string { return "/me/" + w.member.Namespace + "/acme" }

func details(changed ...url.Values) url.Values {
	form := url.Values{"action": {"details"}, "salutation": {"Dr"}, "given_name": {"Augusta"}, "family_name": {"King"}, "phone": {"+44 1"}, "language": {"fr"}}
	for _, c := range changed {
		for name, values := range c {
			form[name] = values
		}
	}
	return form
}

func TestAMemberSeesAndChangesTheirProfile(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.expectPage(w.get("/me"), http.StatusOK, titleSignIn)
	cookie := w.signInAsMember()
	page := w.get("/me", cookie)
	w.expectPage(page, http.StatusOK, titleProfile)
	for _, shown := range []string{"Acme SAS", "Ada@acme.example", "salesrep", "the product", `value="Lovelace"`, `value="details"`} {
		w.Expect(page.Body.String()).To(ContainSubstring(shown))
	}
	w.Expect(page.Body.String()).NotTo(Or(ContainSubstring("contact_email"), ContainSubstring("<script")))
	w.Expect(page.Header().Get("Referrer-Policy")).To(Equal("same-origin"))

	before := w.member.DeepCopy()
	answer := w.post(w.profile(), details(), cookie)
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	page = w.get(answer.Header().Get("Location"), cookie)
	w.expectPage(page, http.StatusOK, "Votre profil")
	w.Expect(page.Body.String()).To(ContainSubstring("Vos coordonnées sont enregistrées."))
	secret := w.credentials()
	for key, want := range map[string]string{
		"salutation": "Dr", "given-name": "Augusta", "family-name": "King", "phone": "+44 1", "language": "fr", "email": "Ada@acme.example",
	} {
		w.Expect(string(secret.Data[key])).To(Equal(want), key)
	}
	w.Expect(secret.Annotations).To(HaveKeyWithValue(usherv1.ProfileGenerationAnnotation, "1"))
	w.reload(w.member)
	w.Expect(w.member.Spec).To(Equal(before.Spec))

	w.Expect(w.post("/me", details(url.Values{"phone": {""}, "language": {""}}), cookie).Code).To(Equal(http.StatusSeeOther))
	w.Expect(w.credentials().Data).NotTo(Or(HaveKey("phone"), HaveKey("language")))
	w.Expect(w.credentials().Annotations).To(HaveKeyWithValue(usherv1.ProfileGenerationAnnotation, "2"))

	signedOut := w.post("/me", url.Values{"action": {"sign-out"}}, cookie)
	w.Expect(signedOut.Code).To(Equal(http.StatusSeeOther))
	w.Expect(signedOut.Result().Cookies()[0].MaxAge).To(Equal(-1))
	w.expectNoSecretsInLogs()
}

func TestTheCookieOfASession(t *testing.T) {
	w := newWorld(t)
	w.join()
	for secure, want := range map[bool]string{false: "usher-session", true: "__Host-usher-session"} {
		p := w.newPortal(func(o *portal.Options) { o.Secure = secure })
		answer := w.postTo(p, "/me", signIn("ada@acme.example", goodPassword))
		w.Expect(answer.Result().Cookies()).To(And(HaveLen(2), HaveEach(HaveField("HttpOnly", true)), HaveEach(HaveField("Secure", secure))))
		w.Expect(answer.Result().Cookies()).To(ContainElement(And(
			HaveField("Name", want), HaveField("Path", "/"), HaveField("Domain", ""), HaveField("Secure", secure),
			HaveField("HttpOnly", true), HaveField("SameSite", http.SameSiteStrictMode), HaveField("MaxAge", 1800),
		)))
		w.Expect(answer.Result().Cookies()[0].Value).NotTo(ContainSubstring(goodPassword))
	}
}

func TestWhatTheSpecSaysWinsInAProfile(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Phone, w.member.Spec.Language = "+33 9", "en-GB" })
	w.join()
	update(w, w.member, func(m *usherv1.Member) { m.Spec.GivenName = "Augusta Ada" }) // only after what was typed
	w.activate(w.member)
	cookie := w.signInAsMember()
	page := w.get("/me", cookie).Body.String()
	w.Expect(page).To(MatchRegexp(`name="given_name"[^>]*value="Augusta Ada" readonly`))
	w.Expect(page).To(MatchRegexp(`name="language" disabled`))
	w.Expect(page).To(ContainSubstring("Set by Acme SAS."))
	w.Expect(w.post("/me", details(), cookie).Code).To(Equal(http.StatusSeeOther))
	data := w.credentials().Data
	w.Expect(string(data["given-name"])).To(Equal("Ada"), "kept for when the spec says nothing again")
	w.Expect(string(data["family-name"])).To(Equal("King"))
	w.Expect(data).NotTo(HaveKey("language"))
	w.expectPage(w.get("/me", cookie), http.StatusOK, titleProfile)
}

func TestMistakesInAProfile(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Role = "admin" })
	w.join()
	cookie := w.signInAsMember()
	wrote := w.wire.mutations.Load()
	company := func(field, value string) url.Values { return url.Values{"action": {"company"}, field: {value}} }
	password := func(old, password, confirm string) url.Values {
		return url.Values{"action": {"password"}, "old_password": {old}, "password": {password}, "password_confirm": {confirm}}
	}
	for _, c := range []struct {
		field, text string
		form        url.Values
	}{
		{"given_name", "Use at most 100 characters.", details(url.Values{"given_name": {strings.Repeat("x", 101)}})},
		{"family_name", "on one line", details(url.Values{"family_name": {"x\ny"}})},
		{"language", "languages of the list", details(url.Values{"language": {"tlh"}})},
		{"old_password", "not your present password", password("wrong wrong wrong", newPassword, newPassword)},
		{"old_password", "not your present password", password("", newPassword, newPassword)},
		{"password", "Use at least 12", password(goodPassword, "short", "short")},
		{"password", "Use at most 72 bytes", password(goodPassword, strings.Repeat("x", 73), strings.Repeat("x", 73))},
		{"password", "other than your address", password(goodPassword, "ada@acme.example", "ada@acme.example")},
		{"password_confirm", "not the same", password(goodPassword, newPassword, newPassword+"x")},
		{"contact_email", "one plain address", company("contact_email", "Desk <desk@acme.example>")},
		{"contact_email", "one plain address", company("contact_email", strings.Repeat("x", 250)+"@acme.example")},
		{"contact_phone", "Use at most 50", company("contact_phone", strings.Repeat("1", 51))},
		{"contact_address", "Use at most 500", company("contact_address", strings.Repeat("x", 501))},
		{"contact_address", "line breaks only", company("contact_address", "x\x00")},
	} {
		answer := w.post("/me", c.form, cookie, elsewhere())
		w.Expect(answer.Code).To(Equal(http.StatusUnprocessableEntity), c.field)
		body := answer.Body.String()
		w.Expect(body).To(MatchRegexp(`<li><a href="#`+c.field+`">[^<]*`+c.text), c.field)
		w.Expect(body).To(MatchRegexp(`id="`+c.field+`"[^>]*aria-invalid="true"`), c.field)
		w.Expect(body).NotTo(ContainSubstring(newPassword))
		w.clock.Add(60) // so that tries are left
	}
	w.Expect(w.wire.mutations.Load()).To(Equal(wrote))
	w.expectPage(w.post("/me", url.Values{"action": {"become-admin"}}, cookie, elsewhere()), http.StatusBadRequest, titleMalformed)
}

func TestANewPasswordEndsEveryOtherSession(t *testing.T) {
	w := newWorld(t)
	w.join()
	here, elsewhereSignedIn := w.signInAsMember(), w.signInAsMember()
	form := url.Values{"action": {"password"}, "old_password": {goodPassword}, "password": {newPassword}, "password_confirm": {newPassword}}
	answer := w.post("/me", form, here, elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	page := w.get(answer.Header().Get("Location"), cookieOf(w, answer))
	w.expectPage(page, http.StatusOK, titleProfile)
	w.Expect(page.Body.String()).To(ContainSubstring("Your password is changed."))
	w.expectPage(w.get("/me", elsewhereSignedIn), http.StatusOK, titleSignIn)
	w.expectPage(w.post("/me", details(), here, elsewhere()), http.StatusForbidden, titleSignIn)
	w.Expect(bcrypt.CompareHashAndPassword(w.credentials().Data["password-hash"], []byte(newPassword))).To(Succeed())
	w.expectPage(w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere()), http.StatusUnprocessableEntity, titleSignIn)
	w.Expect(w.post("/me", signIn("ada@acme.example", newPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.expectNoSecretsInLogs()
	w.Expect(w.logs.String()).NotTo(ContainSubstring(newPassword))
}

// Each request reads from the member's own objects whether the session is still valid.
func TestWhatEndsASession(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		title  string
		change func(*world)
	}{
		"disabled": {http.StatusForbidden, titleMemberDisabled, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
		}},
		"at its end": {http.StatusForbidden, titleMemberDisabled, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: noon.Add(time.Minute)} })
			w.clock.Add(60)
		}},
		"disabled and enabled again": {http.StatusOK, titleSignIn, func(w *world) {
			updateStatus(w, w.member, func(m *usherv1.Member) { m.Status.DisabledAt = &metav1.Time{Time: noon.Add(time.Minute)} })
		}},
		"account disabled": {http.StatusForbidden, titleAccountDisabled, func(w *world) {
			update(w, w.account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		}},
		"without a seat": {http.StatusForbidden, titleWaiting, func(w *world) {
			updateStatus(w, w.member, func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending })
		}},
		"deleted": {http.StatusOK, titleSignIn, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed()) }},
		"being deleted": {http.StatusOK, titleSignIn, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Finalizers = []string{usherv1.MemberFinalizer} })
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
		}},
		"another member of the name": {http.StatusOK, titleSignIn, func(w *world) {
			w.Expect(w.api.Delete(w.ctx, w.member)).To(Succeed())
			again := &usherv1.Member{Spec: w.member.Spec}
			again.Namespace, again.Name = w.member.Namespace, w.member.Name
			w.Expect(w.api.Create(w.ctx, again)).To(Succeed())
			w.activate(again)
		}},
		"credentials deleted": {http.StatusOK, titleSignIn, func(w *world) { w.Expect(w.api.Delete(w.ctx, w.credentials())).To(Succeed()) }},
		"credentials made anew": {http.StatusOK, titleSignIn, func(w *world) {
			secret := w.credentials()
			w.Expect(w.api.Delete(w.ctx, secret)).To(Succeed())
			secret.UID, secret.ResourceVersion = "", ""
			w.Expect(w.api.Create(w.ctx, secret)).To(Succeed())
		}},
		"API token rotated": {http.StatusOK, titleSignIn, func(w *world) {
			update(w, w.credentials(), func(s *corev1.Secret) { s.Data["api-token"] = []byte("another") })
		}},
		"address changed": {http.StatusOK, titleSignIn, func(w *world) {
			update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = "new@acme.example" })
		}},
		"half an hour":    {http.StatusOK, titleSignIn, func(w *world) { w.clock.Add(30 * 60) }},
		"keys are others": {http.StatusOK, titleSignIn, func(w *world) { w.keys = otherKeys(w) }},
		"nothing":         {http.StatusOK, titleProfile, func(w *world) { w.clock.Add(30*60 - 1) }},
		"keys rotated": {http.StatusOK, titleProfile, func(w *world) {
			rotated, err := invite.NewKeyring(bytes.Repeat([]byte{9}, invite.KeyLength), bytes.Repeat([]byte{7}, invite.KeyLength))
			w.Expect(err).NotTo(HaveOccurred())
			w.keys = rotated
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join()
			cookie := w.signInAsMember()
			c.change(w)
			wrote := w.wire.mutations.Load()
			w.expectPage(w.get("/me", cookie), c.status, c.title)
			if c.title == titleProfile {
				return
			}
			if c.status == http.StatusOK {
				c.status = http.StatusForbidden
			}
			for _, form := range []url.Values{details(), {"action": {"password"}}, {"action": {"company"}}} {
				w.expectPage(w.post("/me", form, cookie, elsewhere()), c.status, c.title)
			}
			w.Expect(w.wire.mutations.Load()).To(Equal(wrote))
		})
	}
}

func TestACookieThatWasTamperedWith(t *testing.T) {
	w := newWorld(t)
	w.join()
	var value string
	w.signInAsMember()(httptest.NewRequest(http.MethodGet, "/", nil))
	answer := w.post("/me", signIn("ada@acme.example", goodPassword), elsewhere())
	value = answer.Result().Cookies()[0].Value
	said, signature, _ := strings.Cut(value, ".")
	reads := 0
	w.wire.beforeGet = func(client.ObjectKey, client.Object) error { reads++; return nil }
	for _, forged := range []string{
		"", ".", "x", said, said + ".", "." + signature, said + "." + signature[:len(signature)-1], said[:len(said)-1] + "." + signature,
		base64.RawURLEncoding.EncodeToString([]byte(w.member.Namespace+"/ada/"+string(w.member.UID)+"/1/x")) + "." + signature, value + "x", strings.Repeat("x", 4000),
	} {
		cookie := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "usher-session", Value: forged}) }
		w.expectPage(w.get("/me", cookie), http.StatusOK, titleSignIn)
	}
	w.Expect(reads).To(BeZero(), "nothing is read for a cookie with a wrong signature")
}

func TestAMemberSignsInWithEverySpellingOfTheirAddress(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.member.Spec.Email = "Ada@bücher.example"
		w.invitation.Status.Recipient = "Ada@bücher.example"
	})
	mailed := w.link()
	update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = "Ada@xn--bcher-kva.example." })
	w.Expect(w.post(mailed, acceptance(), elsewhere()).Code).To(Equal(http.StatusSeeOther), "the link that was mailed to another spelling")
	w.activate(w.member)
	for _, spelling := range []string{"Ada@bücher.example", "ada@xn--bcher-kva.example", "ADA@BU\u0308CHER.example.", " ada@ｂücher。example "} {
		w.Expect(w.post("/me", signIn(spelling, goodPassword), elsewhere()).Code).To(Equal(http.StatusSeeOther), spelling)
	}
	for _, other := range []string{"ada@bucher.example", "\u0430da@bücher.example"} { // a Cyrillic letter
		w.expectPage(w.post("/me", signIn(other, goodPassword), elsewhere()), http.StatusUnprocessableEntity, titleSignIn)
	}
	// The tries of all spellings are counted together.
	here := from("192.0.2.7:1")
	for range 5 {
		w.expectPage(w.post("/me", signIn("ada@bücher.example", newPassword), here), http.StatusUnprocessableEntity, titleSignIn)
	}
	w.expectPage(w.post("/me", signIn("ada@xn--bcher-kva.example", newPassword), here), http.StatusTooManyRequests, titleWait)
}

// A link was mailed when tokens were made of the address in lower case, and the address was respelled since.
func TestALinkFromBeforeOutlivesAnotherSpelling(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.member.Spec.Email = "Ada@bücher.example"
		w.invitation.Status.Recipient = "Ada@bücher.example"
	})
	update(w, w.member, func(m *usherv1.Member) { m.Spec.Email = "ada@xn--bcher-kva.example" })
	key := bytes.Repeat([]byte{7}, invite.KeyLength)
	id, mac := sha256.Sum256(key), hmac.New(sha256.New, key)
	for _, part := range []string{string(w.invitation.UID), "ada@bücher.example"} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	mac.Write(binary.BigEndian.AppendUint64(nil, 1))
	token := base64.RawURLEncoding.EncodeToString(mac.Sum(id[:4:4]))
	if at := strings.IndexByte("-_", token[len(token)-1]); at >= 0 {
		token = token[:len(token)-1] + "AB"[at:at+1]
	}
	w.expectPage(w.get("/i/"+w.invitation.Namespace+"/ada/"+token), http.StatusOK, titleForm)
}

// A member that took the address of another keeps no one from signing in.
func TestADuplicateDoesNotKeepTheMemberFromSigningIn(t *testing.T) {
	w := newWorld(t)
	w.join()
	twin := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "twin"}, Spec: usherv1.MemberSpec{
		AccountRef: usherv1.AccountReference{Name: "acme"}, Email: w.member.Spec.Email,
	}}
	w.create(twin)
	updateStatus(w, twin, func(m *usherv1.Member) {
		m.Status.State = usherv1.ObservedPending
		m.Status.Conditions = []metav1.Condition{{
			Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: usherv1.ReasonDuplicateEmail, LastTransitionTime: metav1.Now(),
		}}
	})
	secret := w.credentials()
	w.Expect(w.api.Create(w.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: twin.Namespace, Name: "usher-member-twin"}, Type: credentials.Type, Data: secret.Data,
	})).To(Succeed())
	w.signInAsMember()
}

// A client that does not know the password learns nothing but that.
func TestAWrongPasswordRevealsNothingElse(t *testing.T) {
	w := newWorld(t)
	w.join()
	twin := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "twin"}, Spec: usherv1.AccountSpec{DisplayName: "Twin"}}
	w.create(twin)
	person := func(name, account, email string, state usherv1.State, hash string) {
		member := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: name}, Spec: usherv1.MemberSpec{
			AccountRef: usherv1.AccountReference{Name: account}, Email: usherv1.EmailAddress(email), State: state,
		}}
		w.create(member)
		w.activate(member)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: member.Namespace, Name: "usher-member-" + name}, Type: credentials.Type}
		secret.Data = map[string][]byte{"email": []byte(email)}
		if hash != "" {
			secret.Data["password-hash"] = []byte(hash)
		}
		w.Expect(w.api.Create(w.ctx, w.sign(secret))).To(Succeed())
	}
	hash := string(w.credentials().Data["password-hash"])
	person("bob", "acme", "bob@acme.example", usherv1.StateDisabled, hash)
	person("imported", "acme", "imported@acme.example", "", "")
	person("cat-here", "acme", "cat@acme.example", "", hash)
	person("cat-there", "twin", "cat@acme.example", "", hash)
	person("pending", "acme", "pending@acme.example", "", hash)
	w.Expect(w.api.Delete(w.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "usher-member-pending"}})).To(Succeed())

	page := func(answer *httptest.ResponseRecorder, email string) string {
		return strings.ReplaceAll(answer.Body.String(), email, "…")
	}
	first := map[bool]*httptest.ResponseRecorder{} // by whether the path names an account
	for of, path := range map[bool]string{false: "/me", true: w.profile()} {
		first[of] = w.post(path, signIn("no-one@acme.example", goodPassword), elsewhere())
		w.expectPage(first[of], http.StatusUnprocessableEntity, titleSignIn)
		w.Expect(first[of].Body.String()).To(ContainSubstring("do not belong together"))
		w.Expect(strings.Contains(first[of].Body.String(), `name="company"`)).To(Equal(!of))
	}
	for name, c := range map[string]struct{ path, email, password string }{
		"wrong password":               {"/me", "ada@acme.example", "not the right one"},
		"no password":                  {"/me", "ada@acme.example", ""},
		"too long a password":          {"/me", "ada@acme.example", goodPassword + strings.Repeat("x", 80)},
		"disabled, wrong password":     {"/me", "bob@acme.example", "not the right one"},
		"without a password":           {"/me", "imported@acme.example", ""},
		"invited, and did not answer":  {"/me", "pending@acme.example", goodPassword},
		"in two accounts, wrong":       {"/me", "cat@acme.example", "not the right one"},
		"of another account":           {"/me/" + w.member.Namespace + "/twin", "ada@acme.example", goodPassword},
		"of an account elsewhere":      {"/me/elsewhere/acme", "ada@acme.example", goodPassword},
		"no address":                   {"/me", "", ""},
		"too long an address":          {"/me", strings.Repeat("x", 3000), goodPassword},
		"an address that is not there": {"/me", "eve@acme.example", goodPassword},
	} {
		answer := w.post(c.path, signIn(c.email, c.password), elsewhere())
		w.Expect(answer.Code).To(Equal(http.StatusUnprocessableEntity), name)
		if c.email != "" {
			w.Expect(page(answer, c.email)).To(Equal(page(first[c.path != "/me"], "no-one@acme.example")), name)
		}
		w.Expect(answer.Header().Get("Set-Cookie")).To(BeEmpty(), name)
	}
	w.expectPage(w.post("/me", signIn("bob@acme.example", goodPassword), elsewhere()), http.StatusForbidden, titleMemberDisabled)
	answer := w.post("/me/"+w.member.Namespace+"/twin", signIn("cat@acme.example", goodPassword), elsewhere())
	w.Expect(answer.Header().Get("Location")).To(Equal("/me/" + w.member.Namespace + "/twin"))
	cookie := cookieOf(w, answer)
	w.Expect(w.get("/me", cookie).Body.String()).To(ContainSubstring("Twin"))
	w.expectPage(w.get(w.profile(), cookie), http.StatusOK, titleSignIn)
	w.expectNoSecretsInLogs()
}

func TestHowOftenAPasswordCanBeTried(t *testing.T) {
	w := newWorld(t)
	w.join()
	here := from("192.0.2.5:1")
	for range 5 {
		w.expectPage(w.post("/me", signIn("ada@acme.example", "not the right one"), here), http.StatusUnprocessableEntity, titleSignIn)
	}
	for _, pause := range []int64{1, 2} { // more would reach the limit of POSTs
		answer := w.post("/me", signIn("ADA@acme.example", goodPassword), here)
		w.expectPage(answer, http.StatusTooManyRequests, titleWait)
		w.Expect(answer.Header().Get("Retry-After")).To(Equal(fmt.Sprint(pause)))
		w.clock.Add(pause)
		w.expectPage(w.post("/me", signIn("ada@acme.example", "not the right one"), here), http.StatusUnprocessableEntity, titleSignIn)
	}
	w.clock.Add(60)
	w.Expect(w.post("/me", signIn("ada@acme.example", goodPassword), here).Code).To(Equal(http.StatusSeeOther))
	for range 5 { // begins anew
		w.expectPage(w.post("/me", signIn("ada@acme.example", "not the right one"), here), http.StatusUnprocessableEntity, titleSignIn)
	}

	cookie := w.signInAsMember()
	form := url.Values{"action": {"password"}, "old_password": {"guess"}, "password": {newPassword}, "password_confirm": {newPassword}}
	for range 2 { // each form tries both of its passwords
		w.expectPage(w.post("/me", form, cookie, elsewhere()), http.StatusUnprocessableEntity, titleProfile)
	}
	w.expectPage(w.post("/me", form, cookie, elsewhere()), http.StatusTooManyRequests, titleTooMany)
}

func TestOnlyThisSiteChangesAProfile(t *testing.T) {
	w := newWorld(t)
	w.join()
	cookie := w.signInAsMember()
	for name, headers := range map[string][]request{
		"another site":         {header("Sec-Fetch-Site", "cross-site")},
		"a neighbour":          {header("Sec-Fetch-Site", "same-site")},
		"another, old browser": {header("Origin", "https://evil.example")},
		"no site, plain HTTP":  {header("Origin", "null")},
	} {
		for _, form := range []url.Values{details(), signIn("ada@acme.example", goodPassword)} {
			w.expectPage(w.post("/me", form, append(headers, cookie, elsewhere())...), http.StatusForbidden, titleForeign)
		}
		w.Expect(string(w.credentials().Data["given-name"])).To(Equal("Ada"), name)
	}
	w.Expect(w.post("/me", details(), cookie, elsewhere(), header("Origin", "http://example.com")).Code).To(Equal(http.StatusSeeOther))
}

func TestAChangeInBetweenIsKept(t *testing.T) {
	w := newWorld(t)
	w.join()
	cookie := w.signInAsMember()
	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		update(w, w.credentials(), func(s *corev1.Secret) { s.Data["terms-url"] = []byte("https://acme.example/new") })
	}
	w.Expect(w.post("/me", details(), cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.Expect(w.credentials().Data).To(And(HaveKeyWithValue("terms-url", []byte("https://acme.example/new")), HaveKeyWithValue("given-name", []byte("Augusta"))))

	w.wire.beforeUpdate = func(client.Object) {
		w.wire.beforeUpdate = nil
		update(w, w.credentials(), func(s *corev1.Secret) { s.Data["password-hash"] = []byte("another") })
	}
	w.expectPage(w.post("/me", details(url.Values{"given_name": {"Eve"}}), cookie, elsewhere()), http.StatusForbidden, titleSignIn)
	w.Expect(w.credentials().Data).To(HaveKeyWithValue("given-name", []byte("Augusta")))
}

func TestAnAdminSaysHowTheCompanyIsReached(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.member.Spec.Role = "admin"
		w.account.Spec.Contact = &usherv1.AccountContact{Phone: "+33 1"}
	})
	w.join()
	cookie := w.signInAsMember()
	page := w.get("/me", cookie).Body.String()
	w.Expect(page).To(MatchRegexp(`name="contact_phone"[^>]*value="&#43;33 1" readonly`))
	w.Expect(page).To(ContainSubstring(strings.ReplaceAll(web.Spoken.ByTag[usherv1.DefaultLanguage].PageTexts["hint.fixed.company"], "{account}", "Acme SAS")))
	form := url.Values{"action": {"company"}, "contact_email": {" desk@acme.example "}, "contact_phone": {"+99"}, "contact_address": {"12 rue\r\nParis"}}
	w.wire.create = func(_ client.Object, create func() error) error { // another admin was quicker
		w.wire.create = nil
		w.Expect(w.api.Create(w.ctx, credentials.NewCompany(w.account))).To(Succeed())
		return create()
	}
	answer := w.post("/me", form, cookie, elsewhere())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther), answer.Body.String())
	w.Expect(w.get(answer.Header().Get("Location"), cookie).Body.String()).To(And(
		ContainSubstring("The company’s details are saved."), ContainSubstring("12 rue\nParis</textarea>"), ContainSubstring(`value="desk@acme.example"`),
	))
	var secret corev1.Secret
	w.Expect(w.api.Get(w.ctx, types.NamespacedName{Namespace: w.member.Namespace, Name: "usher-account-acme"}, &secret)).To(Succeed())
	w.Expect(secret.Data).To(Equal(map[string][]byte{"contact-email": []byte("desk@acme.example"), "contact-address": []byte("12 rue\nParis")}))
	w.Expect(w.get(w.link()).Body.String()).To(And(ContainSubstring(`href="mailto:desk@acme.example"`), ContainSubstring(`href="tel:&#43;331"`)))

	form.Set("contact_email", "")
	w.Expect(w.post("/me", form, cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.Expect(w.get(w.link()).Body.String()).NotTo(ContainSubstring("desk@acme.example"))

	update(w, w.member, func(m *usherv1.Member) { m.Spec.Role = "salesrep" })
	w.activate(w.member)
	form.Set("contact_email", "mine@acme.example")
	w.expectPage(w.post("/me", form, cookie, elsewhere()), http.StatusBadRequest, titleMalformed)
	w.Expect(w.get("/me", cookie).Body.String()).NotTo(ContainSubstring("contact_email"))
}

// A Secret of a user's that has the name of the company's is neither shown nor written.
func TestASecretWithTheNameOfTheCompanysIsLeftAlone(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Role = "admin" })
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.member.Namespace, Name: "usher-account-acme"},
		Data:       map[string][]byte{"contact-email": []byte("eve@acme.example")},
	}
	w.Expect(w.api.Create(w.ctx, theirs)).To(Succeed())
	w.join()
	cookie := w.signInAsMember()
	w.Expect(w.get("/me", cookie).Body.String()).NotTo(ContainSubstring("eve@acme.example"))
	answer := w.post(w.profile(), url.Values{"action": {"company"}, "contact_email": {"it@acme.example"}}, cookie, elsewhere())
	w.Expect(answer.Code).To(BeNumerically(">=", 500))
	is := &corev1.Secret{}
	w.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(theirs), is)).To(Succeed())
	w.Expect(is.Data).To(Equal(theirs.Data))
}

func TestTheWelcomeLeadsToTheProfile(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.Expect(w.get(w.link() + "/welcome").Body.String()).To(ContainSubstring(`href="` + w.profile() + `"`))
}

func TestTheMembersOwnLanguageIsThatOfTheirPages(t *testing.T) {
	w := newWorld(t)
	w.join()
	cookie := w.signInAsMember()
	w.Expect(w.post("/me", details(), cookie, elsewhere()).Code).To(Equal(http.StatusSeeOther))
	w.expectPage(w.get(w.link(), header("Accept-Language", "de")), http.StatusGone, "Cette invitation a déjà été acceptée")
	update(w, w.member, func(m *usherv1.Member) { m.Spec.Language = "en-GB" })
	w.expectPage(w.get(w.link(), header("Accept-Language", "de")), http.StatusGone, titleUsed)
}

// Trying addresses takes the same time whether there is such a member or not: a hash is always spent.
func TestTheTimeDoesNotRevealWhichMembersExist(t *testing.T) {
	w := newWorld(t)
	w.join()
	p := w.newPortal(func(o *portal.Options) {
		o.Limits.PostsPerMinute, o.Limits.ConcurrentHashes, o.Limits.FreeTries, o.Limits.MostWrong = 1<<20, timedAtOnce, 1<<20, 1<<20
	})
	requests := map[string]func() *http.Request{}
	for _, email := range []string{"ada@acme.example", "no-one@acme.example"} {
		requests[email] = func() *http.Request {
			r := httptest.NewRequestWithContext(w.ctx, http.MethodPost, "/me", strings.NewReader(signIn(email, "not the right one").Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}
	}
	w.Expect(difference(t, p, 200, requests)).To(BeNumerically("<", telltale))
}

func TestAPortalWithoutADirectoryHasNoProfiles(t *testing.T) {
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.MembersAt = nil })
	w.expectPage(w.get("/me"), http.StatusNotFound, titleUnknown)
	w.expectPage(w.post("/me", signIn("ada@acme.example", "x")), http.StatusNotFound, titleUnknown)
}

// A tenant could otherwise lock out the members of other tenants, by a Member with the same address.
func TestANamesakeWhoCannotBeDecodedLocksNoOneOut(t *testing.T) {
	w := newWorld(t)
	w.join()
	other := types.NamespacedName{Namespace: w.member.Namespace, Name: "namesake"}
	w.wire.beforeGet = func(key client.ObjectKey, _ client.Object) error {
		if key == other {
			return fmt.Errorf("get Member: %w", &undecodable.Error{Kind: "Member", Namespace: key.Namespace, Name: key.Name, Problem: "spec: no"})
		}
		return nil
	}
	w.portal = w.newPortal(func(o *portal.Options) {
		o.MembersAt = func(context.Context, string) ([]types.NamespacedName, error) {
			return []types.NamespacedName{other, client.ObjectKeyFromObject(w.member)}, nil
		}
	})
	w.signInAsMember()
}
