// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
)

// What the portal needs of the API server. It lists and watches nothing.
//
// +kubebuilder:rbac:groups=usher.dev,resources=accounts;members;invitations;plans,verbs=get
// +kubebuilder:rbac:groups=usher.dev,resources=invitations/status,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;update;delete

// errUnknown is the error of every link that leads nowhere: to no invitation, forged, garbled or replaced by a newer one.
var errUnknown = errors.New("the link leads to no invitation")

// errBlocked is the error of an acceptance while credentials exist that are not the member's; the reconcilers delete them.
var errBlocked = errors.New("credentials that are not the member's have not been deleted yet")

// link is what a request's path says. Nothing in it can be trusted, and the token must not be logged.
type link struct{ namespace, invitation, token string }

func linkOf(r *http.Request) link {
	return link{r.PathValue("namespace"), r.PathValue("invitation"), r.PathValue("token")}
}

// path of a genuine link; its parts need no escaping.
func (l link) path() string { return "/i/" + l.namespace + "/" + l.invitation + "/" + l.token }

// visit is what a genuine link leads to, read live a moment ago.
type visit struct {
	link       link
	invitation usherv1.Invitation
	member     usherv1.Member
	account    usherv1.Account
	// contact is how the account's company is reached.
	contact usherv1.AccountContact
	// credentials of the member, if there are some.
	credentials corev1.Secret
	// administers is set if the member may speak for the company. It is read only for profiles.
	administers bool
	// acceptance is what the credentials mean for the member.
	acceptance credentials.Acceptance
}

// refusal returns why the visit, at now, ends before the form.
func (v *visit) refusal(now time.Time) invite.Refusal {
	return invite.Admit(&v.invitation, &v.member, &v.account, v.acceptance.Counts(), now)
}

// recordedSince reports whether a reconciler has recorded an acceptance since an earlier visit.
func (v *visit) recordedSince(earlier *visit) bool {
	at := v.member.Status.AcceptedAt
	return v.invitation.Status.State == usherv1.InvitationAccepted || at != nil && !at.Equal(earlier.member.Status.AcceptedAt)
}

// look reads what l leads to. It returns errUnknown for every link that is not a genuine, current one, with the invitation
// and member that were read, if any; other errors come from the API server.
//
// The work is the same for every link: the key, two reads and one verification. A name that no object can have is replaced by a valid
// one that no object has.
func (p *Portal) look(ctx context.Context, l link) (*visit, error) {
	keys, err := p.keys(ctx)
	if err != nil {
		return nil, err
	}
	v := &visit{link: l}
	possible := p.possible(l)
	key := types.NamespacedName{Namespace: l.namespace, Name: l.invitation}
	if !possible {
		key = p.nowhere()
	}
	invitationFound, err := p.read(ctx, key, &v.invitation)
	if err != nil {
		return nil, err
	}
	if name := v.invitation.Spec.MemberRef.Name; name != "" {
		key.Name = name
	}
	memberFound, err := p.read(ctx, key, &v.member)
	if err != nil {
		return nil, err
	}
	email := string(v.member.Spec.Email)
	genuine := keys.Verify(l.token, v.invitation.UID, v.invitation.Status.LinkGeneration, email)
	if !genuine || !possible || !invitationFound || !memberFound || !invite.Current(&v.invitation, email) {
		return v, errUnknown
	}

	switch found, err := p.readAround(ctx, v); {
	case err != nil:
		return nil, err
	case !found:
		return v, errUnknown
	}
	return v, nil
}

// readAround reads what belongs to the visit's member: its account with the company's contact, and its credentials. It reports
// whether there is an account.
func (p *Portal) readAround(ctx context.Context, v *visit) (bool, error) {
	key := types.NamespacedName{Namespace: v.member.Namespace, Name: v.member.Spec.AccountRef.Name}
	if found, err := p.read(ctx, key, &v.account); !found {
		return false, err
	}
	var company corev1.Secret
	if _, err := p.read(ctx, credentials.CompanyKey(&v.account), &company); err != nil {
		return false, err
	}
	v.contact = credentials.Contact(&v.account, &company)
	return true, p.readCredentials(ctx, v)
}

// readCredentials reads the credentials of the visit's member, and what they mean.
func (p *Portal) readCredentials(ctx context.Context, v *visit) error {
	secret := &v.credentials
	*secret = corev1.Secret{}
	key := types.NamespacedName{Namespace: v.member.Namespace, Name: credentials.Name(v.member.Name)}
	found, err := p.read(ctx, key, secret)
	if err != nil {
		return err
	}
	v.acceptance = credentials.None
	if found {
		v.acceptance = credentials.AcceptanceOf(credentials.Read(secret), &v.member, &v.account)
	}
	return nil
}

// read reports whether the object exists and is not being deleted.
func (p *Portal) read(ctx context.Context, key types.NamespacedName, object client.Object) (bool, error) {
	if err := p.client.Get(ctx, key, object); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return object.GetDeletionTimestamp() == nil, nil
}

// possible reports whether this portal serves the link's namespace and an object can have its names.
func (p *Portal) possible(l link) bool {
	return (len(p.namespaces) == 0 || slices.Contains(p.namespaces, l.namespace)) &&
		len(validation.IsDNS1123Label(l.namespace)) == 0 &&
		len(validation.IsDNS1123Subdomain(l.invitation)) == 0
}

// nowhere returns a name to read in place of an impossible one.
func (p *Portal) nowhere() types.NamespacedName {
	namespace := "default"
	if len(p.namespaces) > 0 {
		namespace = p.namespaces[0]
	}
	return types.NamespacedName{Namespace: namespace, Name: "no-such-invitation"}
}

// cause returns the text of an error for the log, without the names in it, which a client may have made up.
func cause(err error) string {
	if reason := apierrors.ReasonForError(err); reason != "" {
		return string(reason)
	}
	if errors.Is(err, web.ErrBusy) || errors.Is(err, errBlocked) {
		return err.Error()
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return "the API server or the token key could not be read"
}
