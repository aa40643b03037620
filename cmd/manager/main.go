// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager runs Usher's controllers and portal.
package main

import (
	"flag"
	"os"
	"runtime/debug"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/usher-dev/usher/internal/app"
)

// version is set by the linker.
var version = "dev"

// gcPercent is by how much the heap may grow before garbage is collected, unless GOGC says it. The live heap is small beside what a
// reconcile allocates: with Go's default of 100, a roll-out spent a sixth of its processor time on collecting.
const gcPercent = 300

func main() {
	var options app.Options
	var logging zap.Options
	flags := flag.NewFlagSet("manager", flag.ExitOnError)
	options.Bind(flags)
	logging.BindFlags(flags)
	_ = flags.Parse(os.Args[1:]) // exits on an error

	logging.Level = app.WithoutBodies(logging.Level)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	ctrl.Log.Info("starting the manager", "version", version)
	if err := app.Run(ctrl.SetupSignalHandler(), options); err != nil {
		ctrl.Log.Error(err, "the manager failed")
		os.Exit(1)
	}
}
