// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/portal/page"
)

const (
	// sessionLength is how long a member stays signed in.
	sessionLength = 30 * time.Minute
	// sessionLabel derives the key that sessions are signed with from the key of the links.
	sessionLabel = "usher.dev/portal session 1"
	// Names of the cookie. A browser accepts __Host- only over HTTPS and from this very host.
	cookieName       = "usher-session"
	cookieNameSecure = "__Host-usher-session"
)

// Options of sessions.
type Options struct {
	// Secure says that browsers reach the site over https, and send cookies over nothing else.
	Secure bool
	// MembersAt finds the members, of any account, that have or want an e-mail address, without regard to case.
	MembersAt func(ctx context.Context, email string) ([]types.NamespacedName, error)
}

// Sessions opens and resumes the sessions of members.
type Sessions struct {
	site    *page.Site
	options Options
}

// New returns the sessions of a site.
func New(site *page.Site, options Options) *Sessions { return &Sessions{site: site, options: options} }

// session is what a cookie says, once its signature has been checked. It is stored nowhere else: each request reads from the member's
// own objects whether it is still valid.
type session struct {
	member types.NamespacedName
	uid    types.UID
	since  time.Time
	// fingerprint of the credentials that it was opened with. A new password, address, API token or session generation changes it.
	fingerprint string
	// key that it is signed with.
	key []byte
}

// derive returns the keys for a purpose: the current one, and the previous ones.
func (s *Sessions) derive(ctx context.Context, label string) ([][]byte, error) {
	ring, err := s.site.Keys(ctx)
	if err != nil {
		return nil, err
	}
	return ring.Derive(label)
}

// sealed returns the session as a cookie's value: what it says, and its signature.
func (s session) sealed() string {
	return seal(s.key, "session", strings.Join([]string{
		s.member.Namespace, s.member.Name, string(s.uid), strconv.FormatInt(s.since.Unix(), 10), s.fingerprint,
	}, "/"))
}

// opened reads a cookie's value. It returns false if this portal did not sign it, or the session is over.
func opened(value string, keys [][]byte, now time.Time) (session, bool) {
	said, key, genuine := unseal(value, keys, "session")
	if !genuine {
		return session{}, false
	}
	parts := strings.Split(said, "/")
	since, err := strconv.ParseInt(parts[3], 10, 64)
	s := session{
		member: types.NamespacedName{Namespace: parts[0], Name: parts[1]}, uid: types.UID(parts[2]),
		since: time.Unix(since, 0), fingerprint: parts[4], key: key,
	}
	age := now.Sub(s.since)
	return s, err == nil && age > -sessionLength && age < sessionLength
}

// fingerprint of credentials under a key. It reveals nothing about them.
func fingerprint(key []byte, secret *corev1.Secret) string {
	parts := []string{"credentials", string(secret.UID), usherv1.EmailAddress(secret.Data[credentials.KeyEmail]).Key()}
	for _, name := range []string{credentials.KeyPasswordHash, credentials.KeyAPIToken, credentials.KeySessionGeneration} {
		parts = append(parts, string(secret.Data[name]))
	}
	return encode(sign(key, parts...))
}

// sign returns the HMAC of the parts, each preceded by its length.
func sign(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Open begins a session of a member who has just given the password.
func (s *Sessions) Open(ctx context.Context, w http.ResponseWriter, v *Member) error {
	keys, err := s.derive(ctx, sessionLabel)
	if err != nil {
		return err
	}
	begun := session{
		member: types.NamespacedName{Namespace: v.Member.Namespace, Name: v.Member.Name}, uid: v.Member.UID,
		since: s.site.Now(), fingerprint: fingerprint(keys[0], &v.Credentials), key: keys[0],
	}
	s.setCookie(w, s.cookieName(), begun.sealed(), sessionLength)
	return nil
}

// Resume returns the member whose session the request's cookie is; nil if the session is not valid any more. The member is read live:
// one that was deleted or disabled since, or has other credentials, is signed out.
func (s *Sessions) Resume(r *http.Request) (*Member, error) {
	v, valid, err := s.former(r)
	if !valid {
		return nil, err
	}
	return v, nil
}

// Former returns the member whose session the request's cookie is or was, until other credentials ended it. It proves less than a session:
// the member must also give the present password.
func (s *Sessions) Former(r *http.Request) (*Member, error) {
	v, _, err := s.former(r)
	return v, err
}

// former returns the member whose session the request's cookie is, and whether it has the credentials that the session was opened with.
func (s *Sessions) former(r *http.Request) (*Member, bool, error) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return nil, false, nil //nolint:nilerr // there is none
	}
	keys, err := s.derive(r.Context(), sessionLabel)
	if err != nil {
		return nil, false, err
	}
	resumed, good := opened(cookie.Value, keys, s.site.Now())
	if !good {
		return nil, false, nil
	}
	v, err := s.Read(r.Context(), resumed.member)
	switch {
	case err != nil || v == nil:
		return nil, false, err
	case v.Member.UID != resumed.uid:
		return nil, false, nil
	case disabledSince(&v.Member, resumed.since, s.site.Now()):
		return nil, false, nil // enabled again since; a session from before does not count
	}
	return v, hmac.Equal([]byte(resumed.fingerprint), []byte(fingerprint(resumed.key, &v.Credentials))), nil
}

// disabledSince reports whether the member was disabled at a time, or after it. It does not believe a time of a clock that was ahead, by
// which the member could open no session: the API token was replaced as well, which ends the sessions from before.
func disabledSince(m *usherv1.Member, since, now time.Time) bool {
	at := m.Status.DisabledAt
	return at != nil && !at.Time.Before(since) && moment.At(now, m).Believes(at.Time, 0)
}

// named returns a cookie's name: the second where browsers reach the site over https.
func (s *Sessions) named(plain, secure string) string {
	if s.options.Secure {
		return secure
	}
	return plain
}

func (s *Sessions) cookieName() string { return s.named(cookieName, cookieNameSecure) }

// Close makes the browser forget the session.
func (s *Sessions) Close(w http.ResponseWriter) { s.setCookie(w, s.cookieName(), "", -time.Second) }

// setCookie makes the browser keep a value for a time, or forget it if that is negative.
func (s *Sessions) setCookie(w http.ResponseWriter, name, value string, keep time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(keep.Seconds()),
		Secure: s.options.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
