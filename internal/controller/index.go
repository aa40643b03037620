// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Indexes of the cache.
const (
	indexAccount      = "spec.accountRef.name"  // Members and SeatPools by the name of their Account; selectable of Members, too
	indexPlan         = "spec.planRef"          // Accounts by the name of their Plan
	indexAddress      = "account/email"         // Members by Account and lower-case address
	indexEmail        = "email"                 // Members by lower-case address
	indexHeir         = "spec.reassignTo"       // Members that are being deleted, by the name of who is to have what they own
	indexUID          = "uid"                   // Members by UID
	indexMemberRef    = "spec.memberRef"        // Invitations by the name of their Member
	indexSecretRef    = "mail.secretRef"        // Accounts by the name of their SMTP Secret; "" for the operator's; not those that mail nothing
	indexPasswords    = "access.htpasswdSecret" // Accounts by the name of the Secret with their password file
	indexTemplatesRef = "mail.templatesRef"     // Accounts by the name of the ConfigMap with their templates
)

// Index is one index of the cache.
type Index struct {
	Object client.Object
	Field  string
	Values client.IndexerFunc
}

// Indexes returns every index that the reconcilers read.
func Indexes() []Index {
	return []Index{
		{&usherv1.Member{}, indexAccount, func(o client.Object) []string {
			return []string{o.(*usherv1.Member).Spec.AccountRef.Name}
		}},
		{&usherv1.Member{}, indexAddress, func(o client.Object) []string { return []string{addressKey(o.(*usherv1.Member))} }},
		{&usherv1.Member{}, indexEmail, func(o client.Object) []string {
			return []string{o.(*usherv1.Member).Spec.Email.Key()}
		}},
		{&usherv1.Member{}, indexHeir, func(o client.Object) []string {
			if to := o.(*usherv1.Member).Spec.ReassignTo; to != nil && o.GetDeletionTimestamp() != nil {
				return []string{to.Name}
			}
			return nil
		}},
		{&usherv1.Member{}, indexUID, func(o client.Object) []string { return []string{string(o.GetUID())} }},
		{&usherv1.SeatPool{}, indexAccount, func(o client.Object) []string {
			return []string{o.(*usherv1.SeatPool).Spec.AccountRef.Name}
		}},
		{&usherv1.Invitation{}, indexMemberRef, func(o client.Object) []string {
			return []string{o.(*usherv1.Invitation).Spec.MemberRef.Name}
		}},
		{&usherv1.Account{}, indexPlan, func(o client.Object) []string {
			if ref := o.(*usherv1.Account).Spec.PlanRef; ref != nil {
				return []string{ref.Name}
			}
			return nil
		}},
		{&usherv1.Account{}, indexSecretRef, func(o client.Object) []string {
			if o.(*usherv1.Account).HandsOut() {
				return nil
			}
			return []string{secretRef(o.(*usherv1.Account))}
		}},
		{&usherv1.Account{}, indexPasswords, func(o client.Object) []string {
			if name := o.(*usherv1.Account).PasswordFile(); name != "" {
				return []string{name}
			}
			return nil
		}},
		{&usherv1.Account{}, indexTemplatesRef, func(o client.Object) []string {
			if name := templatesRef(o.(*usherv1.Account)); name != "" {
				return []string{name}
			}
			return nil
		}},
	}
}

// SetupIndexes adds the indexes to the cache.
func SetupIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range Indexes() {
		if err := indexer.IndexField(ctx, i.Object, i.Field, i.Values); err != nil {
			return err
		}
	}
	return nil
}

func addressKey(m *usherv1.Member) string {
	return m.Spec.AccountRef.Name + "/" + m.Spec.Email.Key()
}

func secretRef(a *usherv1.Account) string {
	if a.Spec.Mail != nil && a.Spec.Mail.SecretRef != nil {
		return a.Spec.Mail.SecretRef.Name
	}
	return ""
}

// listed are the list options for objects that are read and never changed: they are not copied out of the cache.
func listed(namespace string, by client.MatchingFields) []client.ListOption {
	options := []client.ListOption{client.InNamespace(namespace), client.UnsafeDisableDeepCopy}
	if by != nil {
		options = append(options, by)
	}
	return options
}
