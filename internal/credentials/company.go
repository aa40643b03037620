// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
)

// CompanyType of a Secret with a company's contact.
const CompanyType corev1.SecretType = "usher.dev/company"

// Keys of a Secret with a company's contact. One that would be empty is left out.
const (
	KeyContactEmail   = "contact-email"
	KeyContactPhone   = "contact-phone"
	KeyContactAddress = "contact-address"
)

const companyPrefix = "usher-account-"

// CompanyName is the name of the Secret with what the account's own admins say of their company.
func CompanyName(account string) string {
	return labels.Name(companyPrefix, account)
}

// CompanyOf is the Account that a Secret of that name tells the company of, if it does. CompanyName leads back from it: where
// the Account's own name was shortened, no Account has it.
func CompanyOf(secret string) (account string, found bool) {
	return strings.CutPrefix(secret, companyPrefix)
}

// CompanyKey of the Secret of an account.
func CompanyKey(account *usherv1.Account) types.NamespacedName {
	return types.NamespacedName{Namespace: account.Namespace, Name: CompanyName(account.Name)}
}

// NewCompany returns the Secret of an account, with nothing in it so far. It has no owner, as credentials have none.
func NewCompany(account *usherv1.Account) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: account.Namespace,
			Name:      CompanyName(account.Name),
			Labels:    map[string]string{usherv1.AccountLabel: labels.Value(account.Name)},
		},
		Type: CompanyType,
		Data: map[string][]byte{},
	}
}

// IsCompany reports whether a Secret is the one that Usher made with what the account's own admins say. Any other Secret of its name is
// left alone.
func IsCompany(secret *corev1.Secret, account types.NamespacedName) bool {
	return secret.Type == CompanyType && secret.Namespace == account.Namespace && secret.Name == CompanyName(account.Name) &&
		secret.Labels[usherv1.AccountLabel] == labels.Value(account.Name)
}

// IsCompanyOfNone reports whether a Secret was made with what the admins of some account say, where its account is not there to compare it
// with: the name of that may have been shortened.
func IsCompanyOfNone(secret *corev1.Secret) bool {
	name, ofCompany := CompanyOf(secret.Name)
	label := secret.Labels[usherv1.AccountLabel]
	return ofCompany && secret.Type == CompanyType && (label == labels.Value(name) || labels.Shortened(label))
}

// SetContact has the Secret say how the company is reached.
func SetContact(secret *corev1.Secret, contact usherv1.AccountContact) {
	setData(secret, map[string]string{
		KeyContactEmail: string(contact.Email), KeyContactPhone: string(contact.Phone), KeyContactAddress: contact.Address,
	})
}

// Contact is how the account's company is reached: what its spec says and, field by field, what its own admins say where the
// spec says nothing. A Secret that is not the account's says nothing.
func Contact(account *usherv1.Account, secret *corev1.Secret) usherv1.AccountContact {
	var contact usherv1.AccountContact
	if account.Spec.Contact != nil {
		contact = *account.Spec.Contact
	}
	if !IsCompany(secret, types.NamespacedName{Namespace: account.Namespace, Name: account.Name}) {
		return contact
	}
	said := SaidOfCompany(secret)
	if contact.Email == "" {
		contact.Email = said.Email
	}
	if contact.Phone == "" {
		contact.Phone = said.Phone
	}
	if contact.Address == "" {
		contact.Address = said.Address
	}
	return contact
}

// SaidOfCompany is what the Secret of an account says.
func SaidOfCompany(secret *corev1.Secret) usherv1.AccountContact {
	return usherv1.AccountContact{
		Email:   usherv1.EmailAddress(secret.Data[KeyContactEmail]),
		Phone:   usherv1.Line(secret.Data[KeyContactPhone]),
		Address: string(secret.Data[KeyContactAddress]),
	}
}
