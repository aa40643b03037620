// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// hashCache holds the hashes of one account's passwords as they were read, by member, so that a member's credentials are read again
// only when they have changed. One worker at a time reconciles an account.
type hashCache map[string]passwordHash

type passwordHash struct {
	uid           types.UID
	version, hash string
	// of is what else the credentials say; nil if there are none.
	of *credentials.Credentials
}

// hashFor returns the hash for a member; empty if the credentials are not its acceptance.
func (h passwordHash) hashFor(member *usherv1.Member, account *usherv1.Account) string {
	if !credentials.AcceptanceOf(h.of, member, account).Counts() {
		return ""
	}
	return h.hash
}

func (r *Reconciler) hashesOf(account *usherv1.Account) hashCache {
	known, _ := r.hashes.LoadOrStore(client.ObjectKeyFromObject(account), hashCache{})
	return known.(hashCache)
}

// settlePasswords keeps the Secret with the account's password file. Like a binding it is written with the resourceVersion that was
// read, and created without any member in it.
func (p *projection) settlePasswords(ctx context.Context) error {
	present, err := p.ensurePasswords(ctx)
	if err != nil || present == nil {
		return err
	}
	return p.settlePasswordFile(ctx, present)
}

// withholdPasswords removes from the account's password files the members who keep no access. Which file the account wants may be what
// cannot be decoded, so none is created or deleted.
func (p *projection) withholdPasswords(ctx context.Context) error {
	account := p.observed.Account
	files, err := store.PasswordFiles(ctx, p.Client, account.Namespace, account.Name)
	if err != nil {
		return err
	}
	for i := range files {
		present := &corev1.Secret{}
		found, err := store.Get(ctx, p.Live, account.Namespace, files[i].Name, present)
		if err != nil {
			return err
		}
		if !found || access.PasswordsOf(present) != account.Name {
			continue
		}
		if err := p.settlePasswordFile(ctx, present); err != nil {
			return err
		}
	}
	return nil
}

// settlePasswordFile brings a password file up to date.
func (p *projection) settlePasswordFile(ctx context.Context, present *corev1.Secret) error {
	hashes, err := p.readHashes(ctx)
	if err != nil {
		return err
	}
	wanted := p.observed.Passwords(present, hashes)
	if !access.HoldsPasswords(present, wanted.Secret) {
		if err := p.confirmPasswords(ctx, wanted, hashes); err != nil {
			return err
		}
		wanted = p.observed.Passwords(present, hashes)
	}
	if p.problems.left = wanted.Left; wanted.Left > 0 {
		p.problems.fullFile.add(present.Name)
	}
	if access.HoldsPasswords(present, wanted.Secret) {
		return nil
	}
	wanted.Secret.ResourceVersion = present.ResourceVersion
	return store.Update(ctx, p.Client, wanted.Secret)
}

// ensurePasswords deletes the account's password files under other names than it wants, and returns the present one, created if it
// does not exist; nil if the account wants none or cannot have one for now.
func (p *projection) ensurePasswords(ctx context.Context) (*corev1.Secret, error) {
	account, err := p.ownerOfPasswords(ctx)
	if err != nil || account == nil {
		return nil, err
	}
	name := account.PasswordFile()
	if name == "" {
		clear(p.known)
	}
	if err := deletePasswordFiles(ctx, p.Base, account.Namespace, account.Name, name); err != nil || name == "" {
		return nil, err
	}
	present := &corev1.Secret{}
	found, err := store.Get(ctx, p.Live, account.Namespace, name, present)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return p.createPasswords(ctx, name)
	case !access.Stripped(present, account) && access.AccountOf(present) != account.Name:
		p.problems.foreignFile.add(name)
		return nil, nil
	case access.Stripped(present, account), ptr.Deref(present.Immutable, false):
		return nil, store.DeleteAsRead(ctx, p.Client, present) // it cannot be repaired; its deletion wakes the controller
	}
	return present, nil
}

