// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

const (
	// knownFor is how long a browser is known after a sign-in.
	knownFor = 365 * 24 * time.Hour
	// knownLabel derives the key that known browsers are signed with from the key of the links.
	knownLabel = "usher.dev/portal known browser 1"
	// Names of the cookie of a known browser.
	knownName       = "usher-known"
	knownNameSecure = "__Host-usher-known"
)

// Browser is one in which a member has signed in before. It opens nothing: its holder may try the password although strangers have tried
// it too often (a device cookie, as OWASP describes it).
type Browser struct {
	// ID is another one after each sign-in; empty if the browser is not known.
	ID string
	// Member who signed in.
	Member types.NamespacedName
}

// Remember makes the browser one that is known for the member's address, for as long as the member has that.
func (s *Sessions) Remember(ctx context.Context, w http.ResponseWriter, v *Member) error {
	keys, err := s.derive(ctx, knownLabel)
	if err != nil {
		return err
	}
	said := strings.Join([]string{v.Member.Namespace, v.Member.Name, strconv.FormatInt(s.site.Now().Unix(), 10), rand.Text()}, "/")
	s.setCookie(w, s.named(knownName, knownNameSecure), seal(keys[0], "browser", said, v.Member.EmailInUse().Key()), knownFor)
	return nil
}

// Known returns the browser that sent a request, if it is known for an address.
func (s *Sessions) Known(r *http.Request, email string) (Browser, error) {
	cookie, err := r.Cookie(s.named(knownName, knownNameSecure))
	if err != nil {
		return Browser{}, nil //nolint:nilerr // there is none
	}
	keys, err := s.derive(r.Context(), knownLabel)
	if err != nil {
		return Browser{}, err
	}
	said, _, genuine := unseal(cookie.Value, keys, "browser", usherv1.EmailAddress(email).Key())
	if !genuine {
		return Browser{}, nil
	}
	parts := strings.Split(said, "/")
	since, err := strconv.ParseInt(parts[2], 10, 64)
	if age := s.site.Now().Sub(time.Unix(since, 0)); err != nil || age >= knownFor {
		return Browser{}, nil //nolint:nilerr // this portal writes numbers
	}
	return Browser{ID: parts[3], Member: types.NamespacedName{Namespace: parts[0], Name: parts[1]}}, nil
}

// seal returns what a cookie says, with a signature under a key that also covers more.
func seal(key []byte, kind, said string, more ...string) string {
	return encode([]byte(said)) + "." + encode(sign(key, append([]string{kind, said}, more...)...))
}

// unseal returns what a cookie says, and the key that it was sealed with. It reports false if this portal did not seal it.
func unseal(value string, keys [][]byte, kind string, more ...string) (said string, key []byte, genuine bool) {
	text, signature, _ := strings.Cut(value, ".")
	content, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", nil, false
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return "", nil, false
	}
	for _, key := range keys {
		if hmac.Equal(given, sign(key, append([]string{kind, string(content)}, more...)...)) {
			return string(content), key, true
		}
	}
	return "", nil, false
}
