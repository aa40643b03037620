// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

const readable = `{"apiVersion":"usher.dev/v1alpha1","kind":"Member","metadata":{"name":"bob","namespace":"acme","uid":"2"},"spec":{"email":"bob@acme.example"}}`

// unreadable has four fields of four sorts that cannot be decoded, and others beside them.
const unreadable = `{"apiVersion":"usher.dev/v1alpha1","kind":"Member",
	"metadata":{"name":"ada","namespace":"acme","uid":"1","creationTimestamp":"2027-03-31T18:00:00Z","annotations":{"usher.dev/undecodable":"no"}},
	"spec":{"email":"ada@acme.example","accessUntil":"2027-03-31t18:00:00z","accountRef":{"name":"acme"},"rights":["orders:place",1]},
	"status":{"state":"Active","observedGeneration":7,"profileGeneration":1e30,
		"seats":[{"pool":"base","grant":7,"releasedGrant":"x"},5],"acceptedAt":"0000-01-01T00:00:00+23:59"}}`

func memberOf(t *testing.T, raw []byte) *usherv1.Member {
	t.Helper()
	m := &usherv1.Member{}
	NewWithT(t).Expect(utiljson.Unmarshal(raw, m)).To(Succeed())
	return m
}

func TestWhatCanBeReadOfAnObjectStays(t *testing.T) {
	g := NewWithT(t)
	m := memberOf(t, repair([]byte(unreadable)))
	problem := Of(m)
	g.Expect(problem).To(HaveOccurred())
	g.Expect(problem.Object()).To(Equal("Member acme/ada"))
	for _, field := range []string{"spec.accessUntil", "spec.rights[1]", "status.profileGeneration", "status.seats[0].releasedGrant", "status.seats[1]"} {
		g.Expect(problem.Fields).To(ContainSubstring(field))
	}
	g.Expect(problem.Error()).To(And(HavePrefix("Member acme/ada cannot be decoded: "), ContainSubstring(`spec.accessUntil: parsing time`),
		ContainSubstring("2027-03-31t18:00:00z"), HaveSuffix("; correct the object")))

	g.Expect(m.UID).To(BeEquivalentTo("1"))
	g.Expect(m.CreationTimestamp.Year()).To(Equal(2027))
	g.Expect(m.Spec.Email).To(BeEquivalentTo("ada@acme.example"))
	g.Expect(m.Spec.AccountRef.Name).To(Equal("acme"))
	g.Expect(m.Spec.AccessUntil).To(BeNil())
	g.Expect(m.Spec.Rights).To(ConsistOf(usherv1.Right("orders:place")))
	g.Expect(m.Status.State).To(Equal(usherv1.ObservedActive))
	g.Expect(m.Status.Seats).To(ConsistOf(usherv1.MemberSeat{Pool: "base", Grant: 7}))
	g.Expect(m.Status.ObservedGeneration).To(BeEquivalentTo(-1), "a member that cannot be decoded gains no access")
}

// Go reads a time of the year 0 with an offset, and writes it as one of the year -1, which it does not read.
func TestWhatIsLeftCanBeDecoded(t *testing.T) {
	m := memberOf(t, repair([]byte(unreadable)))
	NewWithT(t).Expect(m.Status.AcceptedAt).To(BeNil())
}

func TestOnlyRepairMarksAnObject(t *testing.T) {
	g := NewWithT(t)
	forged := strings.Replace(readable, `"uid":"2"`, `"uid":"2","annotations":{"usher.dev/undecodable":"x\nMember\nspec\nspec: no"}`, 1)
	g.Expect(Of(memberOf(t, repair([]byte(forged))))).NotTo(HaveOccurred())
	g.Expect(repair([]byte(readable))).To(Equal(json.RawMessage(readable)), "an object that can be decoded stays as it is")
	for _, other := range []string{`{"kind":"Status","apiVersion":"v1"}`, `[]`, `x`, `{"kind":"Member","apiVersion":"usher.dev/v9"}`} {
		g.Expect(repair([]byte(other))).To(Equal(json.RawMessage(other)))
	}
}

// answers is an API server with one answer.
type answers struct {
	body, media string
	status      int
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {a.media}}, Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

// through returns the body of an answer after the transport.
func through(t *testing.T, a answers, query string, isTolerant bool) []byte {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	if isTolerant {
		ctx = Tolerant(ctx)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/members?"+query, http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := Transport(a).RoundTrip(request)
	g.Expect(err).NotTo(HaveOccurred())
	body, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Body.Close()).To(Succeed())
	return body
}

