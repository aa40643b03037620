// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
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
	"github.com/usher-dev/usher/internal/store"
)

// Limits: how many requests are served at once, and how long one may take.
const (
	maxAtOnce      = 16
	requestTimeout = 20 * time.Second
)

// kind is whose links a Handler serves.
type kind struct {
	// path of the endpoint, as http.ServeMux reads it; its parameters are namespace and name.
	path     string
	resource schema.GroupResource
	// object is what a user calls it.
	object string
	// linkOf returns the link of the object with that key.
	linkOf func(h *Handler, ctx context.Context, key types.NamespacedName) (*InvitationLink, error)
}

var kinds = []kind{
	{
		path:     "/apis/usher.dev/v1alpha1/namespaces/{namespace}/invitations/{name}/link",
		resource: usherv1.GroupVersion.WithResource("invitations").GroupResource(), object: "Invitation", linkOf: (*Handler).ofInvitation,
	},
	{
		path:     "/apis/usher.dev/v1alpha1/namespaces/{namespace}/members/{name}/link",
		resource: usherv1.GroupVersion.WithResource("members").GroupResource(), object: "Member", linkOf: (*Handler).ofMember,
	},
}

// Options are what a [Handler] needs.
type Options struct {
	// Client reads from the API server, not from a cache. Required.
	Client client.Client
	// Keys returns the current keys of the links. Required.
	Keys func(context.Context) (invite.Keyring, error)
	// PortalURL is the public base URL of the links, without a slash at the end; empty if there are none.
	PortalURL string
	// Namespaces whose links are served; in others, nothing is found. Default: all.
	Namespaces []string
	// Now is the clock. Required.
	Now func() time.Time
	// Log records who asked for which link, and the result.
	Log logr.Logger
}

// Handler serves the links of one kind.
type Handler struct {
	Options
	kind
	busy chan struct{}
}

var _ http.Handler = (*Handler)(nil)

// New returns the Handlers, by the paths that http.ServeMux reads.
func New(options Options) map[string]*Handler {
	handlers, busy := map[string]*Handler{}, make(chan struct{}, maxAtOnce)
	for _, kind := range kinds {
		handlers[kind.path] = &Handler{Options: options, kind: kind, busy: busy}
	}
	return handlers
}

// InvitationLink is the answer to a user who may have the link.
type InvitationLink struct {
	metav1.TypeMeta `json:",inline"`
	// Link of the invitation, or the one that confirms a member's new address.
	Link string `json:"link"`
	// ExpiresAt is when the link stops working; absent until the mail is sent.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, apierrors.NewMethodNotSupported(h.resource, r.Method))
		return
	}
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	default:
		w.Header().Set("Retry-After", "1")
		h.Log.Info("link refused", "status", http.StatusTooManyRequests)
		refuse(w, apierrors.NewTooManyRequests("too many links are asked for at once; try again", 1))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()

	user, err := h.authenticate(ctx, r)
	if err != nil {
		h.logRefusal(h.Log, err)
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, err)
		return
	}
	key := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	log := h.Log.WithValues("user", nameOf(user.Username), "namespace", short(key.Namespace), strings.ToLower(h.object), short(key.Name))
	link, err := h.linkFor(ctx, user, key)
	if err != nil {
		h.logRefusal(log, err)
		refuse(w, err)
		return
	}
	log.Info("link given")
	answer(w, http.StatusOK, link)
}

// linkFor returns a link if the user may have it. It asks for the right before it reads anything, so that the answer to a user without the
// right does not depend on whether the object exists.
func (h *Handler) linkFor(ctx context.Context, user user, key types.NamespacedName) (*InvitationLink, error) {
	if err := h.authorize(ctx, user, key); err != nil {
		return nil, err
	}
	if h.PortalURL == "" {
		return nil, refusal(apierrors.NewServiceUnavailable("the manager was started without --portal-url, so there are no links"))
	}
	if len(h.Namespaces) > 0 && !slices.Contains(h.Namespaces, key.Namespace) {
		return nil, refusal(apierrors.NewNotFound(h.resource, key.Name))
	}
	return h.linkOf(h, ctx, key)
}

// ofInvitation returns the link of an invitation.
func (h *Handler) ofInvitation(ctx context.Context, key types.NamespacedName) (*InvitationLink, error) {
	missing := apierrors.NewNotFound(h.resource, key.Name)
	inv, member, account, err := h.read(ctx, key)
	if err != nil {
		return nil, err
	}
	if account == nil || inv.DeletionTimestamp != nil || member.DeletionTimestamp != nil {
		return nil, refusal(missing)
	}
	accepted, err := h.accepted(ctx, member, account)
	if err != nil {
		return nil, err
	}
	if refused := invite.Admit(inv, member, account, accepted, h.Now()); refused != invite.Admitted {
		return nil, gone(whyGone[refused])
	}
	if !invite.Current(inv, string(member.EmailInUse())) {
		missing.ErrStatus.Message = "there is no link yet: " + key.Name + " is made as soon as its member has a seat"
		return nil, refusal(missing)
	}
	keys, err := h.Keys(ctx)
	if err != nil {
		return nil, refusal(apierrors.NewInternalError(errKeys))
	}
	return newLink(keys.Link(h.PortalURL, inv), inv.Status.ExpiresAt), nil
}

func newLink(link string, expires *metav1.Time) *InvitationLink {
	return &InvitationLink{
		TypeMeta: metav1.TypeMeta{APIVersion: usherv1.GroupVersion.String(), Kind: "InvitationLink"}, Link: link, ExpiresAt: expires,
	}
}

// read returns an invitation with its member and that member's account. If one of the three does not exist, the account is nil.
func (h *Handler) read(
	ctx context.Context, key types.NamespacedName,
) (*usherv1.Invitation, *usherv1.Member, *usherv1.Account, error) {
	inv, member := &usherv1.Invitation{}, &usherv1.Member{}
	found, err := store.Get(ctx, h.Client, key.Namespace, key.Name, inv)
	if err == nil && found {
		found, err = store.Get(ctx, h.Client, key.Namespace, inv.Spec.MemberRef.Name, member)
	}
	if err != nil || !found {
		return nil, nil, nil, err
	}
	account, err := store.Account(ctx, h.Client, key.Namespace, member.Spec.AccountRef.Name)
	return inv, member, account, err
}

// accepted reports whether the member has accepted.
func (h *Handler) accepted(ctx context.Context, member *usherv1.Member, account *usherv1.Account) (bool, error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, h.Client, member.Namespace, credentials.Name(member.Name), secret)
	if err != nil || !found {
		return false, err
	}
	keys, err := h.Keys(ctx)
	if err != nil {
		return false, refusal(apierrors.NewInternalError(errKeys))
	}
	signer, err := credentials.SignerOf(keys)
	if err != nil {
		return false, refusal(apierrors.NewInternalError(errKeys))
	}
	return credentials.AcceptanceOf(credentials.Read(secret, signer), member, account).Counts(), nil
}

func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object) // fails only if the client is gone
}
