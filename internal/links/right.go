// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
)

// Verb is the right on an Invitation or a Member that its link requires.
const Verb = "getlink"

// maxToken is how long a token may be, in bytes; the headers of a request are bounded anyway.
const maxToken = 16 << 10

type user = authenticationv1.UserInfo

// errKeys replaces an error whose text could reveal a secret.
var errKeys = errors.New("the keys of the links could not be read")

// authenticate asks the API server who a request's token belongs to.
func (h *Handler) authenticate(ctx context.Context, r *http.Request) (user, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return user{}, refusal(apierrors.NewUnauthorized("say who you are: Authorization: Bearer <token>, for example of `kubectl create token`"))
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	if err := h.Client.Create(ctx, review); err != nil {
		return user{}, refusal(apierrors.NewInternalError(errors.New("the token could not be reviewed")))
	}
	if !review.Status.Authenticated || review.Status.User.Username == "" {
		return user{}, refusal(apierrors.NewUnauthorized("the token is not valid, or has expired"))
	}
	return review.Status.User, nil
}

// authorize asks the API server whether a user may have a link. It returns an error if not.
func (h *Handler) authorize(ctx context.Context, user user, key types.NamespacedName) error {
	extra := map[string]authorizationv1.ExtraValue{}
	for name, values := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: key.Namespace, Name: key.Name, Verb: Verb,
			Group: usherv1.GroupVersion.Group, Version: usherv1.GroupVersion.Version, Resource: h.resource.Resource,
		},
	}}
	if err := h.Client.Create(ctx, review); err != nil {
		return refusal(apierrors.NewInternalError(errors.New("the right could not be reviewed")))
	}
	if !review.Status.Allowed || review.Status.Denied {
		return refusal(apierrors.NewForbidden(h.resource, key.Name, errors.New("you need the verb "+Verb+" on this "+h.object)))
	}
	return nil
}

// refusal says what was refused. The client gets the status alone.
func refusal(status *apierrors.StatusError) error {
	return fmt.Errorf("give a link: %w", status)
}

// whyGone says why the link of an invitation is dead.
var whyGone = map[invite.Refusal]string{
	invite.RefusedUsed:            "the invitation was accepted",
	invite.RefusedDeclined:        "the invitation was declined; raise its spec.sendGeneration to ask again",
	invite.RefusedExpired:         "the link has expired; raise the invitation's spec.sendGeneration to make another",
	invite.RefusedRevoked:         "the invitation was revoked, or another member has the address",
	invite.RefusedMemberDisabled:  "the member is disabled",
	invite.RefusedAccountDisabled: "the account is disabled",
}

// gone says why a link is dead.
func gone(why string) error {
	return refusal(&apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonGone, Message: why,
	}})
}

// logRefusal logs a refusal. The error contains nothing that the client sent, except names.
func (h *Handler) logRefusal(log logr.Logger, err error) {
	log.Info("link refused", "status", statusOf(err).Code, "reason", string(apierrors.ReasonForError(err)))
}

func refuse(w http.ResponseWriter, err error) {
	status := statusOf(err)
	answer(w, int(status.Code), status)
}

// statusOf returns an error in the API server's format. The text of an error that is not the API server's own is left out.
func statusOf(err error) metav1.Status {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(errors.New("the API server could not be read"))
	}
	status := known.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return status
}

// nameOf returns a user's name for the log. Identity providers use e-mail addresses as names; an address is logged as its digest,
// which can be compared by anyone who knows the address.
func nameOf(username string) string {
	if !strings.Contains(username, "@") {
		return short(username)
	}
	sum := sha256.Sum256([]byte(username))
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// short truncates a name that a client may have made up, so that it does not fill the log.
func short(name string) string { return name[:min(len(name), 253)] }
