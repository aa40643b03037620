// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of the HTTP server.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	// requestTimeout is for everything that one request waits for: reads, its turn to hash, writes. With settleTimeout it is
	// shorter than writeTimeout, so that a request that runs out of it still gets its page.
	requestTimeout  = 20 * time.Second
	writeTimeout    = 35 * time.Second
	idleTimeout     = 60 * time.Second
	shutdownTimeout = 20 * time.Second
	// settleTimeout is for what must be finished even if the client has gone: looking again after an acceptance was written.
	settleTimeout = 10 * time.Second

	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 8 << 10
	// maxDrainBytes is how much of a body that is too large is read and thrown away: a browser sends its whole form before it
	// reads the answer, and would otherwise show a broken connection instead of the page.
	maxDrainBytes = 2 << 20
)

// Defaults of [Limits].
const (
	defaultPostsPerMinute = 10
	defaultRememberedKeys = 16384
	defaultConnections    = 2048
	// defaultEvenTime is ten times what two reads take on a busy machine, and nothing that a person notices.
	defaultEvenTime = 50 * time.Millisecond
	// defaultHashCost of bcrypt is Dex's recommendation, which takes 10 to 16: about a quarter of a second, spent once in a
	// member's life. OWASP's minimum is 10.
	defaultHashCost = 12
)

// What Retry-After says, in seconds, where nothing better is known.
const (
	retryUnavailable = 5
	retryBusy        = 10
)

// Limits bound what one client, one invitation and all of them together can ask for. Zero fields mean the defaults.
type Limits struct {
	// PostsPerMinute for each client address and for each invitation, which is also how many may come at once. Default 10.
	PostsPerMinute int
	// RememberedKeys is how many clients, and how many invitations, are remembered at least; at most twice as many. Default 16384.
	RememberedKeys int
	// ConcurrentHashes is how many passwords are hashed at the same time. Default: half of the processors, at least 1, so that
	// the controllers always have some.
	ConcurrentHashes int
	// Connections that are open at the same time, whoever opened them. Beyond, the one that has been waited for longest is
	// closed. Default 2048.
	Connections int
	// EvenTime is how long it takes at least to be told that a link leads nowhere. It covers what the reads of something that
	// is there take longer than those of something that is not. Default 50 ms.
	EvenTime time.Duration
	// HashCost is bcrypt's cost, 4 to 31. Default 12. Below 10 only in tests.
	HashCost int
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.PostsPerMinute, defaultPostsPerMinute)
	setDefault(&l.RememberedKeys, defaultRememberedKeys)
	setDefault(&l.ConcurrentHashes, max(1, runtime.GOMAXPROCS(0)/2))
	setDefault(&l.Connections, defaultConnections)
	setDefault(&l.HashCost, defaultHashCost)
	setDefault(&l.EvenTime, defaultEvenTime)
	return l
}

func setDefault[T int | time.Duration](value *T, fallback T) {
	if *value <= 0 {
		*value = fallback
	}
}

// throttle limits how often each key may do something, in bounded memory: two generations of at most size keys. A full young
// generation becomes the old one, whose keys are forgotten unless they come back before the next turn.
type throttle[K comparable] struct {
	perMinute int
	size      int

	mu         sync.Mutex
	young, old map[K]*rate.Limiter
}

func newThrottle[K comparable](perMinute, size int) *throttle[K] {
	return &throttle[K]{perMinute: perMinute, size: size, young: map[K]*rate.Limiter{}}
}

// take returns 0 where key may go on at now, and else how long it has to wait.
func (t *throttle[K]) take(key K, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, known := t.young[key]
	if !known {
		if limiter, known = t.old[key]; !known {
			limiter = rate.NewLimiter(rate.Every(time.Minute/time.Duration(t.perMinute)), t.perMinute)
		}
		if len(t.young) >= t.size {
			t.old, t.young = t.young, make(map[K]*rate.Limiter, t.size)
		}
		t.young[key] = limiter
	}
	reservation := limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// seconds rounds up for Retry-After, which knows no fractions.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