func TestTheTransportRepairsOnlyWhatItIsAskedTo(t *testing.T) {
	g := NewWithT(t)
	list := fmt.Sprintf(`{"kind":"MemberList","apiVersion":"usher.dev/v1alpha1","metadata":{"resourceVersion":"9"},"items":[%s,%s]}`, readable, unreadable)
	usual := answers{body: list, media: "application/json", status: http.StatusOK}
	g.Expect(string(through(t, usual, "", false))).To(Equal(list))
	g.Expect(string(through(t, answers{list, "application/vnd.kubernetes.protobuf", http.StatusOK}, "", true))).To(Equal(list))
	g.Expect(string(through(t, answers{list, "application/json", http.StatusConflict}, "", true))).To(Equal(list))

	var members usherv1.MemberList
	g.Expect(utiljson.Unmarshal(through(t, usual, "", true), &members)).To(Succeed())
	g.Expect(members.ResourceVersion).To(Equal("9"))
	g.Expect(members.Items).To(HaveLen(2))
	g.Expect(Of(&members.Items[0])).NotTo(HaveOccurred())
	g.Expect(Of(&members.Items[1])).To(HaveOccurred())
}

func TestTheTransportRepairsEventsOneByOne(t *testing.T) {
	g := NewWithT(t)
	events := fmt.Sprintf("{\"type\":\"ADDED\",\"object\":%s}\n{\"type\":\"MODIFIED\",\"object\":%s}\n", readable, unreadable)
	stream := through(t, answers{events, "application/json", http.StatusOK}, "watch=true", true)
	in := json.NewDecoder(bytes.NewReader(stream))
	for _, wrong := range []bool{false, true} {
		var e event
		g.Expect(in.Decode(&e)).To(Succeed())
		g.Expect(Of(memberOf(t, e.Object)) != nil).To(Equal(wrong), e.Type)
	}
	g.Expect(in.More()).To(BeFalse())
}

// logged collects log lines.
type logged struct {
	logr.LogSink
	errors []string
	infos  []string
}

func (l *logged) Init(logr.RuntimeInfo)                {}
func (l *logged) Enabled(int) bool                     { return true }
func (l *logged) Info(_ int, message string, _ ...any) { l.infos = append(l.infos, message) }
func (l *logged) Error(err error, _ string, rest ...any) {
	l.errors = append(l.errors, fmt.Sprint(err, rest))
}

func TestTheLogNamesAnObjectOnceAndNotTooMany(t *testing.T) {
	g := NewWithT(t)
	sink := &logged{}
	registry := NewRegistry(logr.New(sink))
	s := registry.Source(nil)
	ada := &Error{Kind: "Member", Namespace: "acme", Name: "ada", Fields: "spec.accessUntil", Problem: "spec.accessUntil: no time"}
	for range 3 {
		s.replace([]*Error{ada})
		s.observe(keyOf(ada), ada)
	}
	g.Expect(sink.errors).To(ConsistOf(And(ContainSubstring("Member acme/ada"), ContainSubstring("spec.accessUntil"))))
	other := *ada
	other.Problem = "spec.accessUntil: still no time"
	s.observe(keyOf(ada), &other)
	g.Expect(sink.errors).To(HaveLen(2), "the problem has changed")
	s.known[keyOf(ada)].loggedAt = time.Now().Add(-repeatAfter)
	s.replace([]*Error{&other})
	g.Expect(sink.errors).To(HaveLen(3), "the log is repeated after a while")

	many := []*Error{&other}
	for n := range 1000 {
		many = append(many, &Error{Kind: "Member", Namespace: "acme", Name: fmt.Sprint(n), Problem: "no"})
	}
	s.replace(many)
	g.Expect(len(sink.errors)).To(BeNumerically("<", logBurst+5))
	g.Expect(registry.List()).To(HaveLen(1001))
	s.replace(nil)
	g.Expect(registry.List()).To(BeEmpty())
	g.Expect(s.hasAny()).To(BeFalse())
}

func TestEveryKindOfTheSchemeIsCovered(t *testing.T) {
	g := NewWithT(t)
	for _, object := range []runtime.Object{
		&usherv1.Account{}, &usherv1.SeatPool{}, &usherv1.Member{}, &usherv1.Invitation{}, &usherv1.Plan{},
	} {
		g.Expect(Covers(object)).To(BeTrue(), "%T", object)
	}
	g.Expect(Covers(&usherv1.MemberList{})).To(BeFalse())
}
