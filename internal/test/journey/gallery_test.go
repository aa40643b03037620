// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/browser"
)

// looks are the window options for which every page is checked, in light and dark colours: among them 320 pixels and 200 %, which WCAG
// 2.2 requires (1.4.10, 1.4.4).
var looks = []struct {
	name string
	browser.Options
}{
	{"light", browser.Options{Width: 720, Height: 480}},
	{"dark", browser.Options{Width: 720, Height: 480, Dark: true}},
	{"320", browser.Options{Width: 320, Height: 640}},
	{"zoomed-dark", browser.Options{Zoom: 2, Dark: true}},
}

// examine checks the tab's page for every look: nothing is wider than the window, and axe-core finds nothing.
func (w *world) examine(tab *browser.Tab, name string) {
	w.t.Helper()
	for _, look := range looks {
		tab.Look(look.Options)
		tab.Screenshot(name + "-" + look.name)
		w.expectNoOverflow(tab, name+" "+look.name)
		if browser.AxeMissing() == nil {
			w.Expect(tab.Axe()).To(BeEmpty(), "%s, %s", name, look.name)
		}
	}
	tab.Look(browser.Options{})
}

func (w *world) expectNoOverflow(tab *browser.Tab, what string) {
	w.t.Helper()
	w.Expect(browser.Evaluate[[]string](tab, `[...document.querySelectorAll("body *")].filter(
		e => !e.closest(".unseen, svg") && e.getClientRects().length > 0 &&
			(e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < -0.5)).map(e => e.outerHTML.slice(0, 80))`)).
		To(BeEmpty(), "wider than the window: %s", what)
}

// state is a page and how to reach it. open returns the HTTP status.
type state struct {
	name, title string
	status      int
	open        func(tab *browser.Tab) int
	// byLink is set if the URL alone leads to the page.
	byLink bool
}

