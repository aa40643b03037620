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

// Sessions opens and resumes the sessions of members.
type Sessions struct {
	site *page.Site
	// secure says that browsers send the cookie over HTTPS only.
	secure bool
}

// New returns the sessions of a site. Secure says that browsers reach it over https.
func New(site *page.Site, secure bool) *Sessions { return &Sessions{site: site, secure: secure} }

// session is what a cookie says, once its signature has been checked. It is stored nowhere else: each request reads from the member's
// own objects whether it is still valid.
type session struct {
	member types.NamespacedName
	uid    types.UID
	since  time.Time
	// fingerprint of the credentials that it was opened with. A new password, address or API token changes it.
	fingerprint string
	// key that it is signed with.
	key []byte
}

// keys returns the keys that sessions are signed with: the current one, and the previous ones.
func (s *Sessions) keys(ctx context.Context) ([][]byte, error) {
	ring, err := s.site.Keys(ctx)
	if err != nil {
		return nil, err
	}
	return ring.Derive(sessionLabel)
}

// sealed returns the session as a cookie's value: what it says, and its signature.
func (s session) sealed() string {
	said := strings.Join([]string{
		s.member.Namespace, s.member.Name, string(s.uid), strconv.FormatInt(s.since.Unix(), 10), s.fingerprint,
	}, "/")
	return encode([]byte(said)) + "." + encode(sign(s.key, "session", said))
}

// opened reads a cookie's value. It returns false if this portal did not sign it, or the session is over.
func opened(value string, keys [][]byte, now time.Time) (session, bool) {
	said, signature, _ := strings.Cut(value, ".")
	content, err := base64.RawURLEncoding.Strict().DecodeString(said)
	if err != nil {
		return session{}, false
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return session{}, false
	}
	for _, key := range keys {
		if !hmac.Equal(given, sign(key, "session", string(content))) {
			continue
		}
		parts := strings.Split(string(content), "/")
		since, err := strconv.ParseInt(parts[3], 10, 64)
		s := session{
			member: types.NamespacedName{Namespace: parts[0], Name: parts[1]}, uid: types.UID(parts[2]),
			since: time.Unix(since, 0), fingerprint: parts[4], key: key,
		}
		age := now.Sub(s.since)
		return s, err == nil && age > -sessionLength && age < sessionLength
	}
	return session{}, false
}

// fingerprint of credentials under a key. It reveals nothing about them.
func fingerprint(key []byte, secret *corev1.Secret) string {
	parts := []string{"credentials", string(secret.UID), usherv1.EmailAddress(secret.Data[credentials.KeyEmail]).Key()}
	for _, name := range []string{credentials.KeyPasswordHash, credentials.KeyAPIToken} {
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
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	begun := session{
		member: types.NamespacedName{Namespace: v.Member.Namespace, Name: v.Member.Name}, uid: v.Member.UID,
		since: s.site.Now(), fingerprint: fingerprint(keys[0], &v.Credentials), key: keys[0],
	}
	s.setCookie(w, begun.sealed(), int(sessionLength.Seconds()))
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
	keys, err := s.keys(r.Context())
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

func (s *Sessions) cookieName() string {
	if s.secure {
		return cookieNameSecure
	}
	return cookieName
}

// Close makes the browser forget the session.
func (s *Sessions) Close(w http.ResponseWriter) { s.setCookie(w, "", -1) }

// setCookie makes the browser keep a value for some seconds, or forget it if seconds is negative.
func (s *Sessions) setCookie(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: seconds,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
