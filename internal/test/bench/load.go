// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// openLoad sends GETs at a constant rate, whether or not earlier ones have been answered. A request that is sent or answered late counts
// from the time when it was due, so that a pause of the server, or of the sender, makes all requests that fall into it slow.
type openLoad struct {
	rate    int // a second
	client  *http.Client
	request func(i int) (*http.Request, error)
	// accepts reports whether an answer with status 200 is the right one.
	accepts func(body []byte) bool

	mu sync.Mutex
	Latencies
}

// Latencies are what an openLoad has measured.
type Latencies struct {
	// Took is from when a request was due until its answer was read, or it failed; Late from when it was due until it was sent.
	Took, Late []time.Duration
	Failed     int
	// Failure is the first.
	Failure error
}

// run sends at least so many requests, and more until ended is closed. It returns once all are answered.
func (l *openLoad) run(ctx context.Context, least int, ended <-chan struct{}) Latencies {
	var running sync.WaitGroup
	began, interval := time.Now(), time.Second/time.Duration(l.rate)
	for i := 0; ctx.Err() == nil; i++ {
		if i >= least {
			select {
			case <-ended:
				running.Wait()
				return l.Latencies
			default:
			}
		}
		due := began.Add(time.Duration(i) * interval)
		time.Sleep(time.Until(due))
		running.Go(func() {
			late := time.Since(due)
			err := l.send(ctx, i)
			took := time.Since(due)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.Took, l.Late = append(l.Took, took), append(l.Late, late)
			if err != nil {
				l.Failed++
				if l.Failure == nil {
					l.Failure = err
				}
			}
		})
	}
	running.Wait()
	return l.Latencies
}

func (l *openLoad) send(ctx context.Context, i int) error {
	request, err := l.request(i)
	if err != nil {
		return err
	}
	response, err := l.client.Do(request.WithContext(ctx))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !l.accepts(body) {
		return fmt.Errorf("%s: %.200s", response.Status, body)
	}
	return nil
}

// most returns the longest time.
func most(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return slices.Max(times)
}
