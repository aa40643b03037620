// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
)

// passwords remembers the hashes that were read for the accounts that have a password file, so that a member's credentials are read
// again only when they have changed: by account, then by member.
type passwords struct{ sync.Map }

type password struct {
	uid           types.UID
	version, hash string
	// of is what else the credentials say; nil if there are none.
	of *credentials.Credentials
}

// hashFor is the password's hash for a member; empty if the credentials are not its acceptance.
func (p password) hashFor(member *usherv1.Member, account *usherv1.Account) string {
	if !credentials.AcceptanceOf(p.of, member, account).Counts() {
		return ""
	}
	return p.hash
}

// settlePasswords keeps the Secret with the account's password file. It is written as bindings are: with the resourceVersion that was
// read, and made without anybody in it.
func (p *projection) settlePasswords(ctx context.Context) error {
	present, err := p.ensurePasswords(ctx)
	if err != nil || present == nil {
		return err
	}
	hashes, err := p.hashes(ctx)
	if err != nil {
		return err
	}
	wanted := p.observed.Passwords(present, hashes)
	if !access.HoldsPasswords(present, wanted.Secret) {
		if err := p.doubtPasswords(ctx, wanted, hashes); err != nil {
			return err
		}
		wanted = p.observed.Passwords(present, hashes)
	}
	if p.left = wanted.Left; p.left > 0 {
		p.fullFile.add(present.Name)
	}
	if access.HoldsPasswords(present, wanted.Secret) {
		return nil
	}
	wanted.Secret.ResourceVersion = present.ResourceVersion
	return p.Client.Update(ctx, wanted.Secret)
}

// ensurePasswords deletes the account's password files under other names than it wants, and returns the present one, made if need be;
// nil where there is to be none, or cannot be one for now.
func (p *projection) ensurePasswords(ctx context.Context) (*corev1.Secret, error) {
	account := p.observed.Account
	files, err := passwordFilesOf(ctx, p.Client, account.Namespace, account.Name)
	if err != nil {
		return nil, err
	}
	if len(files) > 1 || len(files) == 1 && files[0].Name != account.PasswordFile() || len(files) == 0 && account.PasswordFile() != "" {
		// An old cache of the account neither makes a file nor deletes one.
		if account, err = getAccount(ctx, p.Live, account.Namespace, account.Name); err != nil || account == nil {
			return nil, err
		}
		p.observed.Account = account
	}
	name := account.PasswordFile()
	if err := p.dropPasswords(ctx, account.Namespace, account.Name, name); err != nil || name == "" {
		return nil, err
	}
	present := &corev1.Secret{}
	found, err := get(ctx, p.Live, account.Namespace, name, present)
	switch {
	case err != nil:
		return nil, err
	case !found:
		present = p.observed.NewPasswords(name)
		return present, p.Client.Create(ctx, present)
	case access.Stripped(present, account), present.Immutable != nil && *present.Immutable:
		return nil, p.discard(ctx, present) // it cannot be put right; that it is gone brings us back
	case access.AccountOf(present) != account.Name:
		p.foreignFile.add(name)
		return nil, nil
	}
	return present, nil
}

// doubtPasswords reads live all on whose word lines are about to come, change or go.
func (p *projection) doubtPasswords(ctx context.Context, wanted access.Passwords, hashes map[string]string) error {
	var removed []string
	for _, address := range wanted.Removed {
		removed = append(removed, p.UserPrefix+address)
	}
	if len(removed) > 0 {
		if err := p.doubt(ctx, removed); err != nil {
			return err
		}
	}
	if err := p.refresh(ctx, wanted.Changed); err != nil {
		return err
	}
	for _, member := range wanted.Changed {
		known, err := p.readHash(ctx, member)
		if err != nil {
			return err
		}
		hashes[member] = ""
		if i := slices.IndexFunc(p.observed.Members, func(m usherv1.Member) bool { return m.Name == member }); i >= 0 {
			hashes[member] = known.hashFor(&p.observed.Members[i], p.observed.Account)
		}
	}
	return nil
}

