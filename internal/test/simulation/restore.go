// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
)

// Actions of the platform: see docs/restore.md.
const (
	// BackUp keeps a copy of the plan and of all that a backup of the namespace should have.
	BackUp Action = "back-up"
	// Lose is a disaster: both operators crash, and every object of the last backup's namespace is gone, as is the plan. With N 1, owner
	// references will be restored.
	Lose Action = "lose"
	// Restore creates the object Name of the last backup again, which is a resource and a name, or with To "all" every one that does not
	// exist, those of docs/restore.md's first step first, and the others in the order of seed N.
	Restore Action = "restore"
	// Wipe removes the status of the object Name of the resource To.
	Wipe Action = "wipe"
)

// platform are the actions of the platform.
var platform = map[Action]func(*world, Step) bool{
	BackUp: func(w *world, _ Step) bool {
		if w.restoring() {
			return false
		}
		w.backup = &backup{objects: w.backedUp(), grants: w.grantsAtRest()}
		return true
	},
	Lose:    (*world).lose,
	Restore: (*world).restore,
	Wipe:    (*world).wipe,
}

// backup is the last backup.
type backup struct {
	objects []client.Object
	// grants are nil if the world was not at rest.
	grants *grants
	// owned: owner references are restored.
	owned bool
	// lost: the objects were lost since.
	lost bool
}

// restoring reports whether objects that were lost are not all restored yet.
func (w *world) restoring() bool { return w.backup != nil && w.backup.lost && len(w.unrestored()) > 0 }

// backedUp are the objects that docs/restore.md names, without those that are being deleted, as backup tools leave them out.
func (w *world) backedUp() []client.Object {
	var all []client.Object
	for _, k := range []kind{plans, secrets, configMaps, accounts, pools, members, invitations} {
		for _, o := range w.api.tables[k] {
			if o.GetDeletionTimestamp() == nil && o.GetNamespace() != home && (k != secrets || w.isAcceptance(o)) {
				all = append(all, o)
			}
		}
	}
	return all
}

// isAcceptance reports whether a Secret is the acceptance of a member. That of a deleted member must not be restored.
func (w *world) isAcceptance(secret client.Object) bool {
	name, ofMember := credentials.MemberOf(secret.GetName())
	m := w.member(name)
	return ofMember && m != nil && m.DeletionTimestamp == nil && w.accepted(m, secret.(*corev1.Secret))
}

// losses are the kinds in the order in which they are lost, so that no binding outlives its members, for example.
var losses = []kind{bindings, roles, members, invitations, secrets, configMaps, pools, accounts, plans}

func (w *world) lose(s Step) bool {
	if w.backup == nil || w.restoring() {
		return false
	}
	for _, o := range w.ops {
		if o.up {
			o.crash()
		}
	}
	w.removeAll(secrets, func(o client.Object) bool { return access.PasswordsOf(o) != "" })
	for _, k := range losses {
		w.removeAll(k, everything)
	}
	w.backup.lost, w.backup.owned = true, s.N == 1
	w.granted, w.counts.Losses = w.backup.grants, w.counts.Losses+1
	return true
}

// removeAll removes objects that are not the operators' own, whatever finalizers they have.
func (w *world) removeAll(k kind, which func(client.Object) bool) {
	for _, o := range slices.Clone(w.api.tables[k]) {
		if o.GetNamespace() != home && which(o) {
			w.api.commit(k, o, nil)
		}
	}
}

func (w *world) restore(s Step) bool {
	if w.backup == nil {
		return false
	}
	restored := false
	for _, o := range w.backup.inOrder(s) {
		restored = w.restoreObject(o) || restored
	}
	return restored
}

// inOrder are the objects that a step names, in the order in which they are restored.
func (b *backup) inOrder(s Step) []client.Object {
	if s.To != "all" {
		return slices.DeleteFunc(slices.Clone(b.objects), func(o client.Object) bool { return identity(o) != s.Name })
	}
	objects := slices.Clone(b.objects)
	rest := slices.IndexFunc(objects, func(o client.Object) bool { return kindOf(o) != plans && !kindOf(o).core() })
	if rest >= 0 {
		random := rand.New(rand.NewPCG(uint64(s.N), 0))
		random.Shuffle(len(objects)-rest, func(i, j int) { objects[rest+i], objects[rest+j] = objects[rest+j], objects[rest+i] })
	}
	return objects
}

// identity is how a step names an object of a backup.
func identity(o client.Object) string { return onNames[kindOf(o)] + "/" + o.GetName() }

// unrestored are the objects of the backup that do not exist.
func (w *world) unrestored() []client.Object {
	return slices.DeleteFunc(slices.Clone(w.backup.objects), func(o client.Object) bool {
		return w.api.get(kindOf(o), client.ObjectKeyFromObject(o)) != nil
	})
}

// restoreObject creates an object with its metadata, as an API server does: it gets a new UID, and no status.
func (w *world) restoreObject(o client.Object) bool {
	if w.api.get(kindOf(o), client.ObjectKeyFromObject(o)) != nil {
		return false
	}
	if w.restoring() {
		w.meanwhile(func(g *grants) { g.running = g.running || w.ops[0].up || w.ops[1].up })
	} else {
		w.granted = nil // it was deleted since, and this takes the deletion back
	}
	next := clone(o)
	next.SetResourceVersion("")
	next.SetGeneration(0)
	if !w.backup.owned {
		next.SetOwnerReferences(nil)
	}
	w.counts.Restored++
	return w.make(next)
}

// wipe removes an object's status, as a backup without it does.
func (w *world) wipe(s Step) bool {
	k := kind(slices.Index(onNames[:], s.To))
	if k < accounts || k > plans {
		return false
	}
	key := named(s.Name)
	if k == plans {
		key = planKey
	}
	stored := w.api.get(k, key)
	if stored == nil || stored.GetDeletionTimestamp() != nil {
		return false
	}
	if w.granted = nil; w.atRest() {
		w.granted = w.grantsAtRest()
	}
	w.pastFacts.noteWipe(stored, w.api.tables[members])
	clear(w.knownBy) // with the status goes what it says of the mails that were sent
	next := clone(stored)
	clearStatus(next)
	w.api.commit(k, stored, next)
	w.counts.Wipes++
	return true
}

// noteWipe remembers what a status said that is wiped, as far as it may be broken until the status is there again.
func (b *pastFacts) noteWipe(o client.Object, all table) {
	b.wipes[o.GetUID()]++
	if _, ok := o.(*usherv1.Member); ok {
		b.adrift[o.GetUID()] = true
	}
	pool, ok := o.(*usherv1.SeatPool)
	if !ok {
		return
	}
	b.highest[pool.UID] = 0
	for _, o := range all {
		m := o.(*usherv1.Member)
		if _, claimed := pool.Status.Claims[string(m.UID)]; claimed || holdsSeatOf(m, pool.Name) {
			b.unclaimed[claimOf(m, pool)], b.adrift[m.UID] = true, true
		}
	}
}

// claimOf identifies a member's claim in a ledger.
func claimOf(m *usherv1.Member, p *usherv1.SeatPool) types.UID { return m.UID + "/" + p.UID }
