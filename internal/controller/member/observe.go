// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// observe loads what a decision about the Member depends on, through reader: the cache or the API server. Which invitations and
// rivals to look at is always taken from the cache: one that the cache does not have yet brings a watch event of its own.
func (r *Reconciler) observe(ctx context.Context, reader client.Reader, member *usherv1.Member) (membership.Observation, error) {
	o := membership.Observation{Member: member}
	var err error
	if o.Account, err = store.AnyAccount(ctx, reader, member.Namespace, member.Spec.AccountRef.Name); err != nil {
		return o, err
	}
	if o.Plan, err = store.Plan(ctx, reader, o.Account); err != nil {
		return o, err
	}
	if o.Pools, err = poolsOf(ctx, reader, member); err != nil {
		return o, err
	}
	if o.Rival, err = r.rivalOf(ctx, reader, member, o.Account); err != nil {
		return o, err
	}
	if o.Holder, err = r.holderOf(ctx, member); err != nil {
		return o, err
	}
	if o.Invitation, o.NameTaken, err = r.invitationOf(ctx, reader, member, o.Account); err != nil {
		return o, err
	}
	if o.Withdrawn, err = r.withdrawn(ctx, reader, member); err != nil {
		return o, err
	}
	if o.Credentials, err = r.credentialsOf(ctx, reader, o); err != nil {
		return o, err
	}
	o.Standing, err = r.standingOf(ctx, reader, o)
	return o, err
}

// observeLive reads the Member and all that observe loads from the API server, and what the Member owns if it is being deleted. The
// error is errGone if the Member is gone, also where another one has its name: that one has no finalizer yet, and might be gone
// before anything is done for it.
func (r *Reconciler) observeLive(ctx context.Context, cached *usherv1.Member) (membership.Observation, error) {
	member := &usherv1.Member{}
	found, err := store.Get(ctx, r.Live, cached.Namespace, cached.Name, member)
	if err != nil {
		return membership.Observation{}, err
	}
	if !found || member.UID != cached.UID {
		return membership.Observation{}, errGone
	}
	o, err := r.observe(ctx, r.Live, member)
	if err != nil {
		return o, err
	}
	err = r.observeOwned(ctx, &o) // before o is read for the return
	return o, err
}

func (r *Reconciler) isLive(reader client.Reader) bool { return reader == r.Live }

