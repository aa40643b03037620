// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("A restore from a backup", func() {
	It("makes the members who had accepted Active without a mail, and sends the others a new link", func(ctx SpecContext) {
		w, o := running(ctx, 3)
		w.hire("ada", "bob", "eve")
		w.activate("ada", "bob")
		w.disable("bob")
		Eventually(w.member("bob")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		Eventually(w.member("eve")).Should(beInvited)
		dead := w.link("eve", 1)
		o.settles()
		o.stop()

		accepted, acceptance := w.member("ada")().Status.AcceptedAt, w.credentials("ada").Data

		By("restoring, with new UIDs and without statuses")
		other, backup := w.lost(ctx)
		other.restore(backup...)
		again := other.start()
		Eventually(other.member("ada")).Should(beActive)
		Eventually(other.member("bob")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		Eventually(other.member("eve")).Should(beInvited)
		other.enable("bob")
		Eventually(other.member("bob")).Should(beActive)
		again.settles()
		Expect(other.mailed()).To(Equal([]string{"eve"}))
		Expect(other.visit(dead)).To(Equal(http.StatusNotFound))
		Expect(other.credentials("ada").Data).To(Equal(acceptance))
		Expect(other.member("ada")().Status.AcceptedAt.Time).To(BeTemporally("~", accepted.Time, time.Second))
		other.activate("eve")
	})
})

// restored returns an object as a backup tool creates it again: with its finalizers, without UID, owners and status.
func restored[T client.Object](o T) T {
	o.SetResourceVersion("")
	o.SetUID("")
	o.SetManagedFields(nil)
	o.SetOwnerReferences(nil)
	switch o := any(o).(type) {
	case *usherv1.Account:
		o.Status = usherv1.AccountStatus{}
	case *usherv1.SeatPool:
		o.Status = usherv1.SeatPoolStatus{}
	case *usherv1.Member:
		o.Status = usherv1.MemberStatus{}
	case *usherv1.Invitation:
		o.Status = usherv1.InvitationStatus{}
	}
	return o
}

func (w *world) secret(name string) *corev1.Secret {
	secret := &corev1.Secret{}
	secret.Name = name
	return read(w, secret)
}

// sampleObjects returns the Plan, the Account and the SeatPools of a file of config/samples/plans. Plans have no namespace, so that the
// Plan gets the name of the world's.
func sampleObjects(w *world, file string) (plan *usherv1.Plan, account *usherv1.Account, pools []*usherv1.SeatPool) {
	GinkgoHelper()
	raw, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096); ; {
		var object struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
			Spec              any `json:"spec"`
		}
		err := documents.Decode(&object)
		if errors.Is(err, io.EOF) {
			return plan, account, pools
		}
		Expect(err).NotTo(HaveOccurred())
		switch object.Kind {
		case "Plan":
			plan = as[usherv1.Plan](object)
			plan.Name = w.namespace
		case "Account":
			account = as[usherv1.Account](object)
			account.Name, account.Spec.PlanRef.Name = testkit.DefaultAccount, w.namespace
		case "SeatPool":
			pool := as[usherv1.SeatPool](object)
			pool.Spec.AccountRef.Name = testkit.DefaultAccount
			pools = append(pools, pool)
		}
	}
}

