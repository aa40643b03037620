// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/message"
)

// passwordMutations break what is promised of links that set passwords.
var passwordMutations = []mutation{
	{
		name:    "a link that sets a password works more than once",
		options: Options{WrapPortal: firstPasswordCounts},
		caught:  []string{"dead-reset-link"},
	},
	{
		name:    "a link that sets a password works for ten hours",
		options: Options{Wrap: credentialsAs(expiresLate)},
		caught:  []string{"reset-link-ends"},
	},
	{
		name:    "a link that sets a password is mailed without the claim",
		options: Options{Wrap: passwordWithoutClaim},
		caught:  []string{"password-mailed-once"},
	},
	{
		name:    "a link that sets a password is mailed to the address that is wanted",
		options: Options{WrapSender: passwordToWanted},
		caught:  []string{"password-mail-to-member"},
	},
	{
		name:    "a link is mailed at once, however often it is requested",
		options: Options{WrapPortal: credentialsAs(requestForgotten), Wrap: credentialsAs(mailForgotten)},
		caught:  []string{"links-keep-a-pace"},
	},
	{
		name:    "a disabled account mails links that set passwords",
		options: Options{Wrap: enabled},
		caught:  []string{"password-mail-wanted"},
	},
	{
		name:    "a session outlives another password",
		options: Options{WrapPortal: sessionsOfFirstPassword},
		caught:  []string{"session-ends"},
	},
	{
		name:    "a password is reported as set and is not",
		options: Options{WrapPortal: resetUnwritten},
		caught:  []string{"reset-is-stored"},
	},
}

// credentialsAs changes every Secret with a member's credentials that is read, and its metadata.
func credentialsAs(change func(client.Object)) func(ClientSite, client.Client) client.Client {
	return func(_ ClientSite, c client.Client) client.Client {
		return rewritten(c, func(o client.Object) {
			if _, ofMember := credentials.MemberOf(o.GetName()); ofMember && kindOf(o) == secrets {
				change(o)
			}
		})
	}
}

// expiresLate has a mail that was asked for be recorded already, with a link that works for long.
func expiresLate(o client.Object) {
	secret, isWhole := o.(*corev1.Secret)
	asked := credentials.PasswordMailAsked(o, credentials.ResetLink)
	if !isWhole || asked.IsZero() {
		return
	}
	mails := credentials.PasswordMailsOf(secret)
	if mail := mails[credentials.ResetLink]; mail.Attempts == 0 || !mail.For.Time.Equal(asked) {
		mails[credentials.ResetLink] = credentials.PasswordMail{
			For: metav1.Time{Time: asked}, ExpiresAt: &metav1.Time{Time: asked.Add(10 * time.Hour)}, State: usherv1.EndNoticePending,
		}
		credentials.SetPasswordMails(secret, mails)
	}
}

// requestForgotten and mailForgotten have no one know when a link was requested, or mailed, the last time.
func requestForgotten(o client.Object) {
	annotations := o.GetAnnotations()
	delete(annotations, usherv1.PasswordResetRequestedAnnotation)
	o.SetAnnotations(annotations)
}

func mailForgotten(o client.Object) {
	secret, isWhole := o.(*corev1.Secret)
	mails := credentials.PasswordMailsOf(o)
	if mail := mails[credentials.ResetLink]; isWhole && mail.State == usherv1.EndNoticeSent {
		mail.SentAt = nil
		mails[credentials.ResetLink] = mail
		credentials.SetPasswordMails(secret, mails)
	}
}

// passwordWithoutClaim writes no claim of a mail about a password.
func passwordWithoutClaim(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, update: func(o client.Object, next func() error) error {
		for _, mail := range credentials.PasswordMailsOf(o) {
			if mail.State == usherv1.EndNoticeSending {
				return nil
			}
		}
		return next()
	}}
}

// firstPassword has a portal see the first password that each member had, and not that a link was used.
type firstPassword struct{ first, present map[types.UID][]byte }

func (f firstPassword) see(secret *corev1.Secret) {
	hash := secret.Data[credentials.KeyPasswordHash]
	if f.present[secret.UID] = hash; f.first[secret.UID] == nil {
		f.first[secret.UID] = hash
	}
	secret.Data[credentials.KeyPasswordHash] = f.first[secret.UID]
	delete(secret.Annotations, usherv1.PasswordResetUsedAnnotation)
}

// write keeps the present password where the portal has set no other.
func (f firstPassword) write(secret *corev1.Secret) {
	if string(secret.Data[credentials.KeyPasswordHash]) == string(f.first[secret.UID]) {
		secret.Data[credentials.KeyPasswordHash] = f.present[secret.UID]
	}
}

func firstPasswordCounts(_ ClientSite, c client.Client) client.Client {
	f := firstPassword{map[types.UID][]byte{}, map[types.UID][]byte{}}
	isCredentials := func(o client.Object) (*corev1.Secret, bool) {
		secret, is := o.(*corev1.Secret)
		return secret, is && secret.Type == credentials.Type
	}
	return &tampered{
		Client: c,
		get: func(_ client.ObjectKey, o client.Object, next func() error) error {
			err := next()
			if secret, is := isCredentials(o); is && err == nil {
				f.see(secret)
			}
			return err
		},
		update: func(o client.Object, next func() error) error {
			if secret, is := isCredentials(o); is {
				f.write(secret)
			}
			return next()
		},
	}
}

// sessionsOfFirstPassword is a portal for which no password ends a session: it does not see that there is another one, nor that sessions
// were ended.
func sessionsOfFirstPassword(at ClientSite, c client.Client) client.Client {
	return rewritten(firstPasswordCounts(at, c), func(o client.Object) {
		if secret, is := o.(*corev1.Secret); is && secret.Type == credentials.Type {
			delete(secret.Data, credentials.KeySessionGeneration)
		}
	})
}

// resetUnwritten does not write a password that a link sets.
func resetUnwritten(_ ClientSite, c client.Client) client.Client {
	return &tampered{Client: c, update: func(o client.Object, next func() error) error {
		if o.GetAnnotations()[usherv1.PasswordResetUsedAnnotation] != "" {
			return nil
		}
		return next()
	}}
}

// passwordToWanted is a channel that sends mails about passwords to the address in the member's spec.
func passwordToWanted(at ClientSite, c channel.Channel) channel.Channel {
	return passwordsThrough{c, func(m message.Password) message.Password {
		var all usherv1.MemberList
		if at.Cached.List(context.Background(), &all) == nil {
			for i := range all.Items {
				if string(all.Items[i].EmailInUse()) == m.To {
					m.To = string(all.Items[i].Spec.Email)
				}
			}
		}
		return m
	}}
}

// passwordsThrough is a channel that changes mails about passwords before they are sent.
type passwordsThrough struct {
	channel.Channel
	change func(message.Password) message.Password
}

func (c passwordsThrough) Send(ctx context.Context, to channel.Endpoint, m message.Message) error {
	if mail, ok := m.(message.Password); ok {
		m = c.change(mail)
	}
	return c.Channel.Send(ctx, to, m)
}
