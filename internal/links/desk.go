// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
)

// Path of the endpoint, as http.ServeMux reads it.
const Path = "/apis/usher.dev/v1alpha1/namespaces/{namespace}/invitations/{invitation}/link"

// Limits: how many requests are answered at once, and for how long one may take.
const (
	maxAtOnce      = 16
	requestTimeout = 20 * time.Second
)

var invitations = schema.GroupResource{Group: usherv1.GroupVersion.Group, Resource: "invitations"}

// Options are what a [Desk] needs.
type Options struct {
	// Client reads and asks the API server itself. Required.
	Client client.Client
	// Keys returns the keys of the links, as they are now. Required.
	Keys func(context.Context) (invite.Keyring, error)
	// PortalURL is the public base URL of the links, without a slash at the end; empty if there are none.
	PortalURL string
	// Namespaces whose links are given; others have no invitations. Default: all.
	Namespaces []string
	// Now is the clock. Required.
	Now func() time.Time
	// Log is told who asked for what, and what became of it.
	Log logr.Logger
}

// Desk is the endpoint.
type Desk struct {
	Options
	busy chan struct{}
}

var _ http.Handler = (*Desk)(nil)

// New returns a Desk.
func New(options Options) *Desk {
	return &Desk{Options: options, busy: make(chan struct{}, maxAtOnce)}
}

// InvitationLink is the answer to who may have a link.
type InvitationLink struct {
	metav1.TypeMeta `json:",inline"`
	// Link of the invitation.
	Link string `json:"link"`
	// ExpiresAt is when it stops working; absent while its mail is on its way.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// ServeHTTP answers one request.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, apierrors.NewMethodNotSupported(invitations, r.Method))
		return
	}
	select {
	case d.busy <- struct{}{}:
		defer func() { <-d.busy }()
	default:
		w.Header().Set("Retry-After", "1")
		d.Log.Info("link refused", "status", http.StatusTooManyRequests)
		refuse(w, apierrors.NewTooManyRequests("too many links are asked for at once; try again", 1))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	user, err := d.whose(ctx, r)
	if err != nil {
		d.logRefusal(d.Log, err)
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, err)
		return
	}
	key := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("invitation")}
	log := d.Log.WithValues("user", nameOf(user.Username), "namespace", short(key.Namespace), "invitation", short(key.Name))
	link, err := d.give(ctx, user, key)
	if err != nil {
		d.logRefusal(log, err)
		refuse(w, err)
		return
	}
	log.Info("link given")
	answer(w, http.StatusOK, link)
}

// give returns the link of an invitation to a user who may have it. Whether there is one is not looked at before.
func (d *Desk) give(ctx context.Context, user user, key types.NamespacedName) (*InvitationLink, error) {
	if err := d.allowed(ctx, user, key); err != nil {
		return nil, err
	}
	if d.PortalURL == "" {
		return nil, apierrors.NewServiceUnavailable("the manager was started without --portal-url, so there are no links")
	}
	missing := apierrors.NewNotFound(invitations, key.Name)
	if len(d.Namespaces) > 0 && !slices.Contains(d.Namespaces, key.Namespace) {
		return nil, missing
	}
	inv, member, account := &usherv1.Invitation{}, &usherv1.Member{}, &usherv1.Account{}
	if err := d.Client.Get(ctx, key, inv); err != nil {
		return nil, err
	}
	if err := d.Client.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: inv.Spec.MemberRef.Name}, member); err != nil {
		return nil, orMissing(err, missing)
	}
	if err := d.Client.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: member.Spec.AccountRef.Name}, account); err != nil {
		return nil, orMissing(err, missing)
	}
	if inv.DeletionTimestamp != nil || member.DeletionTimestamp != nil {
		return nil, missing
	}
	accepted, err := d.accepted(ctx, member, account)
	if err != nil {
		return nil, err
	}
	if refusal := invite.Admit(inv, member, account, accepted, d.Now()); refusal != invite.Admitted {
		return nil, gone(refusal)
	}
	if !invite.Current(inv, string(member.Spec.Email)) {
		missing.ErrStatus.Message = "there is no link yet: " + key.Name + " is made as soon as its member has a seat"
		return nil, missing
	}
	keys, err := d.Keys(ctx)
	if err != nil {
		return nil, apierrors.NewInternalError(errKeys)
	}
	return &InvitationLink{
		TypeMeta:  metav1.TypeMeta{APIVersion: usherv1.GroupVersion.String(), Kind: "InvitationLink"},
		Link:      keys.Link(d.PortalURL, inv),
		ExpiresAt: inv.Status.ExpiresAt,
	}, nil
}

// accepted tells whether the member's credentials exist, other than those that a deleted member of this name left behind.
func (d *Desk) accepted(ctx context.Context, member *usherv1.Member, account *usherv1.Account) (bool, error) {
	secret := &corev1.Secret{}
	err := d.Client.Get(ctx, types.NamespacedName{Namespace: member.Namespace, Name: credentials.Name(member.Name)}, secret)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return credentials.AcceptanceOf(credentials.Read(secret), member, account).Counts(), nil
}

// orMissing is missing where err says that something that the invitation needs is not there.
func orMissing(err error, missing *apierrors.StatusError) error {
	if apierrors.IsNotFound(err) {
		return missing
	}
	return err
}

func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object) // to a client that has gone there is nothing to say
}