// granted is all that the members of an account were given: each one's state, role, rights and seats, each role's subjects, the seats of
// each pool, and the account's owner.
func (w *world) granted() map[string]string {
	GinkgoHelper()
	all := map[string]string{"owner": fmt.Sprint(ptr.Deref(w.account().Status.Owner, usherv1.AccountOwner{}).Name)}
	for _, m := range w.members() {
		var seats []string
		for _, s := range m.Status.Seats {
			if s.Held() {
				seats = append(seats, s.Pool)
			}
		}
		all["member "+m.Name] = fmt.Sprintf("%s %s, role %s, rights %v, seats %v", m.Status.State, reasonOf(&m), m.Status.Role, m.Status.Rights, seats)
	}
	bindings, err := store.Bindings(GinkgoT().Context(), w.api, w.namespace, testkit.DefaultAccount)
	Expect(err).NotTo(HaveOccurred())
	for _, b := range bindings {
		var subjects []string
		for _, s := range b.Subjects {
			subjects = append(subjects, s.Name)
		}
		slices.Sort(subjects)
		all["binding to "+b.RoleRef.Kind+" "+b.RoleRef.Name] = fmt.Sprint(subjects)
	}
	var pools usherv1.SeatPoolList
	Expect(w.api.List(GinkgoT().Context(), &pools, client.InNamespace(w.namespace))).To(Succeed())
	for _, p := range pools.Items {
		all["pool "+p.Name] = fmt.Sprintf("%d of them included, of %d, to %v", p.Status.Included, ptr.Deref(p.Status.Capacity, -1), w.holders(p.Name))
	}
	return all
}

// backup is every object of a world that a backup has, members in the order of their names.
func (w *world) backup() (objects []client.Object) {
	GinkgoHelper()
	objects = append(objects, w.secret(tokenSecret))
	for _, m := range w.members() {
		if secret := w.credentials(m.Name); secret != nil {
			objects = append(objects, secret)
		}
	}
	objects = append(objects, w.account())
	var pools usherv1.SeatPoolList
	Expect(w.api.List(GinkgoT().Context(), &pools, client.InNamespace(w.namespace))).To(Succeed())
	for _, p := range pools.Items {
		objects = append(objects, p.DeepCopy())
	}
	for _, m := range w.members() {
		objects = append(objects, m.DeepCopy())
	}
	for _, i := range w.invitations() {
		objects = append(objects, i.DeepCopy())
	}
	return objects
}

// lost takes a backup and deletes everything in the world's namespace, as the loss of a cluster does. It returns the world after it: with
// another mail server, and without a manager.
func (w *world) lost(ctx context.Context) (after *world, backup []client.Object) {
	GinkgoHelper()
	backup = w.backup()
	w.history.end(w)
	for _, list := range []client.ObjectList{
		&usherv1.MemberList{}, &usherv1.InvitationList{}, &usherv1.SeatPoolList{}, &usherv1.AccountList{},
		&corev1.SecretList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{},
	} {
		Expect(w.api.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			o := item.(client.Object)
			o.SetAnnotations(map[string]string{usherv1.AllowDeletionAnnotation: "true"})
			o.SetFinalizers(nil)
			if err := w.api.Update(ctx, o); err != nil {
				return err
			}
			return client.IgnoreNotFound(w.api.Delete(ctx, o))
		})).To(Succeed())
	}
	return newWorldIn(w.namespace, smtpsink.Options{}), backup
}

// restore restores a backup: objects are made again, with their metadata and without owner references and statuses.
func (w *world) restore(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		w.create(restored(o.DeepCopyObject().(client.Object)))
	}
}

