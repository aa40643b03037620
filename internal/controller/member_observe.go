// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
)

// observe loads what a decision about the Member depends on, from the cache. That somebody has accepted is only ever doubted
// after a live read.
func (r *MemberReconciler) observe(ctx context.Context, member *usherv1.Member) (membership.Observation, error) {
	o := membership.Observation{Member: member}
	var err error
	if o.Account, err = getAccount(ctx, r.Client, member.Namespace, member.Spec.AccountRef.Name); err != nil {
		return o, err
	}
	if o.Plan, err = planOf(ctx, r.Client, o.Account); err != nil {
		return o, err
	}
	if o.First, err = r.Elders.first(ctx, r.Client, o.Account, o.Plan, member); err != nil {
		return o, err
	}
	if o.Pools, err = poolsOf(ctx, r.Client, member); err != nil {
		return o, err
	}
	rivals, err := r.rivals(ctx, member)
	if err != nil {
		return o, err
	}
	if len(rivals) > 0 {
		o.Rival = rivals[0].Name
	}
	if o.Invitation, o.NameTaken, err = r.invitationOf(ctx, member); err != nil {
		return o, err
	}
	o.Credentials, err = r.credentialsOf(ctx, o)
	return o, err
}

// observeLive loads the same from the API server. Which invitation and which rivals to look at is taken from the cache: one
// that the cache does not know yet brings its own watch event. It fails with NotFound if the Member is gone, also where there is
// another of its name.
func (r *MemberReconciler) observeLive(ctx context.Context, cached membership.Observation) (membership.Observation, error) {
	o := membership.Observation{Member: &usherv1.Member{}, NameTaken: cached.NameTaken}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(cached.Member), o.Member); err != nil {
		return o, err
	}
	if o.Member.UID != cached.Member.UID {
		// The next of this name has no finalizer yet, and might be gone before what is done for it.
		return o, apierrors.NewNotFound(usherv1.GroupVersion.WithResource("members").GroupResource(), cached.Member.Name)
	}
	var err error
	if o.Account, err = getAccount(ctx, r.Live, o.Member.Namespace, o.Member.Spec.AccountRef.Name); err != nil {
		return o, err
	}
	if o.Plan, err = planOf(ctx, r.Live, o.Account); err != nil {
		return o, err
	}
	if o.First, err = r.Elders.first(ctx, r.Live, o.Account, o.Plan, o.Member); err != nil {
		return o, err
	}
	if o.Pools, err = poolsOf(ctx, r.Live, o.Member); err != nil {
		return o, err
	}
	rivals, err := r.rivals(ctx, o.Member)
	if err != nil {
		return o, err
	}
	for i := range rivals {
		rival := &usherv1.Member{}
		found, err := get(ctx, r.Live, rivals[i].Namespace, rivals[i].Name, rival)
		if err != nil {
			return o, err
		}
		if found && o.Rival == "" && membership.Precedes(rival, o.Member) {
			o.Rival = rival.Name
		}
	}
	// The one on record comes first: two operators would otherwise each record the one that their own cache made them choose.
	names := []string{o.Member.Name}
	if cached.Invitation != nil {
		names[0] = cached.Invitation.Name
	}
	if ref := o.Member.Status.InvitationRef; ref != nil && ref.Name != names[0] {
		names = []string{ref.Name, names[0]}
	}
	for _, name := range names {
		inv := &usherv1.Invitation{}
		found, err := get(ctx, r.Live, o.Member.Namespace, name, inv)
		if err != nil {
			return o, err
		}
		if found && usable(inv, o.Member) {
			o.Invitation = inv
			break
		}
	}
	if o.Withdrawn, err = r.withdrawn(ctx, o.Member); err != nil {
		return o, err
	}
	o.Credentials, err = readCredentials(ctx, r.Live, o.Member)
	return o, err
}

// withdrawn tells, by live reads, whether nothing gives the Member, which was read live, access any more.
func (r *MemberReconciler) withdrawn(ctx context.Context, member *usherv1.Member) (bool, error) {
	if member.Status.State == usherv1.ObservedActive || access.Mark(member) == "" {
		return member.Status.State != usherv1.ObservedActive, nil
	}
	bindings, err := bindingsOf(ctx, r.Live, member.Namespace, member.Spec.AccountRef.Name)
	if err != nil {
		return false, err
	}
	files, err := passwordFilesOf(ctx, r.Live, member.Namespace, member.Spec.AccountRef.Name)
	if err != nil {
		return false, err
	}
	var places []metav1.Object
	for i := range bindings {
		places = append(places, &bindings[i])
	}
	for i := range files {
		places = append(places, &files[i])
	}
	return access.Withdrawn(member, places), nil
}

