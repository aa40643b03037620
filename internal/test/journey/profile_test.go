// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/browser"
)

// From the welcome page to the profile: a failed and a successful sign-in, a form with and without a mistake, every language, signing out.
func TestTheProfile(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	tab.Open(w.invite(testkit.Member("ada").Role("admin").Name("", "Lovelace").Build()))
	fillInBut(tab, "#family_name")
	w.expectPage(tab, tab.Follow(acceptButton), http.StatusOK, "Welcome to Acme SAS")
	w.becomes("ada", usherv1.ObservedActive)

	const signIn, details = "button[value=sign-in]", "button[value=details]"
	w.expectPage(tab, tab.Follow(`main a[href^="/me"]`), http.StatusOK, "Sign in")
	page := tab.URL()
	w.examine(tab, "sign-in")
	w.speak(tab, page, "sign-in")
	tab.Open(page)
	tab.Type("#email", "ada@acme.example")
	tab.Type("#password", "something else")
	w.expectPage(tab, tab.Follow(signIn), http.StatusUnprocessableEntity, "Sign in")
	w.Expect(focused(tab)).To(Equal("summary"))
	w.examine(tab, "sign-in-wrong")
	tab.Type("#password", goodPassword)
	w.expectPage(tab, tab.Follow(signIn), http.StatusOK, "Your profile")
	w.examine(tab, "profile")
	w.speak(tab, page, "profile")

	clock.Step(time.Minute)
	tab.Open(page)
	tab.Type("#given_name", strings.Repeat("x", 101))
	w.expectPage(tab, tab.Follow(details), http.StatusUnprocessableEntity, "Your profile")
	w.Expect(focused(tab)).To(Equal("summary"))
	w.examine(tab, "profile-mistakes")
	tab.Type("#given_name", "Augusta")
	w.expectPage(tab, tab.Follow(details), http.StatusOK, "Your profile")
	w.Expect(tab.Text("[role=status]")).To(Equal("Your details are saved."))
	w.Expect(browser.Evaluate[string](tab, "document.querySelector('#given_name').value")).To(Equal("Augusta"))
	w.examine(tab, "profile-saved")

	w.expectPage(tab, tab.Follow("button[value=sign-out]"), http.StatusOK, "Sign in")
	tab.Type("#email", "ada@acme.example")
	tab.Type("#password", goodPassword)
	w.expectPage(tab, tab.Follow(signIn), http.StatusOK, "Your profile")
	edit(w, testkit.Member("ada").Build(), func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
	w.becomes("ada", usherv1.ObservedDisabled)
	tab.Open(page)
	w.Expect(tab.Text("h1")).To(Equal("Sign in"), "the session has ended")
	tab.Type("#email", "ada@acme.example")
	tab.Type("#password", goodPassword)
	tab.Follow(signIn)
	w.Expect(tab.Text("h1")).To(Equal("Your access is switched off"))
	w.Expect(tab.Text("main")).To(ContainSubstring("it@acme.example"))
	w.examine(tab, "profile-disabled")
	w.admitWithoutAxe()
}

// speak checks a page in every language in a narrow window.
func (w *world) speak(tab *browser.Tab, page, name string) {
	w.t.Helper()
	tab.Look(browser.Options{Width: 320, Height: 640})
	defer tab.Look(browser.Options{})
	for _, tag := range languages {
		w.Expect(tab.Open(page+"?lang="+tag)).To(Equal(http.StatusOK), "%s in %s", name, tag)
		w.Expect(browser.Evaluate[string](tab, "document.documentElement.lang")).To(Equal(tag))
		w.expectNoOverflow(tab, name+" in "+tag)
		tab.Screenshot(name + "-" + tag)
	}
}
