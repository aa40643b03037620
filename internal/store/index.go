// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Indexes of the cache. Selectable fields have the name of their field, so that the API server answers a live list by them too.
const (
	ByAccount      = "spec.accountRef.name"  // Members and SeatPools by the name of their Account; selectable of Members, too
	ByPlan         = "spec.planRef"          // Accounts by the name of their Plan
	ByAddress      = "account/email"         // Members by Account and canonical address: the one in use and the one that is wanted
	ByEmail        = "email"                 // Members by canonical address: the one in use and the one that is wanted
	BySuccessor    = "spec.reassignTo"       // Members that are being deleted, by the name of their successor
	ByUID          = "uid"                   // Members by UID
	ByMemberRef    = "spec.memberRef"        // Invitations by the name of their Member
	BySecretRef    = "mail.secretRef"        // Accounts by the name of their SMTP Secret; "" for the operator's; not those that mail nothing
	ByPasswords    = "access.htpasswdSecret" // Accounts by the name of the Secret with their password file
	ByTemplatesRef = "mail.templatesRef"     // Accounts by the name of the ConfigMap with their templates
)

// Index is one index of the cache.
type Index struct {
	Object client.Object
	Field  string
	Values client.IndexerFunc
	// Unique: nearly every object has another value.
	Unique bool
}

// Indexes returns every index that the reconcilers read.
func Indexes() []Index {
	return []Index{
		{Object: &usherv1.Member{}, Field: ByAccount, Values: func(o client.Object) []string {
			return []string{o.(*usherv1.Member).Spec.AccountRef.Name}
		}},
		{Object: &usherv1.Member{}, Field: ByAddress, Unique: true, Values: func(o client.Object) []string {
			return AddressKeys(o.(*usherv1.Member))
		}},
		{Object: &usherv1.Member{}, Field: ByEmail, Unique: true, Values: func(o client.Object) []string {
			return addressesOf(o.(*usherv1.Member))
		}},
		{Object: &usherv1.Member{}, Field: BySuccessor, Values: func(o client.Object) []string {
			if to := o.(*usherv1.Member).Spec.ReassignTo; to != nil && o.GetDeletionTimestamp() != nil {
				return []string{to.Name}
			}
			return nil
		}},
		{Object: &usherv1.Member{}, Field: ByUID, Unique: true, Values: func(o client.Object) []string { return []string{string(o.GetUID())} }},
		{Object: &usherv1.SeatPool{}, Field: ByAccount, Values: func(o client.Object) []string {
			return []string{o.(*usherv1.SeatPool).Spec.AccountRef.Name}
		}},
		{Object: &usherv1.Invitation{}, Field: ByMemberRef, Unique: true, Values: func(o client.Object) []string {
			return []string{o.(*usherv1.Invitation).Spec.MemberRef.Name}
		}},
		{Object: &usherv1.Account{}, Field: ByPlan, Values: func(o client.Object) []string {
			if ref := o.(*usherv1.Account).Spec.PlanRef; ref != nil {
				return []string{ref.Name}
			}
			return nil
		}},
		{Object: &usherv1.Account{}, Field: BySecretRef, Values: func(o client.Object) []string {
			if o.(*usherv1.Account).DeliversByLink() {
				return nil
			}
			return []string{SecretRef(o.(*usherv1.Account))}
		}},
		{Object: &usherv1.Account{}, Field: ByPasswords, Values: func(o client.Object) []string {
			if name := o.(*usherv1.Account).PasswordFile(); name != "" {
				return []string{name}
			}
			return nil
		}},
		{Object: &usherv1.Account{}, Field: ByTemplatesRef, Values: func(o client.Object) []string {
			if name := TemplatesRef(o.(*usherv1.Account)); name != "" {
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
			return fmt.Errorf("add index %s: %w", i.Field, err)
		}
	}
	return nil
}

// AddressKey is the value of ByAddress for an address in a Member's account.
func AddressKey(m *usherv1.Member, address usherv1.EmailAddress) string {
	return m.Spec.AccountRef.Name + "/" + address.Key()
}

// AddressKeys are the values of ByAddress for a Member.
func AddressKeys(m *usherv1.Member) []string {
	keys := addressesOf(m)
	for i := range keys {
		keys[i] = m.Spec.AccountRef.Name + "/" + keys[i]
	}
	return keys
}

// addressesOf are the canonical addresses that a Member has in use or wants. A cache that has not heard yet that an address was confirmed
// finds its member under it all the same.
func addressesOf(m *usherv1.Member) []string {
	keys := []string{m.EmailInUse().Key()}
	if wanted := m.Spec.Email.Key(); wanted != keys[0] {
		keys = append(keys, wanted)
	}
	return keys
}

// SecretRef is the name of the Secret that an account names for its mails; empty if it names none.
func SecretRef(a *usherv1.Account) string {
	if a.Spec.Mail != nil && a.Spec.Mail.SecretRef != nil {
		return a.Spec.Mail.SecretRef.Name
	}
	return ""
}

// TemplatesRef is the name of the ConfigMap with an account's own wording; empty if it names none.
func TemplatesRef(a *usherv1.Account) string {
	if a.Spec.Mail != nil && a.Spec.Mail.TemplatesRef != nil {
		return a.Spec.Mail.TemplatesRef.Name
	}
	return ""
}
