// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
)

// deserted is an API server with nothing in it. It reports what it was asked for.
type deserted struct {
	client.Client
	asked func(types.NamespacedName)
}

func (d deserted) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	d.asked(key)
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// desertedPortal returns a portal that finds nothing, and says so quickly.
func desertedPortal(f *testing.F, asked func(types.NamespacedName)) *portal.Portal {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.KeyLength))
	if err != nil {
		f.Fatal(err)
	}
	return portal.New(portal.Options{
		Client: deserted{asked: asked}, Log: logr.Discard(),
		Keys:      func(context.Context) (invite.Keyring, error) { return keys, nil },
		MembersAt: func(context.Context, string) ([]types.NamespacedName, error) { return nil, nil },
		Limits:    portal.Limits{EvenTime: time.Nanosecond, HashCost: 4, PostsPerMinute: 1 << 30, PagesPerMinute: 1 << 30, ReadsPerSecond: 1 << 30},
	})
}

// No path opens anything but the assets and the sign-in page, and no odd name reaches the API server.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/", "/i/acme/ada/token", "/i/acme/ada/token/welcome", "/i/../../secrets/x/y", "/i/a%2Fb/%00/%ff", "/i//ada/", "/e/acme/ada/token", "/e/a%2Fb/%00/%ff/done", "/me", "/me/acme/acme",
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
