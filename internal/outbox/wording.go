// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"container/list"
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// maxRemembered is how many bytes of templates are remembered in their parsed form.
	maxRemembered = 16 << 20
	// leastRemembered is what a ConfigMap counts for at least.
	leastRemembered = 1 << 10
)

// Wording has the templates of an account's mails.
type Wording struct {
	message.Wording
	// Mistakes are the errors in the ConfigMap.
	Mistakes []message.Mistake
	// Missing: the ConfigMap does not exist.
	Missing bool
	// Withheld: the account has no mail server of its own, and may not word the mails of the platform's.
	Withheld bool
}

// Wording reads the templates of an account's mails; nil if the account has none. Which version of the ConfigMap applies is read live,
// its contents once for each version: many accounts, and all of their mails, may have one ConfigMap. One that may not be used is not read.
func (o *Outbox) Wording(ctx context.Context, account *usherv1.Account) (*Wording, error) {
	name := store.TemplatesRef(account)
	if name == "" {
		return nil, nil
	}
	if store.SecretRef(account) == "" && !o.TenantWording {
		return &Wording{Withheld: true}, nil
	}
	meta := store.ConfigMapMetadata()
	found, err := store.Get(ctx, o.Live, account.Namespace, name, meta)
	if err != nil {
		return nil, err
	}
	if found {
		if known := o.wordings.known(meta); known != nil {
			return known.parse(), nil
		}
	}
	source := &corev1.ConfigMap{}
	if found {
		found, err = store.Get(ctx, o.Live, account.Namespace, name, source)
	}
	if err != nil || !found {
		return &Wording{Missing: true}, err
	}
	return o.wordings.remember(source).parse(), nil
}

// wordings remembers what ConfigMaps say, by their UID, until they have another resourceVersion, or others were used later and there
// is no room. The zero value remembers nothing yet.
type wordings struct {
	mu    sync.Mutex
	byUID map[types.UID]*list.Element
	// used has the *remembered, the one that was used last in front. size is that of all of them.
	used list.List
	size int
}

// remembered is what one version of a ConfigMap says.
type remembered struct {
	uid     types.UID
	version string
	size    int

	once sync.Once
	// data are those of the ConfigMap until they are parsed.
	data map[string]string
	says Wording
}

// parse returns what the ConfigMap says. The first call parses it, and every other one waits for that.
func (r *remembered) parse() *Wording {
	r.once.Do(func() {
		r.says.Wording, r.says.Mistakes = message.ParseWording(r.data)
		r.data = nil
	})
	return &r.says
}

// known returns what is remembered of a version of a ConfigMap; nil if nothing is.
func (w *wordings) known(meta metav1.Object) *remembered {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.find(meta)
}

func (w *wordings) find(meta metav1.Object) *remembered {
	at := w.byUID[meta.GetUID()]
	if at == nil || at.Value.(*remembered).version != meta.GetResourceVersion() {
		return nil
	}
	w.used.MoveToFront(at)
	return at.Value.(*remembered)
}

// remember returns the place for what a ConfigMap says.
func (w *wordings) remember(source *corev1.ConfigMap) *remembered {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.find(source); r != nil {
		return r
	}
	if w.byUID == nil {
		w.byUID = map[types.UID]*list.Element{}
	}
	if old := w.byUID[source.UID]; old != nil {
		w.forget(old)
	}
	r := &remembered{
		uid: source.UID, version: source.ResourceVersion, data: source.Data, size: max(leastRemembered, message.Size(source.Data)),
	}
	w.byUID[r.uid] = w.used.PushFront(r)
	for w.size += r.size; w.size > maxRemembered && w.used.Len() > 1; {
		w.forget(w.used.Back())
	}
	return r
}

func (w *wordings) forget(at *list.Element) {
	r := at.Value.(*remembered)
	w.used.Remove(at)
	delete(w.byUID, r.uid)
	w.size -= r.size
}
