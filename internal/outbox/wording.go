// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/store"
)

// Wording has the templates of an account's mails.
type Wording struct {
	message.Wording
	// Mistakes are the errors in the ConfigMap.
	Mistakes []message.Mistake
	// Missing: the ConfigMap does not exist.
	Missing bool
}

// WordingOf reads the templates of an account's mails; nil if the account has none. It reads the ConfigMap live, and its contents are
// never cached.
func WordingOf(ctx context.Context, live client.Reader, account *usherv1.Account) (*Wording, error) {
	name := store.TemplatesRef(account)
	if name == "" {
		return nil, nil
	}
	source := &corev1.ConfigMap{}
	found, err := store.Get(ctx, live, account.Namespace, name, source)
	if err != nil {
		return nil, err
	}
	w := &Wording{Missing: !found}
	w.Wording, w.Mistakes = message.ParseWording(source.Data)
	return w, nil
}
