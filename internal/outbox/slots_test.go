// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/usher-dev/usher/internal/reconciler"
)

// counter is slots with a clock and the wakeups of one controller.
type counter struct {
	*slots
	wakeups *reconciler.Wakeups
	now     time.Time
	ends    map[waiter]func(time.Time)
}

func newCounter(total int) *counter {
	return &counter{
		slots: newSlots(total), wakeups: reconciler.NewWakeups(), now: time.Unix(1_000_000, 0), ends: map[waiter]func(time.Time){},
	}
}

func (c *counter) waiter(namespace, name string) waiter {
	return waiter{c.wakeups, types.NamespacedName{Namespace: namespace, Name: name}}
}

// ask asks for a slot for an object of the namespace, and reports whether it got one.
func (c *counter) ask(namespace, name, endpoint string) bool {
	w := c.waiter(namespace, name)
	end, free := c.acquire(lane{namespace: namespace, endpoint: endpoint, byDefault: endpoint == "default"}, w, c.now)
	if free {
		c.ends[w] = end
	}
	return free
}

// fill asks until the namespace gets no more slots of the endpoint, and returns how many it got.
func (c *counter) fill(namespace, endpoint string) int {
	for n := 0; ; n++ {
		if !c.ask(namespace, fmt.Sprint(endpoint, "-", n), endpoint) {
			return n
		}
	}
}

func (c *counter) end(namespace, name string) {
	w := c.waiter(namespace, name)
	c.ends[w](c.now)
	delete(c.ends, w)
}

func (c *counter) woken() (names []string) {
	for _, key := range c.wakeups.Drain() {
		names = append(names, key.Namespace+"/"+key.Name)
	}
	return names
}

// What each number of workers means. Without slow servers, one namespace gets a quarter of the slots for one endpoint.
func TestSlotsAreShared(t *testing.T) {
	for _, test := range []struct{ total, first, second, third, ofDefault int }{
		{16, 4, 2, 1, 4}, {8, 2, 1, 1, 2}, {4, 1, 1, 0, 1}, {2, 1, 0, 0, 1}, {1, 1, 0, 0, 0},
	} {
		t.Run(fmt.Sprint(test.total), func(t *testing.T) {
			g := NewWithT(t)
			c := newCounter(test.total)
			g.Expect(c.fill("hot", "relay")).To(Equal(test.first), "the first namespace")
			g.Expect(c.fill("acme", "relay")).To(Equal(test.second), "the second, at the same endpoint")
			g.Expect(c.fill("bolt", "relay")).To(Equal(test.third), "the third")
			g.Expect(c.fill("cyan", "default")).To(Equal(test.ofDefault), "at the default endpoint")
		})
	}
}

// In a namespace, a slot goes to the account that was served longest ago: an account with a thousand mails delays another's by one.
func TestAccountsOfANamespaceTakeTurns(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(4)
	ask := func(account string, n int) bool {
		w := c.waiter("acme", fmt.Sprint(account, "-", n))
		end, free := c.acquire(lane{namespace: "acme", account: account, endpoint: "relay"}, w, c.now)
		if free {
			c.ends[w] = end
		}
		return free
	}
	g.Expect(ask("big", 0)).To(BeTrue())
	for n := range 9 {
		g.Expect(ask("big", n+1)).To(BeFalse())
	}
	g.Expect(ask("small", 0)).To(BeFalse())
	g.Expect(ask("other", 0)).To(BeFalse())
	g.Expect(ask("other", 1)).To(BeFalse())
	var order []string
	last := "big-0"
	for range 6 {
		c.end("acme", last)
		woken := c.woken()
		g.Expect(woken).To(HaveLen(1))
		last = strings.TrimPrefix(woken[0], "acme/")
		account, n, _ := strings.Cut(last, "-")
		number, err := strconv.Atoi(n)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(ask(account, number)).To(BeTrue(), "the slot is kept for it")
		order = append(order, last)
	}
	g.Expect(order).To(Equal([]string{"big-1", "small-0", "other-0", "big-2", "other-1", "big-3"}))
}

