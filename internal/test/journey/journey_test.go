// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/browser"
)

func TestFromTheMailToTheWelcome(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{Width: 390, Height: 844})
	link := w.invite(testkit.Member("ada").Build())
	w.expectPage(tab, tab.Open(link), http.StatusOK, "Join Acme SAS")

	// With mistakes.
	tab.Type("#family_name", "Lovelace")
	tab.Type("#password", "short")
	tab.Type("#password_confirm", "shore")
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusUnprocessableEntity, "Join Acme SAS")
	w.Expect(browser.Evaluate[string](tab, "document.title")).To(HavePrefix("Error: "))
	w.Expect(focused(tab)).To(Equal("summary"), "the summary of the mistakes has the focus")
	w.Expect(tab.Text(".summary")).To(SatisfyAll(ContainSubstring("Password: Use at least 12 characters."), ContainSubstring("Terms: ")))
	w.Expect(tab.Text("#password-error")).To(Equal("Use at least 12 characters."))
	w.Expect(browser.Evaluate[string](tab, "document.querySelector('#family_name').value")).To(Equal("Lovelace"))
	w.Expect(browser.Evaluate[string](tab, "document.querySelector('#password').value")).To(BeEmpty())
	tab.Click(".summary a")
	w.Expect(focused(tab)).To(Equal("password"), "the summary leads to the field")

	// In another language, with what was typed.
	tab.Click(".languages summary")
	w.expectPage(tab, tab.Follow(".languages button[lang=fr]"), http.StatusUnprocessableEntity, "Rejoindre Acme SAS")
	w.Expect(browser.Evaluate[string](tab, "document.querySelector('#family_name').value")).To(Equal("Lovelace"))

	// Corrected.
	fillIn(tab)
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusOK, "Bienvenue chez Acme SAS")
	w.Expect(tab.URL()).To(Equal(link + "/welcome?lang=fr"))
	w.Expect(browser.Evaluate[string](tab, "document.querySelector('.button').href")).To(Equal("https://app.acme.example/"))
	w.becomes("ada", usherv1.ObservedActive)
	var made corev1.Secret
	w.Expect(w.api.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: "usher-member-ada"}, &made)).To(Succeed())
	w.Expect(string(made.Data["family-name"])).To(Equal("Lovelace"))
	w.Expect(bcrypt.CompareHashAndPassword(made.Data["password-hash"], []byte(goodPassword))).To(Succeed())

}

func TestReloadingAndGoingBack(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	tab.Open(w.invite(testkit.Member("gus").Build()))
	fillIn(tab)
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusOK, "Welcome to Acme SAS")
	w.expectPage(tab, tab.Reload(), http.StatusOK, "Welcome to Acme SAS")
	tab.Back()
	w.Expect(tab.Text("h1")).To(Equal("This invitation has already been accepted"), "there is no form to send again")
	w.Expect(posts(tab)).To(Equal(1))
}

func TestDecliningAfterThinkingTwice(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	w.expectPage(tab, tab.Open(w.invite(testkit.Member("bob").Build())), http.StatusOK, "Join Acme SAS")
	w.expectPage(tab, tab.Follow(declineLink), http.StatusOK, "Decline this invitation?")
	w.expectPage(tab, tab.Follow(backLink), http.StatusOK, "Join Acme SAS")
	w.Expect(posts(tab)).To(BeZero())
	tab.Follow(declineLink)
	w.expectPage(tab, tab.Follow(declineButton), http.StatusOK, "You have declined")
	w.Expect(tab.Text("main")).To(ContainSubstring("it@acme.example"))
	w.expectPage(tab, tab.Reload(), http.StatusOK, "You have declined")
	w.Expect(posts(tab)).To(Equal(1))
	tab.Back()
	w.Expect(tab.Text("h1")).To(Equal("This invitation was declined"))
	w.Eventually(func(g Gomega) {
		m := testkit.Member("bob").In(w.namespace).Build()
		g.Expect(w.api.Get(w.ctx, client.ObjectKeyFromObject(m), m)).To(Succeed())
		g.Expect(m.Status.Conditions).To(ContainElement(SatisfyAll(HaveField("Type", "Ready"), HaveField("Reason", usherv1.ReasonInvitationDeclined))))
	}).Should(Succeed())
}

