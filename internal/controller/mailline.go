// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// line is how many talk to a mail server, and who waits for that: in order, and whether they still do.
type line struct {
	talking int
	order   []waiter
	waiting map[waiter]bool
}

// waiter is an object that has a mail to send, and the queue by which its reconciler is told that it may.
type waiter struct {
	queue chan event.GenericEvent
	key   types.NamespacedName
}

// Enter takes one of the conversations with an account's server, to be given back with leave. If all are taken it is not free, and
// the object of that key is looked at again by way of queue when one is.
func (s *MailServers) Enter(account *usherv1.Account, queue chan event.GenericEvent, key types.NamespacedName) (leave func(), free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, w := s.lineOf(account), waiter{queue, key}
	l := s.lines[name]
	if l == nil {
		l = &line{waiting: map[waiter]bool{}}
		s.lines[name] = l
	}
	if l.talking < s.PerServer {
		l.talking++
		delete(l.waiting, w)
		return func() { s.leave(name, l) }, true
	}
	if !l.waiting[w] {
		l.waiting[w] = true
		l.order = append(l.order, w)
	}
	return nil, false
}

func (s *MailServers) leave(name string, l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.talking--
	for len(l.order) > 0 {
		next := l.order[0]
		l.order = l.order[1:]
		if l.waiting[next] {
			delete(l.waiting, next)
			notify(next.queue, &metav1.PartialObjectMetadata{}, next.key)
			return
		}
	}
	if l.talking == 0 {
		delete(s.lines, name)
	}
}

// lineOf names the line at an account's server: by its address, since several Secrets may lead to one slow server; before that is
// known, by its Secret. s.mu must be held.
func (s *MailServers) lineOf(account *usherv1.Account) string {
	key := s.SecretOf(account)
	if p := s.verdicts[key]; p.server != nil {
		return p.server.String()
	}
	return key.String()
}