// hashes are those of the passwords of the account's members who have access, by member.
func (p *projection) hashes(ctx context.Context) (map[string]string, error) {
	key := client.ObjectKeyFromObject(p.observed.Account)
	remembered, _ := p.passwords.LoadOrStore(key, map[string]password{})
	known := remembered.(map[string]password) // one worker at a time looks at an account
	hashes := map[string]string{}
	for i := range p.observed.Members {
		m := &p.observed.Members[i]
		if keeps, _ := access.Entitled(m); !keeps {
			continue
		}
		meta := secretMetadata()
		found, err := get(ctx, p.Client, m.Namespace, credentials.Name(m.Name), meta)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if is := known[m.Name]; is.uid != meta.UID || is.version != meta.ResourceVersion {
			if known[m.Name], err = p.readHash(ctx, m.Name); err != nil {
				return nil, err
			}
		}
		hashes[m.Name] = known[m.Name].hashFor(m, p.observed.Account)
	}
	for member := range known {
		if _, still := hashes[member]; !still {
			delete(known, member)
		}
	}
	return hashes, nil
}

// readHash reads the hash of a member's password live; it is empty if there is none.
func (p *projection) readHash(ctx context.Context, member string) (password, error) {
	secret := &corev1.Secret{}
	found, err := get(ctx, p.Live, p.observed.Account.Namespace, credentials.Name(member), secret)
	if !found {
		return password{}, err
	}
	return password{
		uid: secret.UID, version: secret.ResourceVersion,
		hash: string(secret.Data[credentials.KeyPasswordHash]), of: credentials.Read(secret),
	}, nil
}

// dropPasswords deletes the account's password files, as the cache knows them, but the one of that name.
func (r *AccountReconciler) dropPasswords(ctx context.Context, namespace, account, but string) error {
	if but == "" {
		r.passwords.Delete(types.NamespacedName{Namespace: namespace, Name: account})
	}
	files, err := passwordFilesOf(ctx, r.Client, namespace, account)
	if err != nil {
		return err
	}
	for i := range files {
		if files[i].Name == but {
			continue
		}
		if err := r.discard(ctx, &files[i]); err != nil {
			return err
		}
	}
	return nil
}

// passwordFilesOf is the metadata of the Secrets with a password file that Usher made for an account.
func passwordFilesOf(ctx context.Context, reader client.Reader, namespace, account string) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels(access.PasswordsLabels(account))); err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(list.Items, func(s metav1.PartialObjectMetadata) bool { return access.PasswordsOf(&s) != account })
	for i := range files {
		files[i].SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	}
	return files, nil
}

// accountsOfPasswords are those whose password file a Secret is, has the name of, or has a line for.
func (w Watches) accountsOfPasswords(ctx context.Context, before, after client.Object) []types.NamespacedName {
	secret := either(before, after)
	var keys []types.NamespacedName
	if name, ofMember := credentials.MemberOf(secret.GetName()); ofMember {
		member, account := &usherv1.Member{}, &usherv1.Account{}
		found, err := get(ctx, w.Reader, secret.GetNamespace(), name, member)
		if found {
			found, err = get(ctx, w.Reader, secret.GetNamespace(), member.Spec.AccountRef.Name, account)
		}
		if err != nil {
			log.FromContext(ctx).Error(err, "a change was not passed on", "secret", secret.GetName())
		}
		if found && account.PasswordFile() != "" {
			keys = append(keys, client.ObjectKeyFromObject(account))
		}
		return keys
	}
	for _, o := range []client.Object{before, after} {
		if o != nil && access.PasswordsOf(o) != "" {
			keys = append(keys, types.NamespacedName{Namespace: o.GetNamespace(), Name: access.PasswordsOf(o)})
		}
	}
	var list usherv1.AccountList
	if err := w.Reader.List(ctx, &list, listed(secret.GetNamespace(), client.MatchingFields{indexPasswords: secret.GetName()})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "secret", secret.GetName())
	}
	for i := range list.Items {
		keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
	}
	return keys
}
