// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// configMaps are all that there is, by name. It counts how often their contents are read.
type configMaps struct {
	client.Reader
	mu    sync.Mutex
	all   map[string]*corev1.ConfigMap
	reads int
}

func (c *configMaps) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.all[key.Name]
	if is == nil {
		return apierrors.NewNotFound(corev1.Resource("configmaps"), key.Name)
	}
	switch o := o.(type) {
	case *metav1.PartialObjectMetadata:
		o.ObjectMeta = *is.ObjectMeta.DeepCopy()
	case *corev1.ConfigMap:
		c.reads++
		is.DeepCopyInto(o)
	}
	return nil
}

func (c *configMaps) put(name, uid, version, subject string, more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[name] = &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, UID: types.UID(uid), ResourceVersion: version},
		Data: map[string]string{
			"en-GB.invitation.subject": subject, "en-GB.invitation.txt": "{{.Link}}\n" + strings.Repeat("x", more),
			"en-GB.invitation.html": `<a href="{{.Link}}">x</a>`,
		},
	}
}

func wordedBy(name string) *usherv1.Account {
	a := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}}
	a.Spec.Mail = &usherv1.AccountMail{SecretRef: &usherv1.SecretReference{Name: "smtp"}, TemplatesRef: &usherv1.ConfigMapReference{Name: name}}
	return a
}

// However many accounts ask, each version of a ConfigMap is parsed once, and read by those only that ask before that.
func TestWordingIsParsedOncePerVersion(t *testing.T) {
	g := NewWithT(t)
	live := &configMaps{all: map[string]*corev1.ConfigMap{}}
	o := &Outbox{Live: live}
	of := func() *Wording {
		w, err := o.Wording(t.Context(), wordedBy("words"))
		g.Expect(err).NotTo(HaveOccurred())
		return w
	}
	g.Expect(of().Missing).To(BeTrue())
	live.put("words", "one", "1", "Come in", 0)
	first := of()
	g.Expect(first.Missing).To(BeFalse())
	g.Expect(first.Mistakes).To(BeEmpty())

	live.put("words", "one", "2", "Come in, {{.Nayme}}", 0)
	const askers = 200
	got := make([]*Wording, askers)
	var asking sync.WaitGroup
	for n := range askers {
		asking.Go(func() { got[n], _ = o.Wording(t.Context(), wordedBy("words")) })
	}
	asking.Wait()
	for _, w := range got {
		g.Expect(w).To(BeIdenticalTo(got[0]))
	}
	g.Expect(got[0]).NotTo(BeIdenticalTo(first))
	g.Expect(got[0].Mistakes).To(HaveLen(1), "mistakes are remembered, too")
	reads := live.reads
	for range askers {
		g.Expect(of()).To(BeIdenticalTo(got[0]))
	}
	g.Expect(live.reads).To(Equal(reads))

	live.put("words", "two", "2", "Come in", 0)
	g.Expect(of().Mistakes).To(BeEmpty(), "another ConfigMap of that name")
	delete(live.all, "words")
	g.Expect(of().Missing).To(BeTrue())
	none, err := o.Wording(t.Context(), &usherv1.Account{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none).To(BeNil(), "an account without templates")
}

// What is remembered has a bound. What was used last stays.
func TestWordingIsForgotten(t *testing.T) {
	g := NewWithT(t)
	live := &configMaps{all: map[string]*corev1.ConfigMap{}}
	o := &Outbox{Live: live}
	ask := func(name string) {
		w, err := o.Wording(t.Context(), wordedBy(name))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(w.Mistakes).To(BeEmpty(), name)
	}
	const many, size = 400, 60 << 10
	live.put("often", "often", "1", "Come in", size)
	for n := range many {
		name := fmt.Sprint(n)
		live.put(name, name, "1", "Come in", size)
		ask(name)
		ask("often")
	}
	g.Expect(live.reads).To(Equal(many+1), "the one that is used is not read again")
	g.Expect(o.wordings.size).To(And(BeNumerically("<=", maxRemembered), BeNumerically(">", maxRemembered-2*size)))
	g.Expect(o.wordings.byUID).To(HaveLen(o.wordings.used.Len()))
	ask("0")
	g.Expect(live.reads).To(Equal(many+2), "the one that was used longest ago was forgotten")
	for n := range 3 { // another version replaces the one before
		live.put("often", "often", fmt.Sprint(n+2), "Come in", size)
		ask("often")
	}
	g.Expect(o.wordings.byUID).To(HaveLen(o.wordings.used.Len()))
}

// A tenant words a mail that the platform's server sends under the platform's name.
func TestAttackTheWordsOfThePlatformsMails(t *testing.T) {
	g := NewWithT(t)
	live := &configMaps{all: map[string]*corev1.ConfigMap{}}
	live.put("words", "one", "1", "Your password has expired", 0)
	account := wordedBy("words")
	account.Spec.Mail.SecretRef = nil
	o := &Outbox{Live: live}
	w, err := o.Wording(t.Context(), account)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w).To(Equal(&Wording{Withheld: true}))
	g.Expect(live.reads).To(BeZero())

	o.TenantWording = true
	w, err = o.Wording(t.Context(), account)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Withheld).To(BeFalse())
	g.Expect(w.Wording).NotTo(BeZero())
}
