// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo tells Usher's story on its own control plane: a company buys three seats for five people, invitations go
// out over SMTP, people answer through the portal, and seats pass to the members who wait. Nothing is simulated: etcd,
// kube-apiserver, kubectl, the built manager with the same rights as in a cluster, and a mail server that keeps what it
// receives.
//
// The demo checks each step. If the result differs from what it expects, it prints both and exits with a non-zero
// status. Environment:
//
//	ONCE=1   exit after the story instead of staying up
//	CRASH=1  kill the manager between any two steps; the story must end the same
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	screen := newScreen(os.Stdout)
	if err := run(ctx, screen, os.Getenv("ONCE") != "", os.Getenv("CRASH") != ""); err != nil {
		screen.failure(err)
		stop()
		os.Exit(1)
	}
}

// run tells the story on a new stage and always takes the stage down.
func run(ctx context.Context, screen *screen, once, crash bool) (err error) {
	stage, err := setUp(ctx, screen)
	defer func() {
		if stopErr := stage.takeDown(); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("take the stage down: %w", stopErr))
		}
	}()
	if err != nil {
		return err
	}
	if err := newStory(stage, screen).tell(crash); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted before the end of the story")
		}
		return stage.explain(err)
	}
	screen.success("The story ended as expected.")
	if once {
		return nil
	}
	stage.printHandles()
	<-stage.ctx.Done()
	if ctx.Err() == nil {
		return stage.explain(context.Cause(stage.ctx))
	}
	return nil
}
