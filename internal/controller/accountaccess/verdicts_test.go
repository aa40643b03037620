// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/reconciler"
)

func account(uid string, generation int64) *usherv1.Account {
	return &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "acme", UID: types.UID(uid), Generation: generation}}
}

func TestVerdictIsOfOneSpec(t *testing.T) {
	good := &membership.AccessVerdict{}
	v := newVerdicts(reconciler.NewWakeups())
	if _, known := v.Of(account("1", 1)); known {
		t.Error("a verdict is known before the access was reconciled")
	}
	v.record(account("1", 2), good)
	for _, test := range []struct {
		name  string
		of    *usherv1.Account
		known bool
	}{
		{"the spec that was reconciled", account("1", 2), true},
		{"an older copy of the account", account("1", 1), true},
		{"a newer spec", account("1", 3), false},
		{"an account of the same name that was created anew", account("2", 1), false},
	} {
		if _, known := v.Of(test.of); known != test.known {
			t.Errorf("%s: known is %t, want %t", test.name, known, test.known)
		}
	}
	v.forget(types.NamespacedName{Namespace: "a", Name: "acme"})
	if _, known := v.Of(account("1", 2)); known {
		t.Error("a verdict is known after it was forgotten")
	}
}

func TestVerdictWakesTheAccountOnlyIfItIsNew(t *testing.T) {
	w := reconciler.NewWakeups()
	v := newVerdicts(w)
	failed := &membership.AccessVerdict{Reason: usherv1.ReasonAccessPending, Message: "may not"}
	for _, step := range []struct {
		name    string
		of      *usherv1.Account
		verdict *membership.AccessVerdict
		wakes   bool
	}{
		{"the first verdict", account("1", 1), &membership.AccessVerdict{}, true},
		{"the same again", account("1", 1), &membership.AccessVerdict{}, false},
		{"another", account("1", 1), failed, true},
		{"an error", account("1", 1), nil, true},
		{"an error again", account("1", 1), nil, false},
		{"an error about a newer spec", account("1", 2), nil, true},
		{"the error is over", account("1", 2), failed, true},
		{"an account that was created anew", account("2", 2), failed, true},
	} {
		v.record(step.of, step.verdict)
		if got := len(w.Drain()) > 0; got != step.wakes {
			t.Errorf("%s: wakes the account controller: %t, want %t", step.name, got, step.wakes)
		}
	}
}