var _ = Describe("What members were granted", func() {
	// play has a member of each sort on a sample plan: zoe came first, and her name sorts last.
	play := func(ctx SpecContext, sample string) (w *world, o *operator) {
		w = newWorld(ctx, smtpsink.Options{})
		plan, account, pools := sampleObjects(w, sample)
		Expect(w.api.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(w.api.Delete(ctx, plan))).To(Succeed()) })
		w.create(account)
		var names []string
		for _, p := range pools {
			if plan.Spec.SeatPurchase.Policy != usherv1.PurchaseNotAllowed {
				p.Spec.Seats = ptr.To[int32](3)
			}
			w.create(p)
			names = append(names, p.Name)
		}
		o = w.start()
		w.create(testkit.Member("zoe").Pools(names...).Build())
		Eventually(w.member("zoe")).Should(beInvited)
		w.activate("zoe")
		Eventually(func() *usherv1.AccountOwner { return w.account().Status.Owner }).ShouldNot(BeNil())
		w.clock.Step(2 * time.Second) // times in a Secret have a resolution of one second
		// An acceptance is not believed to be later than its Secret, whose time is the API server's.
		made := w.credentials("zoe").CreationTimestamp
		Eventually(func() time.Duration { return time.Since(made.Time) }).Should(BeNumerically(">", 2*time.Second))

		// Another pool for the same product: after the restore it is older, or its name sorts first.
		second := testkit.SeatPool("aaa").Seats(0).Build()
		second.Spec.Reservation = usherv1.ReserveOnInvitation
		w.create(second)
		Eventually(w.pool("aaa")).Should(testkit.HaveCondition(usherv1.ConditionFull, "True"))
		w.create(testkit.Member("ada").Pools(names...).Rights(plan.Spec.Rights[0].Name).Build(), testkit.Member("bob").Pools(names...).Immediate().Build())
		if plan.Spec.SeatPurchase.Policy != usherv1.PurchaseNotAllowed {
			w.activate("ada")
			Eventually(w.member("bob")).Should(HaveField("Status.State", usherv1.ObservedActive))
		}
		w.create(testkit.Member("abe").Pools(names...).Build())
		Eventually(w.member("abe")).Should(HaveField("Status.State", usherv1.ObservedPending))
		o.settles()
		return w, o
	}
	samples, err := filepath.Glob("../../config/samples/plans/*.yaml")
	if err != nil || len(samples) < 9 {
		panic(fmt.Sprintf("%d sample plans: %v", len(samples), err))
	}
	for _, sample := range samples {
		name := strings.TrimSuffix(filepath.Base(sample), ".yaml")
		It("on the plan "+name+" is the same after a restore, and after each status was lost", func(ctx SpecContext) {
			w, o := play(ctx, sample)
			before := w.granted()
			Expect(before).To(HaveKeyWithValue("owner", "zoe"))

			By("losing one status after the other")
			w.history.unlawful = true
			for _, m := range w.members() {
				wipe(w, testkit.Member(m.Name).Build())
				Eventually(w.granted).Should(Equal(before), "the status of "+m.Name)
			}
			wipe(w, testkit.Account(testkit.DefaultAccount).Build())
			Eventually(w.granted).Should(Equal(before), "the status of the account")
			o.settles()
			Expect(w.granted()).To(Equal(before))
			mails := len(w.mailed())
			Expect(w.mails("zoe")).To(HaveLen(1))
			o.stop()

			By("restoring all")
			other, backup := w.lost(ctx)
			other.restore(backup...)
			again := other.start()
			Eventually(other.granted).Should(Equal(before))
			again.settles()
			Expect(other.granted()).To(Equal(before))
			Expect(len(other.mailed())).To(BeNumerically("<", mails), "only who had not accepted")
			Expect(other.mails("zoe")).To(BeEmpty())
		})
	}

	It("with seats that are short goes to those who had accepted", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("cat", "dan")
		w.activate("cat", "dan")
		w.hire("abe", "bob") // they sort first, and wait
		Eventually(w.member("bob")).Should(beWaiting)
		o.settles()
		before := w.granted()
		o.stop()
		other, backup := w.lost(ctx)
		other.restore(backup...)
		again := other.start()
		Eventually(other.granted).Should(Equal(before))
		again.settles()
		Expect(other.mailed()).To(BeEmpty())
	})

	It("is a seat of the same pool, if the spec names none and there are two by now", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		w.create(testkit.SeatPool("aaa").Seats(2).Build())
		Eventually(func() string { return w.member("bob")().Annotations[usherv1.SeatPoolAnnotation] }).Should(Equal(base))
		o.settles()
		before := w.granted()
		o.stop()
		other, backup := w.lost(ctx)
		other.restore(backup...)
		other.start()
		Eventually(other.granted).Should(Equal(before))
		other.hire("new")
		Eventually(other.member("new")).Should(be(usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound))
	})

	It("belongs to the member that had the address, and not to a duplicate", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.create(testkit.Member("zoe").Email("same@acme.example").Build())
		link := w.link("same", 1)
		Expect(w.answer(link, "accept")).To(Equal(http.StatusSeeOther))
		Eventually(w.member("zoe")).Should(beActive)
		w.create(testkit.Member("ada").Email("same@acme.example").Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonDuplicateEmail))
		o.settles()
		o.stop()
		other, backup := w.lost(ctx)
		other.restore(backup...)
		again := other.start()
		Eventually(other.member("zoe")).Should(beActive)
		Eventually(other.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonDuplicateEmail))
		again.settles()
		Expect(other.mailed()).To(BeEmpty())
	})

	It("is not given to the first member's successor of the same name", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		plan := testkit.Plan(w.namespace).Included(5).Admin("admin").Build()
		Expect(w.api.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(w.api.Delete(ctx, plan))).To(Succeed()) })
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		w.create(account, testkit.SeatPool(base).Build())
		w.start()
		w.hire("zoe")
		w.activate("zoe")
		Eventually(w.member("zoe")).Should(HaveField("Status.Role", "admin"))
		w.hire("bob")
		w.activate("bob")
		manifest := w.member("zoe")() // with all of its metadata, as a copy from the cluster
		w.deleteMembers("zoe")
		w.restore(manifest)
		w.activate("zoe")
		Expect(w.member("zoe")().Status.Role).To(Equal("member"))
		Expect(w.member("bob")().Status.Role).To(Equal("member"))
	})
})

