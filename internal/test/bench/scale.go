// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// Scale is what N members at rest take: all Active, each with an accepted Invitation, a credentials Secret, and a role in Kubernetes RBAC.
type Scale struct {
	N, Accounts int
	// Made is how long the bench took to make the objects.
	Made time.Duration
	// Stored is by kind; those of accounts and members are the same numbers for every N.
	Stored []Stored
	// ClaimBytes is what a claim takes in its ledger in etcd.
	ClaimBytes float64
	// History is what etcd uses before it forgets former revisions, after the bench made the objects.
	History int64
	// Empty and Full are before the objects, and with them while a manager runs.
	Empty, Full memory
	// First is the first start of a manager, which has what members share still to write; Second finds everything at rest.
	First, Second Restart
}

// likeAll is the name of the pattern's member.
const likeAll = "member"

// scaleAccount is how many members an account has.
const scaleAccount = 1000

func (s *stage) scale(ctx context.Context, n int) (*Scale, error) {
	if err := s.api.Create(ctx, testkit.Plan("bench").Rights("orders:place").Admin(adminRole).Build()); err != nil {
		return nil, err
	}
	pattern, err := s.pattern(ctx)
	if err != nil {
		return nil, fmt.Errorf("a first member: %w", err)
	}
	r := &Scale{N: n}
	if r.Empty, err = s.memory(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	if r.Accounts, err = s.make(ctx, pattern, n); err != nil {
		return nil, fmt.Errorf("make the objects: %w", err)
	}
	r.Made = time.Since(began)
	s.Log("  made in %s", r.Made.Round(time.Second))
	made, err := s.memory(ctx)
	if err != nil {
		return nil, err
	}
	r.History = made.inUse - r.Empty.inUse
	for _, start := range []*Restart{&r.First, &r.Second} {
		s.Log("  a manager starts")
		if *start, err = s.restart(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.compact(ctx); err != nil {
		return nil, err
	}
	if r.Full, err = s.memory(ctx); err != nil {
		return nil, err
	}
	return r, s.measureStored(ctx, r, pattern)
}

// measureStored looks at what is in etcd.
func (s *stage) measureStored(ctx context.Context, r *Scale, p *pattern) error {
	for _, kind := range []struct {
		name, prefix string
		// shared by members: the pattern's is too small.
		shared bool
	}{
		{"Member", "usher.dev/members/", false}, {"Invitation", "usher.dev/invitations/", false}, {"credentials Secret", "secrets/", false},
		{"RoleBinding", "rolebindings/", true}, {"SeatPool", "usher.dev/seatpools/", true}, {"Account", "usher.dev/accounts/", true},
	} {
		stored, err := s.stored(ctx, kind.name, "/registry/"+kind.prefix+"tenant-")
		if err != nil {
			return err
		}
		if !kind.shared { // those that a manager wrote have more managedFields
			made, err := s.stored(ctx, kind.name, "/registry/"+kind.prefix+"pattern-")
			if err != nil {
				return err
			}
			stored.Mean = made.Mean
		}
		r.Stored = append(r.Stored, stored)
	}
	claim, err := json.Marshal(map[string]int64{string(p.member.UID): scaleAccount})
	r.ClaimBytes = float64(len(claim) - len("{}") + len(","))
	return err
}

// pattern is a member whom a manager has made Active, and what belongs to it. It is not the first of its account, which is marked.
type pattern struct {
	tenant     tenant
	pool       usherv1.SeatPool
	secret     corev1.Secret
	member     usherv1.Member
	invitation usherv1.Invitation
	signer     *credentials.Signer
}

func (s *stage) pattern(ctx context.Context) (_ *pattern, err error) {
	namespace, err := s.server.Namespace(ctx, "pattern")
	if err != nil {
		return nil, err
	}
	t := tenant{namespace, "pattern-account"}
	if err := s.establish(ctx, t, 2, "bench"); err != nil {
		return nil, err
	}
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	m, _, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	if err := s.ready(ctx, []tenant{t}); err != nil {
		return nil, err
	}
	p := &population{tenants: []tenant{t}}
	for _, name := range []string{"first", likeAll} {
		p.members = append(p.members, t.member(name).Role(adminRole).Build())
	}
	one := *p
	one.members = p.members[:1]
	if _, _, err := s.phase(ctx, o, &one, usherv1.ReasonAwaitingAcceptance, s.apply, m); err != nil {
		return nil, err
	}
	if err := s.api.Create(ctx, p.members[1]); err != nil {
		return nil, err
	}
	if err := reach(ctx, "members invited", 2, func() (int, error) {
		return o.count(usherv1.ReasonAwaitingAcceptance, t), nil
	}); err != nil {
		return nil, err
	}
	if _, _, err := s.phase(ctx, o, p, usherv1.ReasonAccepted, s.accept, m); err != nil {
		return nil, err
	}
	found := &pattern{tenant: t}
	if found.signer, err = s.keys().Signer(ctx); err != nil {
		return nil, err
	}
	key := t.memberKey(likeAll)
	for name, object := range map[string]client.Object{
		key.Name: &found.member, t.pool(): &found.pool, credentials.Name(key.Name): &found.secret,
	} {
		if err := s.api.Get(ctx, t.key(name), object); err != nil {
			return nil, err
		}
	}
	return found, s.api.Get(ctx, key, &found.invitation)
}

// make makes n members like the pattern, and returns the number of their accounts.
func (s *stage) make(ctx context.Context, p *pattern, n int) (int, error) {
	sizes := Shape{PerAccount: scaleAccount}.accounts(n)
	tenants, ledgers := make([]tenant, len(sizes)), make([]usherv1.SeatPool, len(sizes))
	uids := make([]string, n)
	if err := each(ctx, s.Workers, len(sizes), func(ctx context.Context, i int) error {
		namespace, err := s.server.Namespace(ctx, "tenant")
		if err != nil {
			return err
		}
		tenants[i] = tenant{namespace, fmt.Sprint("account-", i)}
		if err := s.establish(ctx, tenants[i], sizes[i], "bench"); err != nil {
			return err
		}
		return s.api.Get(ctx, tenants[i].key(tenants[i].pool()), &ledgers[i])
	}); err != nil {
		return 0, err
	}
	if err := each(ctx, s.Workers, n, func(ctx context.Context, i int) (err error) {
		uids[i], err = s.copy(ctx, p, tenants[i/scaleAccount], string(ledgers[i/scaleAccount].UID), i)
		return err
	}); err != nil {
		return 0, err
	}
	return len(sizes), each(ctx, s.Workers, len(sizes), func(ctx context.Context, i int) error {
		status, capacity := &ledgers[i].Status, int32(sizes[i])
		status.Capacity, status.LastGrant, status.Claims = &capacity, grantOf(sizes[i]-1), map[string]int64{}
		for j := range sizes[i] {
			at := i*scaleAccount + j
			status.Claims[uids[at]] = grantOf(at)
		}
		return s.api.Status().Update(ctx, &ledgers[i])
	})
}

// grantOf returns the number of the i-th member's grant in its account's ledger.
func grantOf(i int) int64 { return int64(i%scaleAccount) + 1 }

// copy makes the i-th member, and returns its UID.
func (s *stage) copy(ctx context.Context, p *pattern, t tenant, pool string, i int) (string, error) {
	name := strconv.Itoa(i)
	like := func(uid string) *strings.Replacer {
		return strings.NewReplacer(string(p.member.UID), uid, p.member.Name, t.memberKey(name).Name,
			string(p.pool.UID), pool, string(p.member.Spec.Email), t.address(name), p.tenant.account, t.account, p.tenant.namespace, t.namespace)
	}
	var m usherv1.Member
	if err := rewrite(&p.member, &m, like("")); err != nil {
		return "", err
	}
	if err := s.create(ctx, &m); err != nil {
		return "", err
	}
	uid := string(m.UID)
	var judged usherv1.Member
	if err := rewrite(&p.member, &judged, like(uid)); err != nil {
		return "", err
	}
	m.Status = judged.Status
	for at := range m.Status.Seats {
		m.Status.Seats[at].Grant = grantOf(i)
	}
	if err := s.api.Status().Update(ctx, &m); err != nil {
		return "", err
	}
	var invitation usherv1.Invitation
	if err := rewrite(&p.invitation, &invitation, like(uid)); err != nil {
		return "", err
	}
	status := invitation.Status
	if err := s.create(ctx, &invitation); err != nil {
		return "", err
	}
	invitation.Status = status
	if err := s.api.Status().Update(ctx, &invitation); err != nil {
		return "", err
	}
	secret := credentials.New(&m, credentials.Answers{PasswordHash: []byte(bcryptHash)}, p.member.Status.AcceptedAt.Time, p.signer)
	for key, value := range p.secret.Annotations { // what the manager adds
		if _, set := secret.Annotations[key]; !set {
			secret.Annotations[key] = value
		}
	}
	return uid, s.api.Create(ctx, secret)
}

// create creates an object that was read elsewhere.
func (s *stage) create(ctx context.Context, object client.Object) error {
	object.SetUID("")
	object.SetResourceVersion("")
	object.SetManagedFields(nil)
	return s.api.Create(ctx, object)
}

// rewrite copies an object with other names in it.
func rewrite(from, to client.Object, names *strings.Replacer) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(names.Replace(string(text))), to)
}
