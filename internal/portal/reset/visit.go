// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reset

import (
	"context"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/session"
)

// Notices.
var (
	noticeSent    = page.Notice{Name: "forgot-sent", Status: http.StatusOK, Tone: page.ToneGood}
	noticeExpired = page.Notice{Name: "reset-expired", Status: http.StatusGone, Tone: page.ToneBad}
	noticeUsed    = page.Notice{Name: "reset-used", Status: http.StatusGone, Tone: page.ToneBad}
)

// visit is what a genuine link leads to, read live a moment ago.
type visit struct {
	page.Person
	link page.Link
	// until is when the link stops working.
	until time.Time
	// used: the link has set the present password.
	used bool
}

// look reads what l leads to. It returns page.ErrUnknown for every link that is neither for its member's present password nor the one that
// set it; other errors come from the API server.
//
// The work is the same for every link that is unknown: the key, two reads and one verification.
func (p *Pages) look(ctx context.Context, l page.Link) (*visit, error) {
	keys, err := p.Keys(ctx)
	if err != nil {
		return nil, err
	}
	v := &visit{link: l}
	key, possible := l.Key(p.options.Namespaces)
	found, err := p.Read(ctx, key, &v.Member)
	if err != nil {
		return nil, err
	}
	var secret corev1.Secret
	if _, err := p.Read(ctx, types.NamespacedName{Namespace: key.Namespace, Name: credentials.Name(key.Name)}, &secret); err != nil {
		return nil, err
	}
	genuine, err := v.verify(keys, &secret)
	if err != nil {
		return nil, err
	}
	if !possible || !found || !genuine {
		return nil, page.ErrUnknown
	}
	switch found, err := p.ReadAround(ctx, &v.Person); {
	case err != nil:
		return nil, err
	case !found || !session.SignsIn(&v.Person) || credentials.Immutable(&v.Credentials):
		return nil, page.ErrUnknown
	}
	// What is written is what was read now.
	if genuine, err = v.verify(keys, &v.Credentials); err == nil && !genuine {
		err = page.ErrUnknown
	}
	return v, err
}

// verify reports whether the link is for the present password in credentials, or the one that set it.
func (v *visit) verify(keys invite.Keyring, secret *corev1.Secret) (genuine bool, err error) {
	v.until, genuine, err = keys.VerifyReset(v.link.Token, invite.PasswordReset{
		Member: v.Member.UID, Email: usherv1.EmailAddress(secret.Data[credentials.KeyEmail]), PasswordHash: credentials.PasswordHash(secret),
	})
	v.used = secret.Annotations[usherv1.PasswordResetUsedAnnotation] == invite.Confirmation(v.link.Token)
	return genuine || v.used, err
}

// refusal returns the notice that keeps the visit from setting a password; nil if nothing does.
func (p *Pages) refusal(v *visit) *page.Notice {
	again := func(n page.Notice) *page.Notice {
		n.ForgotPath = p.options.Path
		return &n
	}
	switch {
	case v.used:
		return again(noticeUsed)
	case !p.Now().Before(v.until):
		return again(noticeExpired)
	}
	return session.Disabled(&v.Person, p.Now())
}
