// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of the HTTP server.
const (
	ReadHeaderTimeout = 5 * time.Second
	ReadTimeout       = 15 * time.Second
	// requestTimeout is for everything that one request waits for: reads, its slot to hash, writes. With SettleTimeout it is
	// shorter than WriteTimeout, so that a request that runs out of it still gets its page.
	requestTimeout  = 20 * time.Second
	WriteTimeout    = 35 * time.Second
	IdleTimeout     = 60 * time.Second
	ShutdownTimeout = 20 * time.Second
	// SettleTimeout is for what must be finished even if the client has gone: looking again after an acceptance was written.
	SettleTimeout = 10 * time.Second

	// MaxHeaderBytes and MaxBodyBytes of a request.
	MaxHeaderBytes = 16 << 10
	MaxBodyBytes   = 8 << 10
	// maxDrainBytes is how much of a body that is too large is read and thrown away: a browser sends its whole form before it
	// reads the answer, and would otherwise show a broken connection instead of the page.
	maxDrainBytes = 2 << 20
)

// Defaults of [Limits].
const (
	defaultPostsPerMinute = 10
	// defaultPagesPerMinute is four a second: more than people open who share an address.
	defaultPagesPerMinute = 240
	// defaultReadsPerSecond is 250 pages a second.
	defaultReadsPerSecond = 1000
	defaultFreeTries      = 5
	// defaultMostWrong is what NIST SP 800-63B-4 section 3.2.2 allows.
	defaultMostWrong      = 100
	defaultRememberedKeys = 16384
	defaultConnections    = 2048
	// shareOfClient is which part of all connections one client may have, and severalClients how many times more than one client may ask
	// for who says that it forwards the requests of others.
	shareOfClient  = 4
	severalClients = 20
	// DefaultEvenTime is ten times what two reads take on a busy machine, and nothing that a person notices.
	DefaultEvenTime = 50 * time.Millisecond
	// defaultHashCost of bcrypt is Dex's recommendation, which takes 10 to 16: about a quarter of a second, spent once in a
	// member's life. OWASP's minimum is 10.
	defaultHashCost = 12
)

// WriteTries is how often a write is decided again because of a conflict.
const WriteTries = 5

// What Retry-After says, in seconds, where nothing better is known.
const (
	RetryUnavailable = 5
	RetryBusy        = 10
)

// Limits bound what one client, the holders of one link and all of them together can ask for. Zero fields mean the defaults.
type Limits struct {
	// PostsPerMinute for each client address and invitation, which is also how many may come at once. Default 10.
	PostsPerMinute int
	// PagesPerMinute is how many pages each client address may open, which is also how many may come at once. Default 240.
	PagesPerMinute int
	// ReadsPerSecond is how many calls the portal makes to the API server, for all visitors; twice as many may come at once. A page takes
	// about four. Default 1000.
	ReadsPerSecond int
	// FreeTries is how many wrong passwords of a member each client may give without having to wait. Default 5.
	FreeTries int
	// MostWrong is how many wrong passwords in a row there may be for one member, from all clients. After that, a password is taken only in
	// a browser that the member has used before, or once another one was set by a mailed link. Default 100.
	MostWrong int
	// RememberedKeys is how many clients, and how many invitations, are remembered at least; at most twice as many. Default 16384.
	RememberedKeys int
	// ConcurrentHashes is how many passwords are hashed at the same time, and how many are compared. Default: half of the processors, at
	// least 1.
	ConcurrentHashes int
	// Connections is how many connections are open at the same time; one client may have a quarter of them. Beyond, idle ones are closed
	// first. Default 2048.
	Connections int
	// EvenTime is how long it takes at least to be told that a link leads nowhere. It covers what the reads of something that
	// is there take longer than those of something that is not. Default 50 ms.
	EvenTime time.Duration
	// HashCost is bcrypt's cost, 4 to 31. Default 12. Below 10 only in tests.
	HashCost int
}

// WithDefaults replaces fields that are zero.
func (l Limits) WithDefaults() Limits {
	setDefault(&l.PostsPerMinute, defaultPostsPerMinute)
	setDefault(&l.PagesPerMinute, defaultPagesPerMinute)
	setDefault(&l.ReadsPerSecond, defaultReadsPerSecond)
	setDefault(&l.FreeTries, defaultFreeTries)
	setDefault(&l.MostWrong, defaultMostWrong)
	setDefault(&l.RememberedKeys, defaultRememberedKeys)
	setDefault(&l.ConcurrentHashes, max(1, runtime.GOMAXPROCS(0)/2))
	setDefault(&l.Connections, defaultConnections)
	setDefault(&l.HashCost, defaultHashCost)
	setDefault(&l.EvenTime, DefaultEvenTime)
	return l
}

// OfClient is how many connections one client may have.
func (l Limits) OfClient() int { return max(1, l.Connections/shareOfClient) }

func setDefault[T int | time.Duration](value *T, fallback T) {
	if *value <= 0 {
		*value = fallback
	}
}

// Throttle limits how often each key may do something, in bounded memory: two generations of at most size keys. A full young
// generation becomes the old one, whose keys are forgotten unless they come back before the next turn.
type Throttle[K comparable] struct {
	perMinute int
	size      int

	mu         sync.Mutex
	young, old map[K]*rate.Limiter
}

// NewThrottle returns a throttle for at least size keys.
func NewThrottle[K comparable](perMinute, size int) *Throttle[K] {
	return &Throttle[K]{perMinute: perMinute, size: size, young: map[K]*rate.Limiter{}}
}

// Take returns 0 if key may go on at now, and otherwise how long it must wait.
func (t *Throttle[K]) Take(key K, now time.Time) time.Duration {
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

// Seconds rounds up for Retry-After, which knows no fractions.
func Seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
