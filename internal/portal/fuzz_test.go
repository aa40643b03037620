// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
)

// deserted is an API server with nothing in it; it tells what it was asked for.
type deserted struct {
	client.Client
	asked func(types.NamespacedName)
}

func (d deserted) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	d.asked(key)
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// desertedPortal answers quickly that there is nothing.
func desertedPortal(f *testing.F, asked func(types.NamespacedName)) *Portal {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.KeyLength), nil)
	if err != nil {
		f.Fatal(err)
	}
	return New(Options{
		Client: deserted{asked: asked}, Log: logr.Discard(),
		Keys:      func(context.Context) (invite.Keyring, error) { return keys, nil },
		MembersAt: func(context.Context, string) ([]types.NamespacedName, error) { return nil, nil },
		Limits:    Limits{EvenTime: time.Nanosecond, HashCost: 4, PostsPerMinute: 1 << 30},
	})
}

// Whatever stands in a path, it opens nothing, and no odd name reaches the API server.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/", "/i/acme/ada/token", "/i/acme/ada/token/welcome", "/i/../../secrets/x/y", "/i/a%2Fb/%00/%ff", "/i//ada/", "/me", "/me/acme/acme",
		"/me/%2e%2e/%2e%2e", "/assets/portal.css", "/assets/../doc.go", "/healthz/", "//i/acme/ada/t", "/i/acme/" + strings.Repeat("a.", 200) + "/t", "*",
	} {
		f.Add(path, true)
		f.Add(path, false)
	}
	p := desertedPortal(f, func(key types.NamespacedName) {
		if strings.ContainsAny(key.Namespace+key.Name, "/%\x00 ?#") || key.Namespace == "" || key.Name == "" || len(key.Namespace)+len(key.Name) > 400 {
			f.Errorf("the API server is asked for %q", key)
		}
	})
	f.Fuzz(func(t *testing.T, path string, get bool) {
		target, err := url.ParseRequestURI(path)
		if err != nil {
			t.Skip() // net/http takes no such request
		}
		request := &http.Request{Method: http.MethodPost, URL: target, Host: "portal", Header: http.Header{}, Body: http.NoBody, RemoteAddr: "192.0.2.1:1"}
		if get {
			request.Method = http.MethodGet
		}
		answer := httptest.NewRecorder()
		p.ServeHTTP(answer, request)
		open := target.Path == "/healthz" || strings.HasPrefix(target.Path, "/assets/") || target.Path == "/me" || strings.HasPrefix(target.Path, "/me/")
		if answer.Code == http.StatusOK && !open || answer.Code >= 500 {
			t.Errorf("%q is answered with %d", path, answer.Code)
		}
		if location := answer.Header().Get("Location"); strings.HasPrefix(location, "//") || strings.Contains(location, "://") && answer.Code < 400 && target.Host == "" {
			t.Errorf("%q leads elsewhere: %q", path, location)
		}
	})
}

// Whatever is typed, answers without a mistake are ones that the API and bcrypt take, and a page never shows markup that
// somebody typed.
func FuzzForm(f *testing.F) {
	for _, body := range []string{
		acceptance().Encode(), declination.Encode(), "", "&&&", "password=%00&password_confirm=%00", "given_name=%3Cscript%3E", "phone=%E2%80%A8",
		"password=" + strings.Repeat("%C3%A9", 36), details().Encode(), "action=company&contact_email=%3C%22%40x&contact_address=a%0D%0Ab", "a;b=c", "%zz",
	} {
		f.Add(body)
	}
	p := desertedPortal(f, func(types.NamespacedName) {})
	v := &visit{account: usherv1.Account{Spec: usherv1.AccountSpec{DisplayName: "Acme"}}}
	v.member.Spec.Email, v.administers = "ada@acme.example", true
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/me", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if web.ReadForm(httptest.NewRecorder(), r) != nil {
			return
		}
		a := answersOf(r.PostForm, &v.member)
		mistakes := a.mistakes(v)
		if len(mistakes) == 0 {
			for _, line := range append(slices.Collect(maps.Values(a.personal)), a.password) {
				if !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\n\r\u2028\u2029") || utf8.RuneCountInString(line) > 100 {
					t.Errorf("%q is taken", line)
				}
			}
			if len(a.password) > web.MaxPasswordBytes || utf8.RuneCountInString(a.password) < minPasswordLetters || a.password != a.confirm {
				t.Errorf("the password %q is taken", a.password)
			}
		}
		page := httptest.NewRecorder()
		p.renderForm(page, r, http.StatusOK, v, a, mistakes)
		for _, action := range []string{actionDetails, actionPassword, actionCompany} {
			form := profileAnswersOf(r.PostForm, v, action)
			p.renderProfile(page, r, http.StatusOK, v, form, append(mistakesInPersonal(form.personal), form.mistakesOfCompany()...))
		}
		p.renderSignIn(page, r, http.StatusOK, r.PostForm.Get(fieldEmail), "")
		for _, values := range r.PostForm {
			for _, typed := range values {
				if strings.ContainsAny(typed, "<>") && len(typed) > 3 && strings.Contains(page.Body.String(), typed) && !strings.Contains(harmless, typed) {
					t.Errorf("a page shows %q as it was typed", typed)
				}
			}
		}
	})
}

// harmless is what the pages say by themselves, whatever was typed.
var harmless = func() string {
	p := New(Options{Log: logr.Discard()})
	r := httptest.NewRequest(http.MethodPost, "/me", nil)
	v := &visit{account: usherv1.Account{Spec: usherv1.AccountSpec{DisplayName: "Acme"}}}
	v.member.Spec.Email, v.administers = "ada@acme.example", true
	page := httptest.NewRecorder()
	p.renderForm(page, r, http.StatusOK, v, answers{}, answers{}.mistakes(v))
	p.renderProfile(page, r, http.StatusOK, v, profileForm{}, nil)
	p.renderSignIn(page, r, http.StatusOK, "", "")
	return page.Body.String()
}()