// states returns all pages, each of a member with a real invitation.
func (w *world) states() []state {
	late := testkit.SeatPool("acme-late").OnAcceptance().Build()
	globex := account("globex", "Globex Corporation")
	w.create(late, globex, testkit.SeatPool("globex-base").Account("globex").Seats(5).Build())
	member := func(name string) *testkit.MemberBuilder {
		return testkit.Member(name).Pools("acme-base").Role("member")
	}
	ada := w.invite(member("ada").Name("Ada", "").Build())
	open := func(link string) func(*browser.Tab) int { return func(tab *browser.Tab) int { return tab.Open(link) } }
	post := func(link string, change string) func(*browser.Tab) int {
		return func(tab *browser.Tab) int {
			tab.Open(link)
			browser.Evaluate[bool](tab, change+"; true")
			return tab.Follow(acceptButton)
		}
	}
	accept := func(link string) func(*browser.Tab) int {
		return func(tab *browser.Tab) int {
			tab.Open(link)
			fillIn(tab)
			return tab.Follow(acceptButton)
		}
	}
	decline := func(link string) func(*browser.Tab) int {
		return func(tab *browser.Tab) int {
			tab.Open(link)
			tab.Follow(declineLink)
			return tab.Follow(declineButton)
		}
	}
	bob, carol, eve := w.invite(member("bob").Build()), w.invite(member("carol").Build()), w.invite(member("eve").Build())
	fay := w.invite(member("fay").Build())
	dan := w.invite(testkit.Member("dan").Pools("acme-late").Build())
	gus := w.invite(testkit.Member("gus").Account("globex").Build())
	w.create(testkit.Invitation("hal").TTL("1m").Build())
	hal := w.invite(member("hal").Build())
	edit(w, testkit.Invitation("eve").Build(), func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
	edit(w, member("fay").Build(), func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
	edit(w, globex, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
	clock.Step(2 * time.Minute)

	return []state{
		{"form", "Join Acme SAS", http.StatusOK, open(ada), true},
		{"languages", "Join Acme SAS", http.StatusOK, func(tab *browser.Tab) int {
			defer tab.Click(".languages summary")
			return tab.Open(ada)
		}, false},
		{"mistakes", "Join Acme SAS", http.StatusUnprocessableEntity, post(ada,
			`document.querySelector("#family_name").value = "x".repeat(101); document.querySelector("#password").value = "short"`), false},
		{"decline", "Decline this invitation?", http.StatusOK, func(tab *browser.Tab) int {
			tab.Open(ada)
			return tab.Follow(declineLink)
		}, true},
		{"welcome", "Welcome to Acme SAS", http.StatusOK, accept(bob), true},
		{"waiting", "You are on the list", http.StatusOK, accept(dan), true},
		{"farewell", "You have declined", http.StatusOK, decline(carol), true},
		{"used", "This invitation has already been accepted", http.StatusGone, open(bob), true},
		{"declined", "This invitation was declined", http.StatusGone, open(carol), true},
		{"expired", "This invitation has expired", http.StatusGone, open(hal), true},
		{"revoked", "This invitation was withdrawn", http.StatusGone, open(eve), true},
		{"member-disabled", "Your access is switched off", http.StatusGone, open(fay), true},
		{"account-disabled", "Globex Corporation is not open at the moment", http.StatusGone, open(gus), true},
		{"unknown", "This link does not work", http.StatusNotFound, open(ada + "x"), true},
		{"malformed", "We could not read the form", http.StatusBadRequest, post(ada, `document.querySelector("`+acceptButton+`").name = "nothing"`), false},
		{"too-large", "That is too much text", http.StatusRequestEntityTooLarge, post(ada,
			`document.querySelector("#phone").value = "1".repeat(10000)`), false},
		{"foreign", "This form came from another site", http.StatusForbidden, func(tab *browser.Tab) int {
			tab.Open("data:text/html," + url.PathEscape(fmt.Sprintf(`<form method=post action=%q><button>Free seats!</button></form>`, ada)))
			return tab.Follow("button")
		}, false},
		{"unavailable", "Please try again in a moment", http.StatusServiceUnavailable, func(tab *browser.Tab) int {
			wire.When(func(c testkit.Call) bool { return c.Namespace == w.namespace }, testkit.Status(http.StatusInternalServerError, 0))
			defer wire.Heal()
			return tab.Open(ada)
		}, false},
		{"too-many", "Please wait a moment", http.StatusTooManyRequests, func(tab *browser.Tab) int {
			for range 10 {
				tab.Open(ada)
				tab.Follow(acceptButton)
			}
			tab.Open(ada)
			return tab.Follow(acceptButton)
		}, false},
	}
}

func TestEveryPageCanBeUsedByEverybody(t *testing.T) {
	w := newWorld(t)
	tab := w.tab(browser.Options{})
	for _, s := range w.states() {
		w.expectPage(tab, s.open(tab), s.status, s.title)
		w.examine(tab, s.name)
		w.translate(tab, s)
		clock.Step(10 * time.Second) // to stay below the portal's limit of forms a minute
	}
	w.admitWithoutAxe()
}

// admitWithoutAxe skips the rest of a test whose pages axe-core has not checked.
func (w *world) admitWithoutAxe() {
	if reason := browser.AxeMissing(); reason != nil {
		w.t.Skip("everything but accessibility was checked:", reason)
	}
}

// languages are the languages that pages can be switched to.
var languages = func() []string {
	var tags []string
	for _, tag := range catalogue.All().Tags() {
		if tag != usherv1.DefaultLanguage {
			tags = append(tags, string(tag))
		}
	}
	return tags
}()

// translate checks the page in every language, in the narrowest window.
func (w *world) translate(tab *browser.Tab, s state) {
	w.t.Helper()
	tab.Look(browser.Options{Width: 320, Height: 640})
	defer tab.Look(browser.Options{})
	title, path, _ := strings.Cut(tab.Text("h1")+"\n"+tab.URL(), "\n")
	for _, tag := range languages {
		var status int
		switch {
		case s.name == "mistakes":
			clock.Step(10 * time.Second)
			tab.Click(".languages summary")
			status = tab.Follow(".languages button[lang=" + tag + "]")
		case s.byLink:
			status = tab.Open(path + "?lang=" + tag)
		default:
			return
		}
		w.Expect(status).To(Equal(s.status), "%s in %s", s.name, tag)
		w.Expect(browser.Evaluate[string](tab, "document.documentElement.lang")).To(Equal(tag))
		if tag != "en-US" {
			w.Expect(tab.Text("h1")).NotTo(Equal(title), "%s in %s", s.name, tag)
		}
		w.expectNoOverflow(tab, s.name+" in "+tag)
		if s.name == "form" || s.name == "mistakes" {
			tab.Screenshot(s.name + "-" + tag)
		}
	}
}

// The worst colour for contrast, yellow on white, and a logo from another host.
func TestAnAccountsOwnColourAndLogo(t *testing.T) {
	w := newWorld(t)
	logos := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "image/svg+xml")
		_, _ = fmt.Fprint(rw, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="40" height="40" rx="20" fill="#e6b800"/>`+
			`<text x="50" y="28" font-family="sans-serif" font-size="24" font-weight="bold">acme</text></svg>`)
	}))
	t.Cleanup(logos.Close)
	edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
		a.Spec.Branding = &usherv1.AccountBranding{AccentColor: "#ffd500", LogoURL: usherv1.ImageURL(logos.URL + "/logo.svg")}
	})
	tab := w.tab(browser.Options{}, logos.URL+"/logo.svg")
	tab.Open(w.invite(testkit.Member("ada").Build()))
	w.Expect(browser.Evaluate[float64](tab, "document.querySelector('.logo').naturalWidth")).To(BeNumerically(">", 0), "the page has the logo")
	w.Expect(browser.Evaluate[string](tab, "getComputedStyle(document.querySelector('button.button')).backgroundColor")).To(Equal("rgb(255, 213, 0)"))
	w.examine(tab, "branded")
	tab.Follow(declineLink)
	tab.Follow(declineButton)
	w.examine(tab, "branded-farewell")
	w.Expect(tab.Requests()).To(ContainElement(HaveField("URL", logos.URL+"/logo.svg")))

	// The longest possible name, in one word.
	edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
		a.Spec.DisplayName = usherv1.Line(strings.Repeat("W", 200))
	})
	tab.Look(browser.Options{Width: 320, Height: 640})
	tab.Reload()
	w.expectNoOverflow(tab, "a long name")
	tab.Screenshot("long-name")
	w.admitWithoutAxe()
}
