// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	cachetesting "k8s.io/client-go/tools/cache/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// sources are what the caches of a test are filled from, in the place of an API server.
type sources struct {
	members, invitations, secrets, others *cachetesting.FakeControllerSource
}

func newSources() *sources {
	source := cachetesting.NewFakeControllerSource
	return &sources{source(), source(), source(), source()}
}

func (s *sources) of(object k8sruntime.Object) *cachetesting.FakeControllerSource {
	switch object.(type) {
	case *usherv1.Member:
		return s.members
	case *usherv1.Invitation:
		return s.invitations
	case *metav1.PartialObjectMetadata:
		return s.secrets
	}
	return s.others
}

// start starts the caches that a manager has, as far as they are about members.
func (s *sources) start(t *testing.T, compact bool) cache.Cache {
	g := NewWithT(t)
	constructor := func(
		_ toolscache.ListerWatcher, o k8sruntime.Object, resync time.Duration, i toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		return toolscache.NewSharedIndexInformer(s.of(o), o, resync, i)
	}
	if compact {
		constructor = compactInformer(constructor)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"Account", "Member", "Invitation", "SeatPool"} {
		mapper.Add(usherv1.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	c, err := cache.New(&rest.Config{Host: "http://127.0.0.1:0"}, cache.Options{
		Scheme: testkit.Scheme(), Mapper: mapper, NewInformer: constructor, DefaultTransform: strip,
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(store.SetupIndexes(t.Context(), c)).To(Succeed())
	_, err = c.GetInformer(t.Context(), store.SecretMetadata(), cache.BlockUntilSynced(false))
	g.Expect(err).NotTo(HaveOccurred())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		g.Expect(<-done).To(Succeed())
	})
	g.Expect(c.WaitForCacheSync(t.Context())).To(BeTrue())
	return c
}

// add adds a member that is Active, with its invitation and its credentials, as the API server has them.
func (s *sources) add(namespace, name string) (*usherv1.Member, *usherv1.Invitation, *metav1.PartialObjectMetadata) {
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	uid := func(kind string) types.UID { return types.UID(fmt.Sprintf("%-32.32s%s", namespace+name, kind)) }
	conditions := func(reason string, names ...string) (all []metav1.Condition) {
		for _, name := range names {
			all = append(all, metav1.Condition{
				Type: name, Status: metav1.ConditionTrue, Reason: reason, LastTransitionTime: now, ObservedGeneration: 1,
			})
		}
		return all
	}
	m := testkit.Member(name).In(namespace).Account("acme").Email(name + "@" + namespace + ".example").Build()
	m.UID, m.CreationTimestamp, m.Generation, m.Finalizers = uid("memb"), now, 1, []string{usherv1.MemberFinalizer}
	m.Annotations = map[string]string{usherv1.MemberUIDAnnotation: string(m.UID)}
	m.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "manager", FieldsV1: metav1.NewFieldsV1("{}")}}
	m.Status = usherv1.MemberStatus{
		ObservedGeneration: 1, State: usherv1.ObservedActive, Email: string(m.Spec.Email), Role: "member", DisplayName: string(m.Spec.Email),
		Seats:     []usherv1.MemberSeat{{Pool: "base", PoolUID: "843dbe0d-72ca-4f96-bf1e-8761240875c9", Grant: 1}},
		InvitedAt: &now, ExpiresAt: &now, AcceptedAt: &now, ActivatedAt: &now, InvitationRef: &usherv1.InvitationReference{Name: name},
		Conditions: conditions(usherv1.ReasonAccepted, "Pending", "Active", "Disabled", "SeatsAssigned", "Ready"),
	}
	m.Status.Conditions[4].Message = "Accepted and has access"
	inv := &usherv1.Invitation{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: uid("invi"), CreationTimestamp: now, Generation: 1,
			Labels: map[string]string{usherv1.AccountLabel: "acme"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: usherv1.GroupVersion.String(), Kind: "Member", Name: name, UID: m.UID, Controller: ptr.To(true),
				BlockOwnerDeletion: ptr.To(true),
			}},
		},
		Spec: usherv1.InvitationSpec{MemberRef: usherv1.MemberReference{Name: name}, SendGeneration: 1, State: usherv1.InvitationOpen},
		Status: usherv1.InvitationStatus{
			ObservedGeneration: 1, State: usherv1.InvitationAccepted, Recipient: string(m.Spec.Email), Language: "en-GB", SendGeneration: 1,
			LinkGeneration: 1, KeyID: "7cb5d32f", MessageID: string(uid("invi")) + ".1@acme.example", Attempts: 1, FirstAttemptAt: &now,
			SentAt: &now, ExpiresAt: &now, AcceptedAt: &now, Conditions: conditions(usherv1.ReasonAccepted, "Sent", "Accepted", "Ready"),
		},
	}
	secret := store.SecretMetadata()
	secret.Namespace, secret.Name, secret.UID, secret.CreationTimestamp = namespace, credentials.Name(name), uid("cred"), now
	secret.Labels = map[string]string{usherv1.AccountLabel: "acme", usherv1.MemberLabel: name}
	secret.Annotations = map[string]string{
		usherv1.KeyIDAnnotation: "7cb5d32f", usherv1.MemberUIDAnnotation: string(m.UID), corev1.LastAppliedConfigAnnotation: "{}",
	}
	s.members.Add(m)
	s.invitations.Add(inv)
	s.secrets.Add(secret)
	return m, inv, secret
}