var _ = Describe("A deleted member", func() {
	It("that is restored with its credentials is Active again, without a mail", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		for range 2 { // a restored member can be deleted and restored again
			secret, member := w.credentials("ada"), w.member("ada")()
			w.deleteMembers("ada")
			w.restore(secret)
			o.settles()
			Expect(w.credentials("ada")).NotTo(BeNil(), "the credentials wait for their member")
			w.restore(member)
			Eventually(w.member("ada")).Should(beActive)
			o.settles()
			Expect(w.member("ada")()).To(beActive)
			Expect(w.credentials("ada").Data).To(Equal(secret.Data))
			Expect(w.mails("ada")).To(HaveLen(1))
			Eventually(func() []string { return w.member("ada")().UIDs() }).Should(HaveExactElements(
				append([]any{string(w.member("ada")().UID)}, asAny(member.UIDs())...)...), "it is known by each UID that it had")
		}
	})

	It("that is restored before its credentials is invited, and Active when they come", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		secret, member := w.credentials("ada"), w.member("ada")()
		w.deleteMembers("ada")
		w.restore(member)
		Eventually(w.member("ada")).Should(beInvited)
		w.restore(secret)
		Eventually(w.member("ada")).Should(beActive)
	})

	It("is not restored by its credentials alone: a new member of its name is invited, and told why", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		secret := w.credentials("ada")
		w.deleteMembers("ada")
		w.restore(secret)
		o.settles()
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.credentials("ada")).To(BeNil())
		Eventually(func() []string { return w.eventReasons("ada") }).Should(ContainElement(usherv1.ReasonCredentialsDropped))
	})

	It("leaves no credentials behind that no member is restored for", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		secret := w.credentials("ada")
		w.deleteMembers("ada")
		w.restore(secret)
		o.settles()
		o.stop()
		w.clock.Step(11 * time.Minute)
		w.start()
		Eventually(func() *corev1.Secret { return w.credentials("ada") }).Should(BeNil())
	})
})

func asAny(all []string) (list []any) {
	for _, s := range all {
		list = append(list, s)
	}
	return list
}

