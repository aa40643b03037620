// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller does what the pure packages decide. Each reconciler loads an observation, asks for a decision, does it,
// writes the status once, and only then announces what changed as Events.
//
// A decision is made from the cache. Where it takes something away, sends something or ends something because of another
// object, it is made again from live reads before anything is done: an old cache may cost a read, never a member's access.
package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// conflictPause is how long the watch is given to bring what somebody else wrote.
const conflictPause = 100 * time.Millisecond

// Environment is what every reconciler needs.
type Environment struct {
	// Client reads from the cache and writes to the API server.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Recorder emits Events.
	Recorder events.EventRecorder
	// Now is the clock.
	Now func() time.Time

	// doubts are the requests whose object was not as the cache had it.
	doubts *sync.Map
}

// doubting is an Environment for one reconciler.
func (e Environment) doubting() Environment {
	e.doubts = &sync.Map{}
	return e
}

// get reads one object, and tells that it is not there by found.
func get(ctx context.Context, reader client.Reader, namespace, name string, object client.Object) (found bool, err error) {
	err = reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// outcome turns an error into what happens next. A conflict only says that the cache was old, or that another operator was first:
// the object is looked at again shortly, by a live read, and nobody needs to read about it.
func (e Environment) outcome(ctx context.Context, request ctrl.Request, result ctrl.Result, err error) (ctrl.Result, error) {
	var status apierrors.APIStatus
	if errors.As(err, &status) && (apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)) {
		log.FromContext(ctx).V(1).Info("written by somebody else in between; looking again", "reason", status.Status().Reason)
		e.doubts.Store(request, true)
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	e.doubts.Delete(request)
	return result, nil
}

// reader is the cache, or the API server for an object that the cache was wrong about: if the event that would tell it is lost, it
// stays wrong until it lists anew.
func (e Environment) reader(request ctrl.Request) client.Reader {
	if _, doubted := e.doubts.Load(request); doubted {
		return e.Live
	}
	return e.Client
}

// wake asks to be called again at a time; zero is never.
func (e Environment) wake(at time.Time) ctrl.Result {
	if at.IsZero() {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(at.Sub(e.Now()), time.Millisecond)}
}