func TestASecondMailHasTheLinkThatWorks(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	first := w.invite(testkit.Member("carol").Build())
	w.expectPage(tab, tab.Open(first), http.StatusOK, "Join Acme SAS")
	edit(w, testkit.Invitation("carol").Build(), func(i *usherv1.Invitation) { i.Spec.SendGeneration++ })
	second := w.link("carol", 2)
	w.Expect(second).NotTo(Equal(first))
	fillIn(tab) // into the page that is still open
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusNotFound, "This link does not work")
	w.expectPage(tab, tab.Open(first), http.StatusNotFound, "This link does not work")
	w.expectPage(tab, tab.Open(second), http.StatusOK, "Join Acme SAS")
	fillIn(tab)
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusOK, "Welcome to Acme SAS")
}

// Both forms are sent before either gets a response: hashing a password takes time. It is the same person, with the same password.
func TestTwoWindowsAtOnce(t *testing.T) {
	w := newWorld(t)
	link := w.invite(testkit.Member("dan").Build())
	tabs := []*browser.Tab{w.tab(browser.Options{}), w.tab(browser.Options{})}
	for _, tab := range tabs {
		w.expectPage(tab, tab.Open(link), http.StatusOK, "Join Acme SAS")
		fillIn(tab)
	}
	for _, tab := range tabs {
		tab.Click(acceptButton)
	}
	var titles []string
	for _, tab := range tabs {
		tab.Await(".notice")
		titles = append(titles, tab.Text("h1"))
	}
	w.Expect(titles).To(ConsistOf("Welcome to Acme SAS", "Welcome to Acme SAS"))
}

func TestWithTheKeyboardAlone(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{Dark: true})
	w.expectPage(tab, tab.Open(w.invite(testkit.Member("eve").Build())), http.StatusOK, "Join Acme SAS")

	// The language switch comes first.
	tab.Press(browser.KeyTab)
	w.Expect(focused(tab)).To(Equal("summary"))
	tab.Press(browser.KeyEnter)
	for range 4 {
		tab.Press(browser.KeyTab)
	}
	w.Expect(browser.Evaluate[string](tab, "document.activeElement.lang")).To(Equal("es"))
	w.expectPage(tab, tab.FollowKey(browser.KeyEnter), http.StatusOK, "Unirse a Acme SAS")

	// The focus goes once around the page: in the page's order, and always visible.
	tab.Press(browser.KeyTab)
	var order []string
	for range 11 {
		tab.Press(browser.KeyTab)
		order = append(order, focused(tab))
		w.Expect(browser.Evaluate[string](tab, "getComputedStyle(document.activeElement).outlineStyle")).To(Equal("solid"), focused(tab))
	}
	w.Expect(strings.Join(order, " ")).To(Equal("salutation given_name family_name phone password password_confirm terms a button a a"))

	tab.Open(tab.URL())
	for range 2 {
		tab.Press(browser.KeyTab)
	}
	for _, text := range []string{"Mx", "Eve", "Moneypenny", "", goodPassword, goodPassword} {
		if text != "" {
			tab.Press(text)
		}
		tab.Press(browser.KeyTab)
	}
	tab.Press(browser.KeySpace)
	w.expectPage(tab, tab.FollowKey(browser.KeyEnter), http.StatusOK, "Le damos la bienvenida a Acme SAS")
	w.becomes("eve", usherv1.ObservedActive)
}

func TestPasswordsArePastedAndManaged(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	tab.Open(w.invite(testkit.Member("fay").Build()))
	attributes := browser.Evaluate[map[string]string](tab, `Object.fromEntries([...document.querySelectorAll("main form input")].map(
		i => [i.name, i.type + " " + i.autocomplete]))`)
	w.Expect(attributes).To(Equal(map[string]string{
		"salutation": "text honorific-prefix", "given_name": "text given-name", "family_name": "text family-name", "phone": "tel tel",
		"username": "email username", "password": "password new-password", "password_confirm": "password new-password", "terms": "checkbox ",
	}))
	w.Expect(browser.Evaluate[string](tab, "document.querySelector('[name=username]').value")).To(Equal("fay@acme.example"))
	tab.Type("#salutation", "zebra violin cactus")
	tab.Paste("#salutation", "#password")
	tab.Paste("#salutation", "#password_confirm")
	tab.Type("#salutation", "")
	tab.Click("#terms")
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusOK, "Welcome to Acme SAS")
	var made corev1.Secret
	w.Expect(w.api.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: "usher-member-fay"}, &made)).To(Succeed())
	w.Expect(bcrypt.CompareHashAndPassword(made.Data["password-hash"], []byte("zebra violin cactus"))).To(Succeed())
}