var _ = Describe("An annotation of Usher's that another client applies", func() {
	It("is left as it is, without an end of writes", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada", "bob")
		apply := func(name string, annotations map[string]string) {
			GinkgoHelper()
			manifest := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{}}}
			manifest.SetGroupVersionKind(usherv1.GroupVersion.WithKind("Member"))
			manifest.SetNamespace(w.namespace)
			manifest.SetName(name)
			manifest.SetAnnotations(annotations)
			Expect(w.api.Apply(ctx, client.ApplyConfigurationFromUnstructured(manifest), client.FieldOwner("gitops"), client.ForceOwnership)).
				To(Succeed())
		}
		for range 2 { // as a GitOps tool does, again and again
			apply("ada", map[string]string{usherv1.MemberUIDAnnotation: "of-an-earlier-cluster"})
			o.settles()
			Expect(w.member("ada")().UIDs()).To(Equal([]string{"of-an-earlier-cluster"}))
			Expect(w.member("ada")()).To(beActive)
		}

		edit(w, testkit.Member("bob").Build(), func(m *usherv1.Member) { m.Annotations[usherv1.MemberUIDAnnotation] = "of-an-earlier-cluster" })
		Eventually(func() []string { return w.member("bob")().UIDs() }).Should(
			Equal([]string{string(w.member("bob")().UID), "of-an-earlier-cluster"}), "who does not apply it does not write it again")
	})
})

// eventReasons returns the reasons of the Events about a member.
func (w *world) eventReasons(name string) (reasons []string) {
	GinkgoHelper()
	var events corev1.EventList
	Expect(w.api.List(GinkgoT().Context(), &events, client.InNamespace(w.namespace))).To(Succeed())
	for _, e := range events.Items {
		if e.InvolvedObject.Kind == "Member" && e.InvolvedObject.Name == name {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

var _ = Describe("Owner references in a backup", func() {
	It("do not bring a revoked invitation back, and its ttl and sendGeneration stay", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		w.editInvitation("ada", func(i *usherv1.Invitation) {
			i.Spec.State, i.Spec.TTL, i.Spec.SendGeneration = usherv1.InvitationRevokedWish, "24h", 3
		})
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked))
		w.hire("bob")
		w.activate("bob")
		o.settles()
		owners := w.invitation("ada")().OwnerReferences
		Expect(owners).To(HaveLen(1))
		o.stop()

		spec := w.invitation("ada")().Spec
		other, backup := w.lost(ctx)
		for _, object := range backup {
			object = restored(object)
			if object.GetName() == "ada" {
				if inv, ok := object.(*usherv1.Invitation); ok {
					inv.OwnerReferences = owners
				}
			}
			other.create(object)
		}
		again := other.start()
		Eventually(other.member("bob")).Should(beActive)
		Eventually(other.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked))
		again.settles()
		Expect(other.mailed()).To(BeEmpty())
		Expect(other.holders(base)).To(Equal([]string{"bob"}))
		inv := other.invitation("ada")()
		Expect(inv.Spec).To(Equal(spec))
		Expect(inv.OwnerReferences).To(ConsistOf(HaveField("UID", other.member("ada")().UID)), "adopted, before a garbage collector finds it")
		other.deleteMembers("ada")
		Expect(exists(other, testkit.Invitation("ada").Build())()).To(BeFalse())
	})

	It("of another tool's object leave the invitation to that tool", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		inv := testkit.Invitation("ada").TTL("24h").SendGeneration(2).Build()
		inv.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: "kro.run/v1alpha1", Kind: "Team", Name: "acme", UID: types.UID("of-another-tool"), Controller: ptr.To(true),
		}}
		w.create(inv)
		uid := w.invitation("ada")().UID
		w.hire("ada")
		w.activate("ada")
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"ada"}))
		Expect(w.invitation("ada")()).To(And(HaveField("UID", uid), HaveField("OwnerReferences", inv.OwnerReferences),
			HaveField("Spec.TTL", usherv1.TTL("24h"))))
		w.deleteMembers("ada")
		Expect(w.invitation("ada")().UID).To(Equal(uid), "Usher does not delete what it did not make")
	})
})

// as converts what was read from a file to an object.
func as[T any](from any) *T {
	GinkgoHelper()
	raw, err := json.Marshal(from)
	Expect(err).NotTo(HaveOccurred())
	to := new(T)
	Expect(json.Unmarshal(raw, to)).To(Succeed())
	return to
}
