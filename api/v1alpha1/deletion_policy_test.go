// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

var _ = Describe("Deleting what people sit in", Ordered, func() {
	var namespace string

	config := func(folder string) string {
		GinkgoHelper()
		root, err := apiserver.ModuleRoot()
		Expect(err).NotTo(HaveOccurred())
		return filepath.Join(root, "config", folder)
	}
	kubectl := func(ctx context.Context, args ...string) string {
		GinkgoHelper()
		args = append([]string{"--kubeconfig", server.KubeconfigPath()}, args...)
		out, err := exec.CommandContext(ctx, server.Program("kubectl"), args...).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		return string(out)
	}
	pool := func(ctx context.Context, name string, claims int64) *v1alpha1.SeatPool {
		GinkgoHelper()
		p := testkit.SeatPool(name).In(namespace).Seats(3).Build()
		Expect(c.Create(ctx, p)).To(Succeed())
		p.Status = v1alpha1.SeatPoolStatus{Capacity: ptr.To[int32](3), Claims: map[string]int64{}}
		for i := range claims {
			p.Status.Claims[string(rune('a'+i))] = i + 1
		}
		Expect(c.Status().Update(ctx, p)).To(Succeed())
		return p
	}
	account := func(ctx context.Context, name string, active int32) *v1alpha1.Account {
		GinkgoHelper()
		a := testkit.Account(name).In(namespace).Build()
		Expect(c.Create(ctx, a)).To(Succeed())
		a.Status.Members = &v1alpha1.MemberCounts{Total: 3, Active: active, Pending: 3 - active}
		Expect(c.Status().Update(ctx, a)).To(Succeed())
		return a
	}
	allow := func(ctx context.Context, o client.Object, value string) {
		GinkgoHelper()
		o.SetAnnotations(map[string]string{v1alpha1.AllowDeletionAnnotation: value})
		Expect(c.Update(ctx, o)).To(Succeed())
	}

	BeforeAll(func(ctx SpecContext) {
		kubectl(ctx, "apply", "--server-side", "--kustomize", config("policy"))
		DeferCleanup(func(ctx SpecContext) { kubectl(ctx, "delete", "--kustomize", config("policy")) })
		namespace = testkit.Namespace(ctx, server)
		canaries := []client.Object{pool(ctx, "canary", 1), account(ctx, "canary", 1)}
		for _, canary := range canaries { // until the API server has compiled the policies
			Eventually(func() error { return c.Delete(ctx, canary, client.DryRunAll) }).WithTimeout(time.Minute).Should(MatchError(apierrors.IsForbidden, "forbidden"))
		}
	})
	BeforeEach(func(ctx SpecContext) { namespace = testkit.Namespace(ctx, server) })

	It("is part of what is installed", func(ctx SpecContext) {
		Expect(kubectl(ctx, "kustomize", config("default"))).To(And(
			ContainSubstring("name: usher-seatpool-deletion"), ContainSubstring("name: usher-account-deletion")))
	})

	It("refuses a pool that members have a seat of, and says what to do", func(ctx SpecContext) {
		err := c.Delete(ctx, pool(ctx, "acme-base", 2))
		Expect(err).To(MatchError(apierrors.IsForbidden, "forbidden"))
		Expect(err).To(MatchError(ContainSubstring("2 members have a seat of this pool and would lose their access. Name another pool in their "+
			"spec.seatPoolRefs, or allow it: kubectl annotate seatpool acme-base -n %s usher.dev/allow-deletion=true", namespace)))
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "acme-base"}, &v1alpha1.SeatPool{})).To(Succeed())
	})

	It("refuses an account with Active members, and says what to do", func(ctx SpecContext) {
		err := c.Delete(ctx, account(ctx, "acme", 2))
		Expect(err).To(MatchError(apierrors.IsForbidden, "forbidden"))
		Expect(err).To(MatchError(ContainSubstring("2 members of this account are Active and would lose their access. Delete or disable them "+
			"first, or allow it: kubectl annotate account acme -n %s usher.dev/allow-deletion=true", namespace)))
	})

	It("refuses each of many that are deleted at once, and in every way of deleting", func(ctx SpecContext) {
		p := pool(ctx, "acme-base", 1)
		Expect(c.DeleteAllOf(ctx, &v1alpha1.SeatPool{}, client.InNamespace(namespace))).To(MatchError(apierrors.IsForbidden, "forbidden"))
		for _, how := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
			Expect(c.Delete(ctx, p, client.PropagationPolicy(how), client.GracePeriodSeconds(0))).To(MatchError(apierrors.IsForbidden, "forbidden"))
		}
	})

	It("allows what no one relies on", func(ctx SpecContext) {
		fresh := testkit.SeatPool("fresh").In(namespace).Build()
		unseen := testkit.Account("unseen").In(namespace).Build()
		Expect(c.Create(ctx, fresh)).To(Succeed())
		Expect(c.Create(ctx, unseen)).To(Succeed())
		for _, o := range []client.Object{pool(ctx, "empty", 0), account(ctx, "quiet", 0), fresh, unseen} {
			Expect(c.Delete(ctx, o)).To(Succeed(), o.GetName())
		}
	})

	It("allows what is annotated with true, and nothing else", func(ctx SpecContext) {
		for _, o := range []client.Object{pool(ctx, "acme-base", 1), account(ctx, "acme", 1)} {
			allow(ctx, o, "false")
			Expect(c.Delete(ctx, o)).To(MatchError(apierrors.IsForbidden, "forbidden"))
			allow(ctx, o, "true")
			Expect(c.Delete(ctx, o)).To(Succeed())
		}
	})

	It("allows what is being deleted already", func(ctx SpecContext) {
		p := pool(ctx, "acme-base", 1)
		p.Finalizers = []string{v1alpha1.SeatPoolFinalizer}
		allow(ctx, p, "true")
		Expect(c.Delete(ctx, p)).To(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
		allow(ctx, p, "no longer")
		Expect(c.Delete(ctx, p)).To(Succeed())
		p.Finalizers = nil
		Expect(c.Update(ctx, p)).To(Succeed())
	})

	It("allows all that is in a namespace that is being deleted", func(ctx SpecContext) {
		p, a := pool(ctx, "acme-base", 1), account(ctx, "acme", 1)
		Expect(c.Delete(ctx, p)).To(MatchError(apierrors.IsForbidden, "forbidden"))
		Expect(c.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		// What the namespace controller does; it tries again until nothing is left. The API server's policies read namespaces from a cache.
		Eventually(func() error { return c.DeleteAllOf(ctx, &v1alpha1.SeatPool{}, client.InNamespace(namespace)) }).Should(Succeed())
		Expect(c.Delete(ctx, a)).To(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(p), p)).To(MatchError(apierrors.IsNotFound, "not found"))
	})
})
