// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// tenant is an account in a namespace, with a SeatPool of as many seats as its members need.
type tenant struct{ namespace, account string }

func (t tenant) pool() string { return t.account + "-base" }

// key is the name of one of the tenant's objects.
func (t tenant) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: t.namespace, Name: name}
}

// member starts a Member of the tenant. Several accounts of a namespace may have members of the same name.
func (t tenant) member(name string) *testkit.MemberBuilder {
	return testkit.Member(t.account + "-" + name).In(t.namespace).Account(t.account).Email(t.address(name))
}

func (t tenant) memberKey(name string) types.NamespacedName {
	return client.ObjectKeyFromObject(t.member(name).Build())
}

func (t tenant) address(name string) string { return name + "@" + t.account + ".example" }

// establish creates the tenant in an existing namespace. An empty plan is none.
func (s *stage) establish(ctx context.Context, t tenant, seats int, plan string) error {
	account := testkit.Account(t.account).In(t.namespace)
	if plan != "" {
		account.Plan(plan)
	}
	for _, object := range []client.Object{
		account.Build(), testkit.SeatPool(t.pool()).In(t.namespace).Account(t.account).Seats(int32(seats)).Build(),
	} {
		if err := s.api.Create(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until the tenants' mail servers have been tested and their pools have been reconciled.
func (s *stage) ready(ctx context.Context, tenants []tenant) error {
	done := 0
	return reach(ctx, "accounts that are ready", len(tenants), func() (int, error) {
		for ; done < len(tenants); done++ {
			t := tenants[done]
			var account usherv1.Account
			var pool usherv1.SeatPool
			for name, object := range map[string]client.Object{t.account: &account, t.pool(): &pool} {
				if err := s.api.Get(ctx, t.key(name), object); err != nil {
					return done, err
				}
			}
			if !meta.IsStatusConditionTrue(account.Status.Conditions, usherv1.ConditionMailReady) ||
				!meta.IsStatusConditionTrue(pool.Status.Conditions, usherv1.ConditionReady) {
				return done, nil
			}
		}
		return done, nil
	})
}

// population is the members of a roll-out.
type population struct {
	tenants []tenant
	members []*usherv1.Member
}

// populate creates namespaces and accounts for n members, and no member yet.
func (s *stage) populate(ctx context.Context, shape Shape, n int) (*population, error) {
	return s.populateAs(ctx, "account", shape.accounts(n))
}

// populateAs creates accounts whose names begin in that way, for so many members each.
func (s *stage) populateAs(ctx context.Context, name string, sizes []int) (*population, error) {
	p := &population{}
	p.tenants = make([]tenant, len(sizes))
	if err := each(ctx, s.Workers, len(sizes), func(ctx context.Context, i int) error {
		namespace, err := s.server.Namespace(ctx, "tenant")
		if err != nil {
			return err
		}
		p.tenants[i] = tenant{namespace, fmt.Sprint(name, "-", i)}
		return s.establish(ctx, p.tenants[i], sizes[i], "")
	}); err != nil {
		return nil, err
	}
	for i, t := range p.tenants {
		for j := range sizes[i] {
			p.members = append(p.members, t.member(strconv.Itoa(j)).Build())
		}
	}
	return p, nil
}

// apply creates the members.
func (s *stage) apply(ctx context.Context, p *population) error {
	return each(ctx, s.Workers, len(p.members), func(ctx context.Context, i int) error { return s.api.Create(ctx, p.members[i]) })
}

// bcryptHash is what the Secrets say that the password is, in the usual length; hashing is the portal's work, not the manager's.
const bcryptHash = "$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"

func inNamespace(t tenant) client.InNamespace { return client.InNamespace(t.namespace) }

// keys returns the manager's keys of links and signatures.
func (s *stage) keys() *store.KeyStore {
	return &store.KeyStore{
		Reader: s.api, Writer: s.api, Now: time.Now, Secret: types.NamespacedName{Namespace: apiserver.ManagerNamespace, Name: tokenSecret},
	}
}

// accept writes the members' credentials, as the portal does once it has judged a form.
func (s *stage) accept(ctx context.Context, p *population) error {
	signer, err := s.keys().Signer(ctx)
	if err != nil {
		return err
	}
	return each(ctx, s.Workers, len(p.members), func(ctx context.Context, i int) error {
		return s.api.Create(ctx, credentials.New(p.members[i], credentials.Answers{PasswordHash: []byte(bcryptHash)}, time.Now(), signer))
	})
}
