// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/store"
)

// NoticeAccountDisabled refuses the link of a person whose account is disabled.
var NoticeAccountDisabled = Notice{Name: "account-disabled", Status: http.StatusGone, Tone: ToneBad}

// Person is a member and what belongs to them, read live a moment ago.
type Person struct {
	Member  usherv1.Member
	Account usherv1.Account
	// Contact is how the account's company is reached.
	Contact usherv1.AccountContact
	// Credentials of the member, if there are some.
	Credentials corev1.Secret
	// Acceptance is what the credentials mean for the member.
	Acceptance credentials.Acceptance
}

// ReadAround reads what belongs to the person: the account with the company's contact, and the credentials. It reports
// whether there is an account.
func (s *Site) ReadAround(ctx context.Context, who *Person) (bool, error) {
	if found, err := s.ReadAccount(ctx, who); !found {
		return false, err
	}
	return true, s.ReadOfAccount(ctx, who)
}

// ReadAccount reads the account of the person, and reports whether there is one.
func (s *Site) ReadAccount(ctx context.Context, who *Person) (bool, error) {
	key := types.NamespacedName{Namespace: who.Member.Namespace, Name: who.Member.Spec.AccountRef.Name}
	return s.Read(ctx, key, &who.Account)
}

// ReadOfAccount reads what else belongs to a person whose account was read: the company's contact, and the credentials.
func (s *Site) ReadOfAccount(ctx context.Context, who *Person) error {
	var company corev1.Secret
	if _, err := s.Read(ctx, credentials.CompanyKey(&who.Account), &company); err != nil {
		return err
	}
	who.Contact = credentials.Contact(&who.Account, &company)
	return s.ReadCredentials(ctx, who)
}

// ReadCredentials reads the credentials of the person, and what they mean.
func (s *Site) ReadCredentials(ctx context.Context, who *Person) error {
	secret := &who.Credentials
	*secret = corev1.Secret{}
	key := types.NamespacedName{Namespace: who.Member.Namespace, Name: credentials.Name(who.Member.Name)}
	found, err := s.Read(ctx, key, secret)
	if err != nil {
		return err
	}
	who.Acceptance = credentials.None
	if !found {
		return nil
	}
	signer, err := s.Signer(ctx)
	if err != nil {
		return err
	}
	who.Acceptance = credentials.AcceptanceOf(credentials.Read(secret, signer), &who.Member, &who.Account)
	return nil
}

// Signer returns what signs acceptances and checks them.
func (s *Site) Signer(ctx context.Context) (*credentials.Signer, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return nil, err
	}
	return credentials.SignerOf(keys)
}

// Read reports whether the object exists and is not being deleted.
func (s *Site) Read(ctx context.Context, key types.NamespacedName, object client.Object) (bool, error) {
	found, err := store.Get(ctx, s.Client, key.Namespace, key.Name, object)
	return found && object.GetDeletionTimestamp() == nil, err
}
