// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// manyAnswers is at how many answers all are forgotten.
const manyAnswers = 1024

// RecentAccounts reads Accounts from the API server, and gives the same answer again for a moment: the mails of a roll-out all ask for the
// same account. It is for decisions that are followed by something slower than that moment, such as a mail. It is safe for concurrent use.
type RecentAccounts struct {
	// Live reads from the API server.
	Live client.Reader
	// For is how long an answer is given again; 0 for never.
	For time.Duration

	mu      sync.Mutex
	answers map[types.NamespacedName]*recentAccount
}

// recentAccount is what one read answered.
type recentAccount struct {
	mu      sync.Mutex
	at      time.Time
	account *usherv1.Account
}

// Get is [Account], by a read that is at most For old. The Account is the caller's own. An answer of another version than cache has is not
// given again: the caller may have been woken by the event of the difference, and no other would come.
func (r *RecentAccounts) Get(ctx context.Context, cache client.Reader, namespace, name string) (*usherv1.Account, error) {
	if r.For == 0 {
		return Account(ctx, r.Live, namespace, name)
	}
	known, err := AnyAccount(ctx, cache, namespace, name)
	if err != nil {
		return nil, err
	}
	answer := r.answerTo(types.NamespacedName{Namespace: namespace, Name: name})
	answer.mu.Lock() // others that ask meanwhile get the same answer
	defer answer.mu.Unlock()
	begun := time.Now()
	if known == nil || answer.account == nil || answer.account.ResourceVersion != known.ResourceVersion || begun.Sub(answer.at) >= r.For {
		account, err := Account(ctx, r.Live, namespace, name)
		if err != nil {
			return nil, err
		}
		answer.at, answer.account = begun, account
	}
	return answer.account.DeepCopy(), nil
}

func (r *RecentAccounts) answerTo(key types.NamespacedName) *recentAccount {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) >= manyAnswers {
		clear(r.answers) // who holds one of them goes on with it
	}
	answer := r.answers[key]
	if answer == nil {
		answer = &recentAccount{}
		if r.answers == nil {
			r.answers = map[types.NamespacedName]*recentAccount{}
		}
		r.answers[key] = answer
	}
	return answer
}
