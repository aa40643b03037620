// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"reflect"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// times are those that can be read from JSON, in the local time and in UTC, and with parts of a second.
var times = rapid.Custom(func(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "zero") {
		return time.Time{}
	}
	seconds := rapid.Int64Range(-62_135_596_800, 253_402_300_799).Draw(t, "seconds")
	at := time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
	if rapid.Bool().Draw(t, "whole") {
		at = at.Truncate(time.Second)
	}
	if rapid.Bool().Draw(t, "UTC") {
		at = at.UTC()
	}
	return at
})

func testKeepsEverything[T any, P interface {
	*T
	client.Object
}](t *testing.T) {
	k := newKind(P(new(T)), time.Hour)
	objects := rapid.MakeCustom[T](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{timeType: times.AsAny()}})
	rapid.Check(t, func(t *rapid.T) {
		want := objects.Draw(t, "object")
		encoded := k.encode(P(&want))
		if got := encoded.decode(); !reflect.DeepEqual(got, client.Object(P(&want))) {
			t.Fatalf("got %#v\nwant %#v", got, &want)
		}
	})
}

// Whatever an object says, and whatever field is added to a kind, is there again after it was encoded.
func TestCodecKeepsEverything(t *testing.T) {
	t.Run("Member", testKeepsEverything[usherv1.Member])
	t.Run("Invitation", testKeepsEverything[usherv1.Invitation])
	t.Run("metadata", testKeepsEverything[metav1.PartialObjectMetadata])
}

func TestCodecKnowsNilFromEmpty(t *testing.T) {
	g := NewWithT(t)
	k := newKind(&usherv1.Member{}, time.Hour)
	got := k.encode(&usherv1.Member{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}, Finalizers: []string{}},
		Spec:       usherv1.MemberSpec{AccessUntil: &metav1.Time{}},
	}).decode().(*usherv1.Member)
	g.Expect(got.Labels).To(And(BeEmpty(), Not(BeNil())))
	g.Expect(got.Finalizers).To(And(BeEmpty(), Not(BeNil())))
	g.Expect(got.Annotations).To(BeNil())
	g.Expect(got.Spec.AccessUntil).NotTo(BeNil())
	g.Expect(got.Spec.ReassignTo).To(BeNil())
}

func TestCodecRefusesTypesThatItWouldNotKeep(t *testing.T) {
	for _, of := range []reflect.Type{reflect.TypeFor[float64](), reflect.TypeFor[struct{ hidden int }](), reflect.TypeFor[any]()} {
		NewWithT(t).Expect(func() { codecOf(of, false) }).To(Panic(), "%s", of)
	}
}

// However many different words there are, the dictionary stays small, and the objects are kept.
func TestDictionaryIsBounded(t *testing.T) {
	g := NewWithT(t)
	d := newDictionary()
	for i := range 2 * maxWords {
		d.number(strings.Repeat("x", i%100)+string(rune('a'+i%26))+time.Duration(i).String(), true)
	}
	g.Expect(d.numbers).To(HaveLen(maxWords))
	g.Expect(*d.words.Load()).To(HaveLen(maxWords))
	e := &encoder{words: d}
	e.text("a word that comes too late", true)
	e.text("a word that comes too late", true)
	decoder := decoder{words: *d.words.Load(), data: string(e.buffer)}
	g.Expect([]string{decoder.text(), decoder.text()}).To(HaveEach("a word that comes too late"))
	g.Expect(len(e.buffer)).To(BeNumerically("<", 32), "written once")
}

// A value is kept while it is read, and dropped when it is not. It is the same value for everyone.
func TestIdleObjectsAreDropped(t *testing.T) {
	g := NewWithT(t)
	k := newKind(&usherv1.Member{}, time.Hour)
	ada := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "ada", UID: "1"}}
	o := k.encode(ada)
	g.Expect(o.get()).To(BeIdenticalTo(ada))
	k.dropIdle()
	g.Expect(o.get()).To(BeIdenticalTo(ada), "it has been read since it was encoded")
	k.dropIdle()
	k.dropIdle()
	g.Expect(o.value.Load()).To(BeNil())
	g.Expect(k.decoded).To(BeEmpty())
	again := o.get()
	g.Expect(again).To(And(Equal(ada), Not(BeIdenticalTo(ada))))
	g.Expect(o.get()).To(BeIdenticalTo(again))
	g.Expect(k.decoded).To(HaveLen(1))
}

// benchmarked is a Member as it usually is.
func benchmarked() *usherv1.Member {
	now := metav1.NewTime(time.Unix(epoch, 0))
	m := &usherv1.Member{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "acme", Name: "ada", UID: "c54bb103-db5c-481d-8b0e-ac310fddfaf5", ResourceVersion: "28307", Generation: 1,
			Annotations:       map[string]string{usherv1.MemberUIDAnnotation: "c54bb103-db5c-481d-8b0e-ac310fddfaf5"},
			CreationTimestamp: now, Finalizers: []string{usherv1.MemberFinalizer},
		},
		Spec: usherv1.MemberSpec{AccountRef: usherv1.AccountReference{Name: "acme"}, Email: "ada@acme.example", State: usherv1.StateActive},
		Status: usherv1.MemberStatus{
			Email: "ada@acme.example", DisplayName: "Ada Lovelace", State: usherv1.ObservedActive, AcceptedAt: &now, ActivatedAt: &now,
			Seats: []usherv1.MemberSeat{{Pool: "base", PoolUID: "843dbe0d-72ca-4f96-bf1e-8761240875c9", Grant: 1}},
		},
	}
	for _, name := range []string{"Pending", "Active", "Disabled", "SeatsAssigned", "Ready"} {
		m.Status.Conditions = append(m.Status.Conditions, metav1.Condition{
			Type: name, Status: metav1.ConditionTrue, Reason: usherv1.ReasonAccepted, LastTransitionTime: now, ObservedGeneration: 1,
		})
	}
	return m
}

func BenchmarkEncode(b *testing.B) {
	k, m := newKind(&usherv1.Member{}, time.Hour), benchmarked()
	b.ReportAllocs()
	for b.Loop() {
		e := encoder{words: words}
		k.codec.encode(&e, reflect.ValueOf(m).Elem())
	}
}

func BenchmarkDecode(b *testing.B) {
	o := newKind(&usherv1.Member{}, time.Hour).encode(benchmarked())
	b.ReportAllocs()
	for b.Loop() {
		o.decode()
	}
	b.ReportMetric(float64(len(o.data)), "bytes/object")
}

// BenchmarkDeepCopy is what a read from any cache costs.
func BenchmarkDeepCopy(b *testing.B) {
	m := benchmarked()
	b.ReportAllocs()
	for b.Loop() {
		m.DeepCopy()
	}
}
