// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestDecliningAsksForConfirmation(t *testing.T) {
	w := newWorld(t)
	answer := w.get(w.link() + "/decline?lang=en-US")
	w.expectPage(answer, http.StatusOK, "Decline this invitation?")
	body := answer.Body.String()
	w.Expect(body).To(ContainSubstring(`<form class="choices" method="post" action="` + w.link() + `?lang=en-US">`))
	w.Expect(body).To(ContainSubstring(`name="action" value="decline"`))
	w.Expect(body).To(ContainSubstring(`href="`+w.link()+`?lang=en-US"`), "the way back")
	w.Expect(body).To(ContainSubstring("Acme SAS will see that you declined"))
	w.expectPage(w.get(w.link()), http.StatusOK, titleForm)
	w.Expect(w.wire.mutations.Load()).To(BeZero())
}

func TestDeclining(t *testing.T) {
	w := newWorld(t)
	w.expectDone(w.post(w.link(), declination), titleFarewell)
	w.reload(w.invitation)
	w.Expect(w.invitation.Status.State).To(Equal(usherv1.InvitationDeclined))
	w.Expect(w.invitation.Status.LinkGeneration).To(BeEquivalentTo(1), "the rest of the status is kept")
	w.Expect(w.credentials()).To(BeNil())

	w.expectPage(w.get(w.link()), http.StatusGone, titleDeclined)
	w.expectPage(w.post(w.link(), acceptance()), http.StatusGone, titleDeclined)
	w.Expect(w.wire.mutations.Load()).To(BeEquivalentTo(1))
	w.expectNoSecretsInLogs()
}

func TestDecliningIsDecidedAgainAfterAConflict(t *testing.T) {
	for name, c := range map[string]struct {
		between func(*world)
		want    func(*world, string)
	}{
		"something harmless": {
			func(w *world) { updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.Attempts++ }) },
			func(w *world, link string) {
				w.expectDone(w.post(link, declination), titleFarewell)
				w.reload(w.invitation)
				w.Expect(w.invitation.Status.Attempts).To(BeEquivalentTo(1))
				w.Expect(w.invitation.Status.State).To(Equal(usherv1.InvitationDeclined))
			},
		},
		"revoked": {
			func(w *world) {
				update(w, w.invitation, func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
			},
			func(w *world, link string) {
				w.expectPage(w.post(link, declination), http.StatusGone, titleRevoked)
				w.reload(w.invitation)
				w.Expect(w.invitation.Status.State).To(Equal(usherv1.InvitationSent))
			},
		},
		"deleted": {
			func(w *world) { w.Expect(w.api.Delete(w.ctx, w.invitation)).To(Succeed()) },
			func(w *world, link string) {
				w.expectPage(w.post(link, declination), http.StatusNotFound, titleUnknown)
			},
		},
		"accepted, and recorded": {
			func(w *world) {
				w.Expect(w.postTo(w.newPortal(), w.link(), acceptance()).Code).To(Equal(http.StatusSeeOther))
				updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted })
			},
			func(w *world, link string) { w.expectPage(w.post(link, declination), http.StatusGone, titleUsed) },
		},
		"accepted, and not recorded": {
			func(w *world) {
				w.Expect(w.postTo(w.newPortal(), w.link(), acceptance()).Code).To(Equal(http.StatusSeeOther))
			},
			func(w *world, link string) {
				w.expectPage(w.post(link, declination), http.StatusGone, titleUsed)
				w.Expect(w.credentials()).NotTo(BeNil())
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.wire.beforeStatusUpdate = func(client.Object) {
				w.wire.beforeStatusUpdate = nil
				c.between(w)
			}
			c.want(w, w.link())
		})
	}
}

func TestDecliningGivesUpAfterManyConflicts(t *testing.T) {
	w := newWorld(t)
	w.wire.beforeStatusUpdate = func(client.Object) {
		updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.Attempts++ })
	}
	w.expectPage(w.post(w.link(), declination), http.StatusServiceUnavailable, titleUnavailable)
	w.wire.beforeStatusUpdate = nil
	w.expectDone(w.post(w.link(), declination), titleFarewell)
}