// poolsOf are the SeatPools of the Member's account, and those in which it has a seat on record.
func poolsOf(ctx context.Context, reader client.Reader, member *usherv1.Member) ([]usherv1.SeatPool, error) {
	var all usherv1.SeatPoolList
	if err := reader.List(ctx, &all, listed(member.Namespace, nil)...); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all.Items), func(p usherv1.SeatPool) bool {
		return p.Spec.AccountRef.Name != member.Spec.AccountRef.Name &&
			!slices.ContainsFunc(member.Status.Seats, func(s usherv1.MemberSeat) bool { return s.Pool == p.Name })
	}), nil
}

// rivals are the members of the account that keep this one from having its address, by name.
func (r *MemberReconciler) rivals(ctx context.Context, member *usherv1.Member) ([]usherv1.Member, error) {
	var same usherv1.MemberList
	if err := r.Client.List(ctx, &same, listed(member.Namespace, client.MatchingFields{indexAddress: addressKey(member)})...); err != nil {
		return nil, err
	}
	rivals := slices.DeleteFunc(slices.Clone(same.Items), func(m usherv1.Member) bool { return !membership.Precedes(&m, member) })
	slices.SortFunc(rivals, func(a, b usherv1.Member) int { return strings.Compare(a.Name, b.Name) })
	return rivals, nil
}

// invitationOf chooses the Invitation that the Member is asked with: the one it is asked with already, else one written by hand,
// else the one made for it. nameTaken tells that none can be made since its name invites somebody else.
func (r *MemberReconciler) invitationOf(ctx context.Context, member *usherv1.Member) (chosen *usherv1.Invitation, nameTaken bool, err error) {
	var all usherv1.InvitationList
	if err := r.Client.List(ctx, &all, client.InNamespace(member.Namespace), client.MatchingFields{indexMemberRef: member.Name}); err != nil {
		return nil, false, err
	}
	rank := func(inv *usherv1.Invitation) int {
		switch {
		case member.Status.InvitationRef != nil && member.Status.InvitationRef.Name == inv.Name:
			return 0
		case metav1.GetControllerOf(inv) == nil:
			return 1
		}
		return 2
	}
	for i := range all.Items {
		inv := &all.Items[i]
		if !usable(inv, member) {
			continue
		}
		if chosen == nil || rank(inv) < rank(chosen) || rank(inv) == rank(chosen) && inv.Name < chosen.Name {
			chosen = inv
		}
	}
	if chosen != nil {
		return chosen, false, nil
	}
	namesake := &usherv1.Invitation{}
	found, err := get(ctx, r.Client, member.Namespace, member.Name, namesake)
	return nil, found && namesake.Spec.MemberRef.Name != member.Name, err
}

// usable tells whether an Invitation asks this Member: it names it, is not being deleted, and was not made for an earlier
// Member of this name.
func usable(inv *usherv1.Invitation, member *usherv1.Member) bool {
	owner := metav1.GetControllerOf(inv)
	return inv.Spec.MemberRef.Name == member.Name && inv.DeletionTimestamp == nil && (owner == nil || owner.UID == member.UID)
}

// credentialsOf reads the Member's credentials, if the cache of metadata says that there are some or something says that there
// were. Their contents are read only while the Member's status does not tell of them yet.
func (r *MemberReconciler) credentialsOf(ctx context.Context, o membership.Observation) (*credentials.Credentials, error) {
	m := o.Member
	meta := secretMetadata()
	found, err := get(ctx, r.Client, m.Namespace, credentials.Name(m.Name), meta)
	if err != nil {
		return nil, err
	}
	known := m.Status.AcceptedAt != nil
	if !found && !known && (o.Invitation == nil || o.Invitation.Status.State != usherv1.InvitationAccepted) {
		return nil, nil
	}
	profile := credentials.ProfileGeneration(meta)
	if found && known && m.Status.ObservedGeneration == m.Generation && m.Status.ProfileGeneration == profile {
		return &credentials.Credentials{
			MemberUID: meta.Annotations[usherv1.MemberUIDAnnotation], AcceptedAt: *m.Status.AcceptedAt,
			ProfileGeneration: profile, TokenRotatedFor: credentials.TokenRotatedFor(meta), Recorded: true,
		}, nil
	}
	return readCredentials(ctx, r.Live, m)
}

func readCredentials(ctx context.Context, live client.Reader, member *usherv1.Member) (*credentials.Credentials, error) {
	secret := &corev1.Secret{}
	found, err := get(ctx, live, member.Namespace, credentials.Name(member.Name), secret)
	if !found {
		return nil, err
	}
	return credentials.Read(secret), nil
}

// secretMetadata is what is cached of Secrets: never their contents.
func secretMetadata() *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return meta
}