// Readers, indexes and handlers of events cannot tell a compact cache from another one.
func TestCompactCacheAnswersAsAnyOther(t *testing.T) {
	g := NewWithT(t)
	ctx, s := t.Context(), newSources()
	ada, invitation, secret := s.add("acme", "ada")
	s.add("acme", "bob")
	eve, _, _ := s.add("bolt", "ada")
	c := s.start(t, true)
	delete(secret.Annotations, corev1.LastAppliedConfigAnnotation)

	member, inv, credentials := &usherv1.Member{}, &usherv1.Invitation{}, store.SecretMetadata()
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(ada), member)).To(Succeed())
	version := member.ResourceVersion
	ada.ManagedFields = nil
	ada.TypeMeta, ada.ResourceVersion = member.TypeMeta, version
	g.Expect(member).To(Equal(ada))
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(invitation), inv)).To(Succeed())
	invitation.TypeMeta, invitation.ResourceVersion = inv.TypeMeta, inv.ResourceVersion
	g.Expect(inv).To(Equal(invitation))
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(secret), credentials)).To(Succeed())
	secret.ResourceVersion = credentials.ResourceVersion
	g.Expect(credentials).To(Equal(secret), "without what kubectl has applied")

	found := func(namespace, index, value string) func() []types.NamespacedName {
		return func() []types.NamespacedName {
			members, err := store.Members(ctx, c, namespace, index, value)
			g.Expect(err).NotTo(HaveOccurred())
			return store.Keys(members)
		}
	}
	adaKey, eveKey := client.ObjectKeyFromObject(ada), client.ObjectKeyFromObject(eve)
	g.Expect(found("acme", store.ByUID, string(ada.UID))()).To(ConsistOf(adaKey))
	g.Expect(found("bolt", store.ByUID, string(ada.UID))()).To(BeEmpty(), "it is in the other namespace")
	g.Expect(found("", store.ByUID, string(ada.UID))()).To(ConsistOf(adaKey))
	g.Expect(found("", store.ByEmail, "ada@bolt.example")()).To(ConsistOf(eveKey))
	g.Expect(found("acme", store.ByAccount, "acme")()).To(HaveLen(2))
	g.Expect(found("", "", "")()).To(HaveLen(3))
	var invitations usherv1.InvitationList
	g.Expect(c.List(ctx, &invitations, client.InNamespace("acme"), client.MatchingFields{store.ByMemberRef: "ada"})).To(Succeed())
	g.Expect(invitations.Items).To(ConsistOf(*invitation))

	updates := make(chan [2]*usherv1.Member, 1)
	deletions := make(chan *usherv1.Member, 1)
	informer, err := c.GetInformer(ctx, &usherv1.Member{})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) {
			updates <- [2]*usherv1.Member{before.(*usherv1.Member), after.(*usherv1.Member)}
		},
		DeleteFunc: func(o any) { deletions <- o.(*usherv1.Member) },
	})
	g.Expect(err).NotTo(HaveOccurred())
	changed := ada.DeepCopy()
	changed.Spec.Email, changed.Status.Email = "lovelace@acme.example", "lovelace@acme.example"
	s.members.Modify(changed)
	var update [2]*usherv1.Member
	g.Eventually(updates).Should(Receive(&update))
	update[0].TypeMeta = member.TypeMeta
	g.Expect(update[0]).To(Equal(member), "as it was")
	g.Expect(update[1].Spec.Email).To(Equal(changed.Spec.Email))
	g.Expect(found("acme", store.ByAddress, "acme/lovelace@acme.example")()).To(ConsistOf(adaKey))
	g.Expect(found("acme", store.ByAddress, "acme/ada@acme.example")()).To(BeEmpty())
	g.Expect(member.Spec.Email).To(Equal(ada.Spec.Email), "it was the reader's own")
	s.members.Delete(changed)
	g.Eventually(deletions).Should(Receive(HaveField("UID", ada.UID)))
	g.Expect(found("", store.ByUID, string(ada.UID))()).To(BeEmpty())
}

// maxHeapPerMember is how many bytes of live heap the objects and indexes of a member may take. Today it is about 1,700, and with the
// caches of controller-runtime about 7,600.
const maxHeapPerMember = 1_800

func TestCompactCacheIsSmall(t *testing.T) {
	g := NewWithT(t)
	heap := func() int {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int(stats.HeapAlloc)
	}
	const n = 4_000
	s := newSources()
	for i := range n {
		s.add("acme", fmt.Sprint("member-", i))
	}
	before := heap()
	c := s.start(t, true)
	perMember := 0
	g.Eventually(func() int {
		perMember = (heap() - before) / n
		return perMember
	}).WithTimeout(30*time.Second).Should(BeNumerically("<", maxHeapPerMember), "once no one reads the objects")
	t.Logf("%d bytes per member", perMember)
	members, err := store.Members(t.Context(), c, "acme", store.ByAccount, "acme")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(members).To(HaveLen(n))
	runtime.KeepAlive(s)
}