// However many slow servers a namespace, or several, have: others get mails out, and the default endpoint has its quarter.
func TestSlotsOfSlowServers(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(8)
	slow := 0
	for n := range 20 {
		slow += c.fill("hot", fmt.Sprint("tarpit", n))
	}
	g.Expect(slow).To(Equal(3))
	g.Expect(c.fill("acme", "acme's own")).To(BeNumerically(">=", 1))
	for n := range 20 {
		c.fill("bolt", fmt.Sprint("tarpit of bolt", n))
		c.fill("cyan", fmt.Sprint("tarpit of cyan", n))
		c.fill(fmt.Sprint("another", n), "one more tarpit")
	}
	g.Expect(c.ownTaken).To(Equal(6), "all slots of servers that are not the default one are taken")
	g.Expect(c.ask("dust", "m1", "default")).To(BeTrue())
	g.Expect(c.ask("acme", "m1", "default")).To(BeTrue())
	g.Expect(c.taken).To(Equal(8))
}

// A slot that is given back goes to the namespace that has the fewest, then to that which was served longest ago, and is kept for it.
func TestSlotsGoToTheNamespaceWithTheFewest(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(8)
	for n := range 20 {
		c.ask("hot", fmt.Sprint("m", n), "relay")
		c.ask("acme", fmt.Sprint("m", n), "relay")
	}
	g.Expect(c.endpoints["relay"].taken).To(Equal(3))
	c.ask("bolt", "m0", "relay")
	g.Expect(c.ask("bolt", "m1", "relay")).To(BeFalse())
	g.Expect(c.endpoints["relay"].taken).To(Equal(4))
	g.Expect(c.woken()).To(BeEmpty())

	c.end("bolt", "m0")
	g.Expect(c.woken()).To(Equal([]string{"bolt/m1"}))
	g.Expect(c.ask("hot", "m19", "relay")).To(BeFalse(), "the slot is kept")
	g.Expect(c.ask("bolt", "m1", "relay")).To(BeTrue())
	c.end("hot", "m0")
	g.Expect(c.woken()).To(BeEmpty(), "each has one slot, and one is left for the next namespace")
	c.end("bolt", "m1")
	g.Expect(c.woken()).To(Equal([]string{"acme/m1"}), "acme waits longer than hot")
	g.Expect(c.ask("acme", "m1", "relay")).To(BeTrue())
	c.end("acme", "m0")
	g.Expect(c.woken()).To(Equal([]string{"hot/m2"}), "acme was served last")
	c.end("acme", "m1")
	g.Expect(c.woken()).To(Equal([]string{"acme/m2"}), "hot has two already")
}

// Of two namespaces that have as many slots of an endpoint, the one goes first that has fewer in all, even if it came later.
func TestSlotsElsewhereCount(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(16)
	for _, name := range []string{"hot", "acme", "bolt", "cyan"} {
		c.fill(name, "default")
	}
	g.Expect(c.endpoints["default"].taken).To(Equal(8))
	g.Expect(c.fill("bolt", "bolt's own")).To(Equal(4))
	g.Expect(c.fill("hot", "bolt's own")).To(BeNumerically(">", 0))
	c.end("hot", "default-0")
	c.end("hot", "default-1")
	g.Expect(c.woken()).To(Equal([]string{"cyan/default-1"}), "bolt asked before, and has four slots elsewhere")
}

// Waiters of a namespace are woken in the order in which they asked, and no waiter twice.
func TestSlotsKeepTheOrder(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(4)
	g.Expect(c.ask("acme", "m1", "relay")).To(BeTrue())
	for _, name := range []string{"m2", "m3", "m2", "m4"} {
		g.Expect(c.ask("acme", name, "relay")).To(BeFalse(), name)
	}
	c.end("acme", "m1")
	g.Expect(c.woken()).To(Equal([]string{"acme/m2"}))
	g.Expect(c.ask("acme", "m2", "relay")).To(BeTrue())
	c.end("acme", "m2")
	g.Expect(c.woken()).To(Equal([]string{"acme/m3"}), "m2 asked twice and waited once")
	g.Expect(c.ask("acme", "m3", "another")).To(BeTrue(), "its account has another server")
	g.Expect(c.woken()).To(Equal([]string{"acme/m4"}), "the slot that was kept for m3")
	g.Expect(c.ask("acme", "m4", "relay")).To(BeTrue())
	c.end("acme", "m3")
	c.end("acme", "m4")
	g.Expect(c.endpoints).To(BeEmpty(), "what is not used is forgotten")
	g.Expect(c.namespaces).To(BeEmpty())
}

