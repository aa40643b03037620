// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/reconciler"
)

// Verdicts are what became of the access of each account's members. The account controller writes them into the accounts' status:
// with the rest of it, so that a change of an account costs one write.
type Verdicts struct {
	// accounts wakes the account controller.
	accounts *reconciler.Wakeups

	mu    sync.Mutex
	known map[types.NamespacedName]recorded
}

type recorded struct {
	uid        types.UID
	generation int64
	// verdict is nil if the access could not be written.
	verdict *membership.AccessVerdict
}

func newVerdicts(accounts *reconciler.Wakeups) *Verdicts {
	return &Verdicts{accounts: accounts, known: map[types.NamespacedName]recorded{}}
}

// Of returns the verdict on an account's present spec; nil if an error kept the access from being written. It is not known before this
// process has reconciled the access of that spec; the account controller is woken when it has.
func (v *Verdicts) Of(account *usherv1.Account) (verdict *membership.AccessVerdict, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r, found := v.known[client.ObjectKeyFromObject(account)]
	if !found || r.uid != account.UID || r.generation < account.Generation {
		return nil, false
	}
	return r.verdict, true
}

// record keeps a verdict, and wakes the account controller if it is another one than before.
func (v *Verdicts) record(account *usherv1.Account, verdict *membership.AccessVerdict) {
	key := client.ObjectKeyFromObject(account)
	next := recorded{uid: account.UID, generation: account.Generation, verdict: verdict}
	v.mu.Lock()
	last, found := v.known[key]
	v.known[key] = next
	v.mu.Unlock()
	same := found && last.uid == next.uid && last.generation == next.generation && (last.verdict == nil) == (verdict == nil) &&
		(verdict == nil || *last.verdict == *verdict)
	if !same {
		v.accounts.Add(key)
	}
}

func (v *Verdicts) forget(account types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.known, account)
}
