// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

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

// sessionKeys returns the keys that sessions are signed with: the current one, and the previous one if there is one.
func (p *Portal) sessionKeys(ctx context.Context) ([][]byte, error) {
	ring, err := p.keys(ctx)
	if err != nil {
		return nil, err
	}
	current, previous, err := ring.Derive(sessionLabel)
	if err != nil {
		return nil, err
	}
	if previous == nil {
		return [][]byte{current}, nil
	}
	return [][]byte{current, previous}, nil
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

// open begins a session of the visit's member, who has just given the password.
func (p *Portal) open(ctx context.Context, w http.ResponseWriter, v *visit) error {
	keys, err := p.sessionKeys(ctx)
	if err != nil {
		return err
	}
	s := session{
		member: types.NamespacedName{Namespace: v.member.Namespace, Name: v.member.Name}, uid: v.member.UID,
		since: p.now(), fingerprint: fingerprint(keys[0], &v.credentials), key: keys[0],
	}
	p.setCookie(w, s.sealed(), int(sessionLength.Seconds()))
	return nil
}

// resume returns the member whose session the request's cookie is; nil if the session is not valid any more. The member is read live:
// one that was deleted or disabled since, or has other credentials, is signed out.
func (p *Portal) resume(r *http.Request) (*visit, error) {
	cookie, err := r.Cookie(p.cookieName())
	if err != nil {
		return nil, nil //nolint:nilerr // there is none
	}
	keys, err := p.sessionKeys(r.Context())
	if err != nil {
		return nil, err
	}
	s, good := opened(cookie.Value, keys, p.now())
	if !good {
		return nil, nil
	}
	v, err := p.readMember(r.Context(), s.member)
	switch {
	case err != nil || v == nil:
		return nil, err
	case v.member.UID != s.uid || !hmac.Equal([]byte(s.fingerprint), []byte(fingerprint(s.key, &v.credentials))):
		return nil, nil
	case v.member.Status.DisabledAt != nil && !v.member.Status.DisabledAt.Time.Before(s.since):
		return nil, nil // enabled again since; a session from before does not count
	}
	return v, nil
}

func (p *Portal) cookieName() string {
	if p.secure {
		return cookieNameSecure
	}
	return cookieName
}

// setCookie makes the browser keep a value for some seconds, or forget it if seconds is negative.
func (p *Portal) setCookie(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(), Value: value, Path: "/", MaxAge: seconds,
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
