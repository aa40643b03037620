// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestAuditTellsWhoWroteWhat(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	namespace, err := server.Namespace(ctx, "audit")
	g.Expect(err).NotTo(HaveOccurred())
	user, err := server.AddUser("auditee", "system:masters")
	g.Expect(err).NotTo(HaveOccurred())
	config := user.Config()
	config.UserAgent = "manager/v1 (test)"
	maps := clientsFor(g, config).CoreV1().ConfigMaps(namespace)

	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "before"}}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	mark, err := server.Audit().Mark()
	g.Expect(err).NotTo(HaveOccurred())
	byUser := func() ([]Write, error) { return server.Audit().Writes(mark, ByUser("auditee")) }

	_, err = maps.List(ctx, metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(byUser()).To(BeEmpty(), "neither reads nor writes before the mark count")

	_, err = maps.Patch(ctx, "before", types.MergePatchType, []byte(`{"data":{"a":"b"}}`), metav1.PatchOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(byUser()).To(HaveLen(1), "at once, without waiting for the log")
	g.Expect(maps.Delete(ctx, "never-there", metav1.DeleteOptions{})).NotTo(Succeed())
	_, err = clientsFor(g, config).CoreV1().Events(namespace).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "noise"},
		InvolvedObject: corev1.ObjectReference{Namespace: namespace},
	}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())

	write := func(verb, name string, code int32) Write {
		return Write{
			User: "auditee", UserAgent: "manager/v1 (test)", Verb: verb, Resource: "configmaps",
			Namespace: namespace, Name: name, Code: code,
		}
	}
	g.Eventually(func() ([]Write, error) {
		return server.Audit().Writes(mark, ByUserAgent("manager/"), Work)
	}).WithTimeout(10 * time.Second).Should(Equal([]Write{write("patch", "before", 200), write("delete", "never-there", 404)}))
	g.Expect(byUser()).To(HaveLen(3), "the write of the event is logged, too")
	g.Expect(server.Audit().Writes(mark, ByUser("stranger"))).To(BeEmpty())
	g.Expect(write("patch", "before", 200).String()).To(Equal("patch configmaps " + namespace + "/before by auditee: 200"))
}

func TestAuditKnowsSubresources(t *testing.T) {
	g := NewWithT(t)
	namespace, err := server.Namespace(t.Context(), "audit")
	g.Expect(err).NotTo(HaveOccurred())
	clients := clientsFor(g, server.Config())
	mark, err := server.Audit().Mark()
	g.Expect(err).NotTo(HaveOccurred())

	err = clients.Discovery().RESTClient().Patch(types.MergePatchType).
		AbsPath("/apis/usher.dev/v1alpha1/namespaces", namespace, "members/ada/status").Body([]byte(`{}`)).Do(t.Context()).Error()
	g.Expect(err).To(HaveOccurred(), "there is no such member")
	writes, err := server.Audit().Writes(mark, func(w Write) bool { return w.Namespace == namespace })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(writes).To(HaveLen(1))
	g.Expect(writes[0].Group + "/" + writes[0].Resource + "/" + writes[0].Subresource).To(Equal("usher.dev/members/status"))
}
