// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// patience is the timeout, on a busy machine, for what usually takes a fraction of a second.
const patience = 60 * time.Second

// play runs a line of docs/products.md in parallel with the others: name is its number and what the product does, word for word, and
// sample is the file of config/samples/plans with its account.
func play(t *testing.T, name, sample string, do func(w *world)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		do(newWorld(t, sample))
	})
}

// world is a customer of the product: a namespace with the sample's account and pools in it.
type world struct {
	*WithT
	t         *testing.T
	ctx       context.Context
	namespace string
	// account and base are the names of the sample's account and of its pool of the base product.
	account, base string
}

func newWorld(t *testing.T, sample string) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t}
	w.SetDefaultEventuallyTimeout(patience)
	w.SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	w.ctx = ctx
	var err error
	w.namespace, err = server.Namespace(ctx, strings.ToLower(strings.Split(filepath.Base(t.Name()), "_")[0]))
	w.Expect(err).NotTo(HaveOccurred())
	w.install(sample)
	return w
}

// install applies a sample unchanged, and selects its account.
func (w *world) install(sample string) {
	w.t.Helper()
	folder, err := samples()
	w.Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(filepath.Join(folder, sample+".yaml"))
	w.Expect(err).NotTo(HaveOccurred())
	for _, object := range w.apply(string(content)) {
		switch object.GetKind() {
		case "Account":
			w.account = object.GetName()
		case "SeatPool":
			if addOn, _, _ := unstructured.NestedString(object.Object, "spec", "addOn"); addOn == "" {
				w.base = object.GetName()
			}
		}
	}
}

// playAlone runs a line that sets the clock forward. No other line runs at the same time, since the clock is shared.
func playAlone(t *testing.T, name, sample string, do func(w *world)) {
	t.Run(name, func(t *testing.T) { do(newWorld(t, sample)) })
}

// apply does what `kubectl apply --server-side` does with YAML, in the world's namespace, and returns the objects.
func (w *world) apply(documents string) []*unstructured.Unstructured {
	w.t.Helper()
	objects, err := w.tryApply(documents)
	w.Expect(err).NotTo(HaveOccurred())
	return objects
}

func (w *world) tryApply(documents string) (objects []*unstructured.Unstructured, err error) {
	w.t.Helper()
	for _, document := range strings.Split(documents, "\n---\n") {
		object := &unstructured.Unstructured{}
		w.Expect(yaml.Unmarshal([]byte(document), &object.Object)).To(Succeed(), document)
		if namespaced, err := site.api.IsObjectNamespaced(object); err != nil {
			return nil, err
		} else if namespaced {
			object.SetNamespace(w.namespace)
		}
		objects = append(objects, object)
		err := site.api.Apply(w.ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner("git"), client.ForceOwnership)
		if err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// address returns a member's address, which no member in another namespace has.
func (w *world) address(name string) string { return name + "@" + w.namespace + ".example" }

// declare applies a Member of the account, as from Git: its address, and the rest of its spec as lines of YAML.
func (w *world) declare(name string, spec ...string) {
	w.t.Helper()
	w.Expect(w.tryDeclare(name, spec...)).To(Succeed())
}

func (w *world) tryDeclare(name string, spec ...string) error {
	w.t.Helper()
	_, err := w.tryApply(w.yamlOf(name, spec...))
	return err
}

func (w *world) yamlOf(name string, spec ...string) string {
	return fmt.Sprintf("apiVersion: usher.dev/v1alpha1\nkind: Member\nmetadata: {name: %s}\nspec:\n  %s\n", name,
		strings.Join(append([]string{"accountRef: {name: " + w.account + "}", "email: " + w.address(name)}, spec...), "\n  "))
}

// immediate activates members without an invitation.
const immediate = "activation: Immediate"

// kubectl runs kubectl as the cluster administrator, in the world's namespace, and returns its output.
func (w *world) kubectl(args ...string) string {
	w.t.Helper()
	out, err := w.tryKubectl(args...)
	w.Expect(err).NotTo(HaveOccurred(), out)
	return out
}

func (w *world) tryKubectl(args ...string) (string, error) {
	return kubectl(append([]string{"--namespace", w.namespace}, args...)...)
}

// patch changes the spec of an object with `kubectl patch`.
func (w *world) patch(kind, name, spec string) {
	w.t.Helper()
	w.kubectl("patch", kind, name, "--type=merge", "--patch", `{"spec":`+spec+`}`)
}

func (w *world) disable(name string) { w.t.Helper(); w.patch("member", name, `{"state":"Disabled"}`) }
func (w *world) enable(name string)  { w.t.Helper(); w.patch("member", name, `{"state":"Active"}`) }

// own creates an object that a member owns.
func (w *world) own(thing, owner string) error {
	return site.api.Create(w.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace, Name: thing, Labels: map[string]string{"usher.dev/owner": owner},
	}})
}

// ownerOf returns the owner of an object; empty if there is none.
func (w *world) ownerOf(thing string) string {
	w.t.Helper()
	return read(w, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: thing}}).Labels["usher.dev/owner"]
}

// These functions return the world's current objects; an object that does not exist is empty.

func (w *world) theAccount() *usherv1.Account {
	w.t.Helper()
	return read(w, testkit.Account(w.account).Build())
}

func (w *world) thePlan() *usherv1.Plan {
	w.t.Helper()
	plan := &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: w.theAccount().Spec.PlanRef.Name}}
	w.Expect(site.api.Get(w.ctx, client.ObjectKeyFromObject(plan), plan)).To(Succeed())
	return plan
}

func (w *world) member(name string) *usherv1.Member {
	w.t.Helper()
	return read(w, testkit.Member(name).Build())
}

func (w *world) invitation(name string) *usherv1.Invitation {
	w.t.Helper()
	return read(w, testkit.Invitation(name).Build())
}

func (w *world) pool(name string) *usherv1.SeatPool {
	w.t.Helper()
	return read(w, testkit.SeatPool(name).Build())
}

func read[T client.Object](w *world, object T) T {
	w.t.Helper()
	object.SetNamespace(w.namespace)
	w.Expect(client.IgnoreNotFound(site.api.Get(w.ctx, client.ObjectKeyFromObject(object), object))).To(Succeed())
	return object
}

// mails waits until a member has that many mails, and returns them.
func (w *world) mails(name string, atLeast int) []smtpsink.Mail {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	count := func(mails []smtpsink.Mail) (n int) {
		for _, m := range mails {
			if m.IsTo(w.address(name)) {
				n++
			}
		}
		return n
	}
	_, err := site.sink.Await(ctx, func(mails []smtpsink.Mail) bool { return count(mails) >= atLeast })
	w.Expect(err).NotTo(HaveOccurred(), "mails to "+name)
	return site.sink.MailsTo(w.address(name))
}

// file is a file with this content, for kubectl to read.
func (w *world) file(content string) string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "object.yaml")
	w.Expect(os.WriteFile(name, []byte(content), 0o600)).To(Succeed())
	return name
}