// A waiter whose mail is not due any more keeps nothing from the others for long.
func TestSlotsDoNotWaitForThoseWhoLeft(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(4)
	c.ask("acme", "m1", "relay")
	for _, name := range []string{"gone1", "gone2", "m2"} {
		c.ask("acme", name, "relay")
	}
	c.end("acme", "m1")
	g.Expect(c.woken()).To(Equal([]string{"acme/gone1"}))
	c.now = c.now.Add(turnLasts + time.Second)
	g.Expect(c.ask("bolt", "m0", "default")).To(BeTrue())
	g.Expect(c.woken()).To(Equal([]string{"acme/gone2"}), "the next one gets the slot")
	c.now = c.now.Add(turnLasts + time.Second)
	g.Expect(c.ask("acme", "m2", "relay")).To(BeTrue())
	g.Expect(c.woken()).To(BeEmpty(), "m2 is here already")
	c.end("bolt", "m0")

	c.ask("acme", "gone3", "relay")
	c.now = c.now.Add(waitLasts + time.Second)
	c.end("acme", "m2")
	g.Expect(c.woken()).To(BeEmpty(), "gone3 has not asked again")
	g.Expect(c.slots.waiting).To(BeEmpty())

	c.ask("acme", "m3", "relay")
	c.ask("acme", "m4", "relay")
	c.end("acme", "m3")
	c.now = c.now.Add(-time.Hour)
	g.Expect(c.ask("acme", "m4", "relay")).To(BeTrue(), "the clock was set back")
	c.end("acme", "m4")
	g.Expect(c.endpoints).To(BeEmpty())
}

// While thousands of keys of its namespace are ahead of the waiter that was woken, the others of its lane use its slot, and it is next.
func TestASlotIsUsedByTheFirstOfItsLaneToCome(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(4)
	g.Expect(c.ask("acme", "m1", "relay")).To(BeTrue())
	for _, name := range []string{"m2", "m3", "m4"} {
		g.Expect(c.ask("acme", name, "relay")).To(BeFalse(), name)
	}
	c.end("acme", "m1")
	g.Expect(c.woken()).To(Equal([]string{"acme/m2"}))
	g.Expect(c.ask("bolt", "m1", "relay")).To(BeTrue(), "another namespace has its own share")
	notice := waiter{reconciler.NewWakeups(), types.NamespacedName{Namespace: "acme", Name: "m5"}}
	_, free := c.acquire(lane{namespace: "acme", endpoint: "relay"}, notice, c.now)
	g.Expect(free).To(BeFalse(), "another controller has a queue of its own, where the order says nothing")
	g.Expect(c.ask("acme", "m4", "relay")).To(BeTrue())
	g.Expect(c.ask("acme", "m2", "relay")).To(BeFalse())
	c.end("acme", "m4")
	g.Expect(c.woken()).To(Equal([]string{"acme/m2"}), "m2 is still before m3")
}

// A caller that is a little behind another one in time, or has read the clock before it, does not end a promise.
func TestAPromiseOutlastsAnEarlierClock(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(4)
	c.ask("acme", "m1", "relay")
	c.ask("acme", "m2", "relay")
	c.end("acme", "m1")
	g.Expect(c.woken()).To(Equal([]string{"acme/m2"}))
	c.now = c.now.Add(-time.Millisecond)
	c.ask("bolt", "m1", "default")
	g.Expect(c.promised).To(HaveLen(1))
	c.now = c.now.Add(-time.Hour)
	c.ask("bolt", "m2", "default")
	g.Expect(c.promised).To(BeEmpty(), "the clock was set back by more than a promise lasts")
}

// However objects ask, end and leave: the limits hold, the counts are right, and who may have a slot is never left waiting.
func TestSlotsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCounter(rapid.IntRange(1, 12).Draw(t, "total"))
		namespaces, endpoints := []string{"a", "b", "c"}, []string{"default", "x", "y"}
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				namespace, name := rapid.SampledFrom(namespaces).Draw(t, "namespace"), fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "name"))
				if c.ends[c.waiter(namespace, name)] != nil {
					t.Skip("it has a slot")
				}
				c.ask(namespace, name, rapid.SampledFrom(endpoints).Draw(t, "endpoint"))
			},
			"end": func(t *rapid.T) {
				var talking []string
				for _, namespace := range namespaces {
					for n := range 6 {
						if c.ends[c.waiter(namespace, fmt.Sprint(n))] != nil {
							talking = append(talking, namespace+fmt.Sprint(n))
						}
					}
				}
				if len(talking) == 0 {
					t.Skip("no one has a slot")
				}
				who := rapid.SampledFrom(talking).Draw(t, "who")
				c.end(who[:1], who[1:])
			},
			"pass": func(t *rapid.T) {
				c.now = c.now.Add(rapid.SampledFrom([]time.Duration{time.Second, busyPause}).Draw(t, "time"))
			},
			"": func(t *rapid.T) { c.check(t) },
		})
	})
}