// createPasswords creates an empty password file; nil if the account is gone, or being deleted: its deletion removes the file.
func (p *projection) createPasswords(ctx context.Context, name string) (*corev1.Secret, error) {
	account, err := store.Account(ctx, p.Live, p.observed.Account.Namespace, p.observed.Account.Name)
	if err != nil || account == nil {
		return nil, err
	}
	made := p.observed.NewPasswords(name)
	return made, store.Create(ctx, p.Client, made)
}

// ownerOfPasswords returns the account, read live if a password file is about to be created or deleted: an old cache does neither. It is
// nil if the account does not exist any more or is being deleted.
func (p *projection) ownerOfPasswords(ctx context.Context) (*usherv1.Account, error) {
	account := p.observed.Account
	files, err := store.PasswordFiles(ctx, p.Client, account.Namespace, account.Name)
	if err != nil {
		return nil, err
	}
	wanted := account.PasswordFile()
	if len(files) == 0 && wanted == "" || len(files) == 1 && files[0].Name == wanted {
		return account, nil
	}
	live, err := store.Account(ctx, p.Live, account.Namespace, account.Name)
	if err == nil && live != nil {
		p.observed.Account = live
	}
	return live, err
}

// confirmPasswords reads live all members whose lines are about to be added, changed or removed.
func (p *projection) confirmPasswords(ctx context.Context, wanted access.Passwords, hashes map[string]string) error {
	var removed []string
	for _, address := range wanted.Removed {
		removed = append(removed, p.observed.UserPrefix+address)
	}
	if len(removed) > 0 {
		if err := p.confirm(ctx, removed); err != nil {
			return err
		}
	}
	if err := p.refresh(ctx, wanted.Changed); err != nil {
		return err
	}
	for _, member := range wanted.Changed {
		read, err := p.readHash(ctx, member)
		if err != nil {
			return err
		}
		hashes[member] = ""
		if i := slices.IndexFunc(p.observed.Members, func(m usherv1.Member) bool { return m.Name == member }); i >= 0 {
			hashes[member] = read.hashFor(&p.observed.Members[i], p.observed.Account)
		}
	}
	return nil
}

// readHashes returns the hashes of the passwords of the account's members who have access, by member.
func (p *projection) readHashes(ctx context.Context) (map[string]string, error) {
	hashes := map[string]string{}
	for i := range p.observed.Members {
		m := &p.observed.Members[i]
		if keeps, _ := access.Entitled(m); !keeps {
			continue
		}
		meta := store.SecretMetadata()
		found, err := store.Get(ctx, p.Client, m.Namespace, credentials.Name(m.Name), meta)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		is := p.known[m.Name]
		unsigned := is.of != nil && is.of.Signature == credentials.Unsigned // its key may have come back since
		if unsigned || is.uid != meta.UID || is.version != meta.ResourceVersion {
			if p.known[m.Name], err = p.readHash(ctx, m.Name); err != nil {
				return nil, err
			}
		}
		hashes[m.Name] = p.known[m.Name].hashFor(m, p.observed.Account)
	}
	for member := range p.known {
		if _, still := hashes[member]; !still {
			delete(p.known, member)
		}
	}
	return hashes, nil
}

// readHash reads the hash of a member's password live; it is empty if there is none.
func (p *projection) readHash(ctx context.Context, member string) (passwordHash, error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, p.Live, p.observed.Account.Namespace, credentials.Name(member), secret)
	if err != nil || !found {
		return passwordHash{}, err
	}
	return passwordHash{
		uid: secret.UID, version: secret.ResourceVersion,
		hash: string(credentials.PasswordHash(secret)), of: credentials.Read(secret, p.signer),
	}, nil
}

// deletePasswordFiles deletes the account's password files that the cache has, except the one of that name.
func deletePasswordFiles(ctx context.Context, base reconciler.Base, namespace, account, except string) error {
	files, err := store.PasswordFiles(ctx, base.Client, namespace, account)
	if err != nil {
		return err
	}
	for i := range files {
		if files[i].Name == except {
			continue
		}
		if err := store.DeleteAsRead(ctx, base.Client, &files[i]); err != nil {
			return err
		}
	}
	return nil
}