// withdrawn reports whether nothing gives the Member access any more. Only live reads tell: from the cache it is always false.
func (r *Reconciler) withdrawn(ctx context.Context, reader client.Reader, member *usherv1.Member) (bool, error) {
	if !r.isLive(reader) {
		return false, nil
	}
	if member.Status.State == usherv1.ObservedActive || access.Mark(member) == "" {
		return member.Status.State != usherv1.ObservedActive, nil
	}
	bindings, err := store.Bindings(ctx, reader, member.Namespace, member.Spec.AccountRef.Name)
	if err != nil {
		return false, err
	}
	files, err := store.PasswordFiles(ctx, reader, member.Namespace, member.Spec.AccountRef.Name)
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

// poolsOf returns the SeatPools of the Member's account, and those in which its status has a seat.
func poolsOf(ctx context.Context, reader client.Reader, member *usherv1.Member) ([]usherv1.SeatPool, error) {
	var all usherv1.SeatPoolList
	if err := store.List(ctx, reader, &all, member.Namespace, "", ""); err != nil {
		return nil, err
	}
	pools := slices.DeleteFunc(slices.Clone(all.Items), func(p usherv1.SeatPool) bool {
		return p.Spec.AccountRef.Name != member.Spec.AccountRef.Name &&
			!slices.ContainsFunc(member.Status.Seats, func(s usherv1.MemberSeat) bool { return s.Pool == p.Name })
	})
	return pools, store.AnyUndecodable(nil, pools, func(*usherv1.SeatPool) bool { return true })
}

// invitationOf chooses the Invitation that invites the Member: the one on record, else one written by hand, else the one made for
// the Member. nameTaken reports that none can be made, since the Invitation of that name invites another member.
func (r *Reconciler) invitationOf(
	ctx context.Context, reader client.Reader, member *usherv1.Member, account *usherv1.Account,
) (chosen *usherv1.Invitation, nameTaken bool, err error) {
	chosen, nameTaken, err = r.cachedInvitationOf(ctx, member, account)
	if err != nil || !r.isLive(reader) {
		return chosen, nameTaken, err
	}
	// The one on record comes first: two operators would otherwise each record the one that their own cache made them choose.
	names := []string{member.Name}
	if chosen != nil {
		names[0] = chosen.Name
	}
	if ref := member.Status.InvitationRef; ref != nil && ref.Name != names[0] {
		names = []string{ref.Name, names[0]}
	}
	for _, name := range names {
		inv := &usherv1.Invitation{}
		found, err := store.Get(ctx, reader, member.Namespace, name, inv)
		if err != nil {
			return nil, nameTaken, err
		}
		if found && invite.Invites(inv, member, account) {
			return inv, nameTaken, nil
		}
	}
	return nil, nameTaken, nil
}

// cachedInvitationOf chooses among the Invitations that the cache has.
func (r *Reconciler) cachedInvitationOf(
	ctx context.Context, member *usherv1.Member, account *usherv1.Account,
) (chosen *usherv1.Invitation, nameTaken bool, err error) {
	var all usherv1.InvitationList
	byMember := client.MatchingFields{store.ByMemberRef: member.Name}
	if err := r.Client.List(ctx, &all, client.InNamespace(member.Namespace), byMember); err != nil {
		return nil, false, fmt.Errorf("list the Invitations of Member %s/%s: %w", member.Namespace, member.Name, err)
	}
	rank := func(inv *usherv1.Invitation) int {
		switch {
		case member.Status.InvitationRef != nil && member.Status.InvitationRef.Name == inv.Name:
			return 0
		case !made(inv):
			return 1
		}
		return 2
	}
	for i := range all.Items {
		inv := &all.Items[i]
		if !invite.Invites(inv, member, account) {
			continue
		}
		if problem := undecodable.Of(inv); problem != nil {
			return nil, false, problem
		}
		if chosen == nil || rank(inv) < rank(chosen) || rank(inv) == rank(chosen) && inv.Name < chosen.Name {
			chosen = inv
		}
	}
	if chosen != nil {
		return chosen, false, nil
	}
	namesake := &usherv1.Invitation{}
	found, err := store.Get(ctx, r.Client, member.Namespace, member.Name, namesake)
	return nil, found && namesake.Spec.MemberRef.Name != member.Name, err
}

// made reports whether Usher made the Invitation.
func made(inv *usherv1.Invitation) bool {
	_, made := invite.MadeFor(inv)
	return made
}

// credentialsOf reads the Member's credentials. Where reader is the cache, they are read only if its metadata has them or something
// says that there were some, and their contents only while the Member's status does not record them yet.
func (r *Reconciler) credentialsOf(ctx context.Context, reader client.Reader, o membership.Observation) (*credentials.Credentials, error) {
	m := o.Member
	if r.isLive(reader) {
		return r.readCredentials(ctx, m)
	}
	meta := store.SecretMetadata()
	found, err := store.Get(ctx, reader, m.Namespace, credentials.Name(m.Name), meta)
	if err != nil {
		return nil, err
	}
	known := m.Status.AcceptedAt != nil
	if !found && !known && (o.Invitation == nil || o.Invitation.Status.State != usherv1.InvitationAccepted) {
		return nil, nil
	}
	if found && known && r.recorded(ctx, m, meta) {
		return &credentials.Credentials{
			MemberUID: meta.Annotations[usherv1.MemberUIDAnnotation], Email: m.Status.Email, AcceptedAt: *m.Status.AcceptedAt,
			ProfileGeneration: credentials.ProfileGeneration(meta), TokenRotatedFor: credentials.TokenRotatedFor(meta),
			Standing: plan.Recorded(meta.Annotations), Signature: credentials.Signed, Recorded: true,
		}, nil
	}
	return r.readCredentials(ctx, m)
}

// recorded reports whether the status of a Member that has accepted is about its present spec and about credentials with that metadata.
func (r *Reconciler) recorded(ctx context.Context, m *usherv1.Member, meta *metav1.PartialObjectMetadata) bool {
	s := &m.Status
	return credentials.CanBeAcceptedAt(meta, s.AcceptedAt.Time) &&
		meta.Labels[usherv1.MemberLabel] == labels.Value(m.Name) && // who takes it away may have changed more
		s.CredentialsProblem == "" && s.Email != "" && s.ObservedGeneration == m.Generation &&
		s.ProfileGeneration == credentials.ProfileGeneration(meta) && r.signedNow(ctx, meta)
}

func (r *Reconciler) readCredentials(ctx context.Context, member *usherv1.Member) (*credentials.Credentials, error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, member.Namespace, credentials.Name(member.Name), secret)
	if err != nil || !found {
		return nil, err
	}
	return r.read(ctx, member, secret)
}

// read returns what the Member's credentials say. While the keys cannot be read, it is an error if the answer depends on them: not if the
// Member's status has recorded its acceptance, and not if the Member has no access whatever they say.
func (r *Reconciler) read(ctx context.Context, m *usherv1.Member, secret *corev1.Secret) (*credentials.Credentials, error) {
	signer, err := r.tokenKeys.SignerFor(ctx, secret)
	if err != nil && m.Status.AcceptedAt == nil && m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled {
		return nil, err
	}
	return credentials.Read(secret, signer), nil
}

// signedNow reports whether credentials with that metadata are signed with the current key, as far as the metadata tells. While the keys
// cannot be read, nothing can be signed anew.
func (r *Reconciler) signedNow(ctx context.Context, meta *metav1.PartialObjectMetadata) bool {
	signer, err := r.tokenKeys.Signer(ctx)
	return err != nil || meta.Annotations[usherv1.KeyIDAnnotation] == signer.KeyID()
}