func (c *counter) check(t *rapid.T) {
	total, own := 0, 0
	for name, e := range c.endpoints {
		at := 0
		for l, n := range e.by {
			at += n
			if !l.byDefault {
				own += n
			}
		}
		if at != e.taken || at > c.perEndpoint {
			t.Fatalf("endpoint %s has %d slots, counted %d, of %d", name, at, e.taken, c.perEndpoint)
		}
		total += at
		for l := range e.lanes {
			if _, waits := c.head(e, l, c.now); waits && c.admits(l) && len(c.ends) == c.taken {
				t.Fatalf("%v waits although it may have a slot", l)
			}
		}
	}
	if total != c.taken || total != len(c.ends)+len(c.promised) || total > c.total {
		t.Fatalf("%d slots are taken, counted %d: %d in use and %d kept, of %d", total, c.taken, len(c.ends), len(c.promised), c.total)
	}
	if own != c.ownTaken || own > c.own {
		t.Fatalf("%d slots are taken by own servers, counted %d, of %d", own, c.ownTaken, c.own)
	}
	if len(c.ends)+len(c.promised)+len(c.slots.waiting) == 0 && len(c.endpoints)+len(c.namespaces) > 0 {
		t.Fatalf("remembered without use: %v %v", c.endpoints, c.namespaces)
	}
}

// However many slots there are, a Secret has as many as it allows connections, and the namespaces that share the default one share them.
func TestSlotsOfASecretWithFewConnections(t *testing.T) {
	limited := func(namespace, secret string, connections int) lane {
		in := lane{namespace: namespace, endpoint: "exchange", byDefault: secret == "default", connections: connections}
		in.secret = types.NamespacedName{Namespace: namespace, Name: secret}
		if in.byDefault {
			in.secret.Namespace = "usher-system"
		}
		return in
	}
	for _, test := range []struct {
		name                            string
		connections                     int
		secret                          string
		first, second, third, unlimited int
	}{
		{"three of the default Secret", 3, "default", 2, 1, 0, 3},
		{"one of the default Secret", 1, "default", 1, 0, 0, 4},
		{"three of each namespace's own", 3, "own", 3, 3, 1, 1},
		{"one of each", 1, "own", 1, 1, 1, 3},
		{"any number", 0, "own", 4, 2, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			c := newCounter(16)
			fill := func(namespace string, in lane) (n int) {
				for ; ; n++ {
					if _, free := c.acquire(in, c.waiter(namespace, fmt.Sprint(in.secret, "-", n)), c.now); !free {
						return n
					}
				}
			}
			g.Expect(fill("acme", limited("acme", test.secret, test.connections))).To(Equal(test.first), "acme")
			g.Expect(fill("bolt", limited("bolt", test.secret, test.connections))).To(Equal(test.second), "bolt")
			g.Expect(fill("cyan", limited("cyan", test.secret, test.connections))).To(Equal(test.third), "cyan")
			g.Expect(fill("dust", limited("dust", "another", 0))).To(Equal(test.unlimited), "another Secret for the same server")
		})
	}
}

// Several Secrets of a namespace that lead to one server get no more slots than one.
func TestSlotsOfSeveralSecretsForOneServer(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(16)
	got := 0
	for n := range 30 {
		in := lane{namespace: "hot", endpoint: "relay", secret: types.NamespacedName{Namespace: "hot", Name: fmt.Sprint(n % 5)}}
		if _, free := c.acquire(in, c.waiter("hot", fmt.Sprint("m", n)), c.now); free {
			got++
		}
	}
	g.Expect(got).To(Equal(4))
}

// A slot that becomes free when a connection does goes to who waits for it.
func TestAConnectionThatBecomesFreeWakes(t *testing.T) {
	g := NewWithT(t)
	c := newCounter(16)
	in := lane{namespace: "acme", endpoint: "exchange", secret: types.NamespacedName{Name: "own"}, connections: 1}
	release, free := c.acquire(in, c.waiter("acme", "m0"), c.now)
	g.Expect(free).To(BeTrue())
	_, free = c.acquire(in, c.waiter("acme", "m1"), c.now)
	g.Expect(free).To(BeFalse())
	release(c.now)
	g.Expect(c.woken()).To(Equal([]string{"acme/m1"}))
	g.Expect(c.connected).To(HaveLen(1))
}
