// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
)

// Keys of the token Secret: 32 random bytes each. `previous` exists after a rotation, so that links that were sent keep working, and
// what was signed with it stays signed. Further ones, such as that of a cluster whose members were moved here, are `previous-<name>`.
const (
	tokenKeyCurrent  = "current"
	tokenKeyPrevious = "previous"
)

// maxPrevious is how many previous keys there may be: each costs a little time wherever a link is checked.
const maxPrevious = 16

const (
	// keysAge is how long the keys are used before they are read again.
	keysAge = 30 * time.Second
	// freshAge is how old keys may be that say that a signature is not valid: another replica may have signed with a key that is new.
	freshAge = time.Second
)

// KeyStore reads the keys that links are made with from their Secret, and creates it at the first start.
type KeyStore struct {
	Reader client.Reader
	// Writer creates the Secret if it does not exist. Nil: this process may not, and waits until another one has.
	Writer client.Writer
	Secret types.NamespacedName
	Now    func() time.Time

	mu     sync.Mutex
	keys   invite.Keyring
	readAt time.Time
	// known: keys were read before, also if they are to be read again.
	known bool
	// changed are called when other keys are read than before.
	changed []func(context.Context)
}

// OnChange has f called whenever the keys turn out to be others than before: what was signed or sent may count no more, or count again.
// It has to be called before the first Get.
func (k *KeyStore) OnChange(f func(context.Context)) { k.changed = append(k.changed, f) }

// Poll reads the keys again and again until ctx is done, where no watch says that their Secret has changed.
func (k *KeyStore) Poll(ctx context.Context, every time.Duration) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		if _, err := k.noOlderThan(ctx, every/2); err != nil {
			log.FromContext(ctx).Error(err, "cannot read the token keys")
		}
	}
}

// Get returns the keys as they were at most 30 seconds ago.
func (k *KeyStore) Get(ctx context.Context) (invite.Keyring, error) {
	return k.noOlderThan(ctx, keysAge)
}

func (k *KeyStore) noOlderThan(ctx context.Context, most time.Duration) (invite.Keyring, error) {
	keys, changed, err := k.read(ctx, most)
	if changed {
		for _, f := range k.changed {
			f(ctx)
		}
	}
	return keys, err
}

// read returns the keys, and whether they are others than they were before.
func (k *KeyStore) read(ctx context.Context, most time.Duration) (keys invite.Keyring, changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if age := k.Now().Sub(k.readAt); !k.readAt.IsZero() && age >= 0 && age < most {
		return k.keys, false, nil
	}
	secret, err := k.ensure(ctx)
	if err != nil {
		return invite.Keyring{}, false, err
	}
	if keys, err = keyringOf(secret.Data); err != nil {
		return invite.Keyring{}, false, fmt.Errorf("the token Secret %s: %w; restore it from a backup: without its keys, the "+
			"links that were sent and the acceptances that were signed count no more", k.Secret, err)
	}
	changed = k.known && !keys.Equal(k.keys)
	k.keys, k.readAt, k.known = keys, k.Now(), true
	return keys, changed, nil
}

// Signer returns what signs acceptances, with the keys that Get returns.
func (k *KeyStore) Signer(ctx context.Context) (*credentials.Signer, error) {
	return k.signer(ctx, keysAge)
}

// SignerFor returns a Signer that can say of a Secret whether it is signed: its keys are fresh if by those of Get it is not.
func (k *KeyStore) SignerFor(ctx context.Context, secret *corev1.Secret) (*credentials.Signer, error) {
	signer, err := k.Signer(ctx)
	if err == nil && signer.Check(secret) == credentials.Unsigned {
		return k.signer(ctx, freshAge)
	}
	return signer, err
}

func (k *KeyStore) signer(ctx context.Context, most time.Duration) (*credentials.Signer, error) {
	keys, err := k.noOlderThan(ctx, most)
	if err != nil {
		return nil, err
	}
	signer, err := credentials.SignerOf(keys)
	if err != nil {
		return nil, fmt.Errorf("the token Secret %s: %w", k.Secret, err)
	}
	return signer, nil
}

// keyringOf returns the keys of a token Secret.
func keyringOf(data map[string][]byte) (invite.Keyring, error) {
	var previous [][]byte
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if name != tokenKeyPrevious && !strings.HasPrefix(name, tokenKeyPrevious+"-") {
			continue
		}
		if previous = append(previous, data[name]); len(previous) > maxPrevious {
			return invite.Keyring{}, fmt.Errorf("there are more than %d previous keys", maxPrevious)
		}
		if len(data[name]) != invite.KeyLength {
			return invite.Keyring{}, fmt.Errorf("key %s is not %d bytes long", name, invite.KeyLength)
		}
	}
	keys, err := invite.NewKeyring(data[tokenKeyCurrent], previous...)
	if err != nil {
		return keys, fmt.Errorf("key %s: %w", tokenKeyCurrent, err)
	}
	return keys, nil
}

// Forget has the keys read again the next time that they are needed.
func (k *KeyStore) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readAt = time.Time{}
}

// ensure reads the Secret, and creates it if it does not exist. Of two replicas that start at once one creates it.
func (k *KeyStore) ensure(ctx context.Context) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if found, err := Get(ctx, k.Reader, k.Secret.Namespace, k.Secret.Name, secret); err != nil || found {
		return secret, err
	}
	if k.Writer == nil {
		return nil, fmt.Errorf("the token Secret %s does not exist yet; the manager with the controllers creates it when it starts", k.Secret)
	}
	key := make([]byte, invite.KeyLength)
	rand.Read(key) // never fails: the program ends instead
	secret = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.Secret.Namespace, Name: k.Secret.Name},
		Data:       map[string][]byte{tokenKeyCurrent: key},
	}
	err := Create(ctx, k.Writer, secret)
	if apierrors.IsAlreadyExists(err) {
		_, err = Get(ctx, k.Reader, k.Secret.Namespace, k.Secret.Name, secret)
	}
	return secret, err
}
