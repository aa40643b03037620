// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// An object is named in the log when it is found, and again at most every repeatAfter as long as lists contain it. Of many objects, the
// log names logBurst at once and one every second.
const (
	repeatAfter = 10 * time.Minute
	logBurst    = 20
)

// objects is the metric; an object is counted once, while it cannot be decoded.
var objects = func() *prometheus.GaugeVec {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "usher_undecodable_objects",
		Help: "Objects that Usher cannot decode and therefore leaves as they are, by kind; the log names them.",
	}, []string{"kind"})
	metrics.Registry.MustRegister(gauge)
	for kind := range scheme.AllKnownTypes() {
		if isOwn(kind) {
			gauge.WithLabelValues(kind.Kind)
		}
	}
	return gauge
}()

// Registry knows the objects in a manager's caches that cannot be decoded.
type Registry struct {
	log   logr.Logger
	limit *rate.Limiter

	mu sync.Mutex
	// unnamed counts the objects that the log did not name because there were too many.
	unnamed int
	sources []*Source
	// closed: no object counts any more.
	closed bool
}

// NewRegistry returns a Registry without objects.
func NewRegistry(log logr.Logger) *Registry {
	return &Registry{log: log, limit: rate.NewLimiter(1, logBurst)}
}

// List returns all objects that cannot be decoded, by kind and name.
func (r *Registry) List() []*Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*Error
	for _, s := range r.sources {
		for _, known := range s.known {
			all = append(all, known.problem)
		}
	}
	slices.SortFunc(all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Close forgets all objects: the caches that have them are not used any more.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sources {
		for key, known := range s.known {
			delete(s.known, key)
			objects.WithLabelValues(known.problem.Kind).Dec()
		}
	}
	r.sources, r.closed = nil, true
}

// entry is an undecodable object of one source.
type entry struct {
	problem  *Error
	loggedAt time.Time
}

// replace sets all undecodable objects of a source.
func (s *Source) replace(found []*Error) {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	still := map[types.NamespacedName]bool{}
	for _, problem := range found {
		still[keyOf(problem)] = true
		s.add(problem)
	}
	for key := range s.known {
		if !still[key] {
			s.remove(key)
		}
	}
}

// observe records what one event says of an object; problem is nil if it can be decoded, or does not exist any more.
func (s *Source) observe(key types.NamespacedName, problem *Error) {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if problem != nil {
		s.add(problem)
	} else {
		s.remove(key)
	}
}

// hasAny reports whether the source has undecodable objects.
func (s *Source) hasAny() bool {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	return len(s.known) > 0
}

// add is called with the registry's lock.
func (s *Source) add(problem *Error) {
	key, r := keyOf(problem), s.registry
	if r.closed {
		return
	}
	is, known := s.known[key]
	if !known {
		is = &entry{}
		s.known[key] = is
		objects.WithLabelValues(problem.Kind).Inc()
	}
	news := !known || is.problem.Problem != problem.Problem || time.Since(is.loggedAt) >= repeatAfter
	is.problem = problem
	switch {
	case !news:
	case !r.limit.Allow():
		r.unnamed++
	default:
		r.log.Error(problem, "an object is left as it is, since it cannot be decoded; correct its fields, or delete it", "kind", problem.Kind,
			"namespace", problem.Namespace, "name", problem.Name, "fields", problem.Fields, "objectsNotNamed", r.unnamed)
		r.unnamed, is.loggedAt = 0, time.Now()
	}
}

// remove is called with the registry's lock.
func (s *Source) remove(key types.NamespacedName) {
	was, known := s.known[key]
	if !known {
		return
	}
	delete(s.known, key)
	objects.WithLabelValues(was.problem.Kind).Dec()
	if !s.registry.limit.Allow() {
		return
	}
	s.registry.log.Info("an object that could not be decoded was corrected or deleted", "kind", was.problem.Kind,
		"namespace", key.Namespace, "name", key.Name)
}

func keyOf(e *Error) types.NamespacedName {
	return types.NamespacedName{Namespace: e.Namespace, Name: e.Name}
}
