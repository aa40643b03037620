// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"embed"
	"net/http"
	"net/url"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

var templates = page.Templates(templateFiles)

// fieldTerms is the name of the field that accepts the terms.
const fieldTerms = "terms"

// answers are what the invitee typed, or what is known already.
type answers struct {
	personal credentials.Personal
	password page.Password
	terms    bool
}

// prefilled returns the answers that the member's spec gives.
func prefilled(member *usherv1.Member) answers {
	known := credentials.OfSpec(&member.Spec)
	for _, f := range credentials.Fields {
		if f.ProfileOnly {
			delete(known, f.Key) // the form neither shows nor records it
		}
	}
	return answers{personal: known}
}

// answersOf returns the answers of a form. What the member's spec says wins: the page shows it and accepts nothing else.
func answersOf(form url.Values, member *usherv1.Member) answers {
	a := prefilled(member)
	a.password = page.Password{Typed: form.Get(page.FieldPassword), Confirm: form.Get(page.FieldConfirm)}
	a.terms = form.Get(fieldTerms) == "on"
	for _, f := range credentials.Fields {
		if !f.ProfileOnly {
			page.TypePersonal(a.personal, f, form, member)
		}
	}
	return a
}

// mistakes returns at most one mistake per field, in the order of the page.
func (a answers) mistakes(v *visit) []page.Mistake {
	found := append(page.MistakesInPersonal(a.personal), a.password.Mistakes(&v.Person, a.personal)...)
	if v.Account.Spec.TermsURL != "" && !a.terms {
		found = append(found, page.Mistake{Field: fieldTerms, Key: "error.terms"})
	}
	return found
}

// view is what the templates of an invitation may show.
type view struct {
	*page.Page
	// Path of the link.
	Path             string
	Expires          *metav1.Time
	Personal, Secret []page.Field
	Terms            bool
}

func newView(r *http.Request, v *visit, title string) view {
	return view{Page: page.New(r, &v.Person, title), Path: v.link.Path(), Expires: v.invitation.Status.ExpiresAt}
}

// renderForm shows the form with what is known or was typed, and what is wrong with it.
func (p *Pages) renderForm(w http.ResponseWriter, r *http.Request, status int, v *visit, a answers, mistakes []page.Mistake) {
	form := newView(r, v, "form.title")
	if !p.AddMistakes(w, form.Page, mistakes) {
		return
	}
	form.Personal = form.Fields(page.PersonalFields(a.personal, &v.Member.Spec)...)
	form.Secret = form.Fields(page.PasswordFields()...)
	form.Terms = a.terms
	if len(mistakes) > 0 {
		// A link to the other language would lose what was typed. The password must be typed again in any case.
		form.Hidden = form.typed()
	}
	p.Render(w, status, templates, "form.html", form)
}

// typed returns what was typed, without the password.
func (v view) typed() []page.Input {
	inputs := []page.Input{{Name: "action", Value: actionAccept}}
	for _, f := range v.Personal {
		inputs = append(inputs, page.Input{Name: f.Name, Value: f.Value})
	}
	if v.Terms {
		inputs = append(inputs, page.Input{Name: fieldTerms, Value: "on"})
	}
	return inputs
}

// renderDecline asks the invitee to confirm that they decline.
func (p *Pages) renderDecline(w http.ResponseWriter, r *http.Request, v *visit) {
	p.Render(w, http.StatusOK, templates, "decline.html", newView(r, v, "decline.title"))
}
