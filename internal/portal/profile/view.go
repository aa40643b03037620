// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"embed"
	"net/http"
	"slices"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
)

//go:embed templates/*.html
var templateFiles embed.FS

var templates = page.Templates(templateFiles)

// noticeWait tells someone who tries passwords to wait.
var noticeWait = page.Notice{
	Name: "sign-in-wait", Status: http.StatusTooManyRequests, Tone: page.ToneBad, ForgotPath: ForgotPath,
}

// signInForm is what the sign-in page shows.
type signInForm struct {
	// email and company were typed.
	email, company string
	// problem is the catalogue's key of what was wrong; may be empty.
	problem string
	// saved: a password was set by a mailed link a moment ago.
	saved bool
}

// signInView is what the template of the sign-in page may show.
type signInView struct {
	*page.Page
	Secret     []page.Field
	Saved      bool
	ForgotPath string
}

// profileView is what the template of the profile may show.
type profileView struct {
	*page.Page
	Personal, Secret []page.Field
	// Saved is the action that has just been done; may be empty.
	Saved  string
	Rights []string
	// Seats are the add-ons that the member has a seat of; "" is the base product.
	Seats []string
	// Chosen is the language that was chosen; may be empty.
	Chosen        usherv1.Language
	LanguageFixed bool
	// Company and its Address are set if the member may change them.
	Company []page.Field
	Address *page.Field
}

// renderSignIn asks for an address and a password and, where the path does not name an account, for the company.
func (p *Pages) renderSignIn(w http.ResponseWriter, r *http.Request, status int, f signInForm) {
	view := signInView{Page: page.New(r, nil, "sign-in.title"), Saved: f.saved, ForgotPath: ForgotPath}
	if f.problem != "" && !p.AddMistakes(w, view.Page, []page.Mistake{{Field: fieldEmail, Key: f.problem}}) {
		return
	}
	fields := []page.Field{
		{Name: fieldEmail, Type: "email", Autocomplete: "username", Value: f.email, Required: true},
		{Name: page.FieldPassword, Type: "password", Autocomplete: "current-password", Required: true},
	}
	if r.PathValue("account") == "" {
		fields = append(fields, page.Field{
			Name: fieldCompany, Type: "text", Autocomplete: "organization", Value: f.company, Hint: "hint.company",
		})
	}
	view.Secret = view.Fields(fields...)
	p.Render(w, status, templates, "signin.html", view)
}

// renderProfile shows the profile with what is known or was typed, and what is wrong with it.
func (p *Pages) renderProfile(
	w http.ResponseWriter, r *http.Request, status int, v *session.Member, f profileForm, mistakes []page.Mistake,
) {
	view := profileView{
		Page:   page.New(r, &v.Person, "profile.title"),
		Chosen: usherv1.Language(f.personal[credentials.KeyLanguage]), LanguageFixed: v.Member.Spec.Language != "",
	}
	if !p.AddMistakes(w, view.Page, mistakes) {
		return
	}
	view.Personal = view.Fields(page.PersonalFields(f.personal, &v.Member.Spec)...)
	view.Secret = view.Fields(append([]page.Field{
		{Name: fieldOldPassword, Type: "password", Autocomplete: "current-password", Required: true},
	}, page.PasswordFields()...)...)
	parts := []string{actionDetails, actionPassword, actionCompany}
	if saved := r.URL.Query().Get(savedParameter); slices.Contains(parts, saved) && len(mistakes) == 0 {
		view.Saved = saved
	}
	for _, right := range v.Member.Status.Rights {
		view.Rights = append(view.Rights, string(right))
	}
	for _, seat := range v.Member.Status.Seats {
		if seat.Held() {
			view.Seats = append(view.Seats, seat.AddOn)
		}
	}
	if v.Administers {
		company := view.Fields(companyFields(f, v.Account.Spec.Contact)...)
		last := len(company) - 1
		view.Company, view.Address = company[:last], &company[last]
	}
	p.Render(w, status, templates, "profile.html", view)
}

// companyFields returns the inputs of the company's contact, the address last. What the spec says is fixed; spec may be nil.
func companyFields(f profileForm, spec *usherv1.AccountContact) []page.Field {
	if spec == nil {
		spec = &usherv1.AccountContact{}
	}
	return []page.Field{
		{Name: fieldContactEmail, Type: "email", Autocomplete: "off", Value: f.contactEmail, Fixed: spec.Email != ""},
		{Name: fieldContactPhone, Type: "tel", Autocomplete: "off", Value: f.contactPhone, Fixed: spec.Phone != ""},
		{Name: fieldContactAddress, Autocomplete: "off", Value: f.contactAddress, Fixed: spec.Address != ""},
	}
}
