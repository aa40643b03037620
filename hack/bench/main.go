// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the manager that ships and prints a table. See the package internal/test/bench, and docs/performance.md, which
// keeps the table of the last run with -write.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/test/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetLogger(logr.Discard()) // of the bench's own watch
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	full := bench.Full()
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	short := flags.Bool("short", false, "only 100 members and few samples, to see that everything works")
	sizes := flags.String("n", "", "comma-separated `numbers` of members (default 1000,10000)")
	shapes := flags.String("shapes", "", "comma-separated `shapes`: one, tens, hundreds: how many members an account has (default all)")
	lines := flags.String("lines", "", "comma-separated `lines`: raw, unit, rollout, fair, conflicts, mail, portal, scale (default all)")
	samples := flags.Int("samples", 0, "how many `times` each withdrawal of access is measured (default 20)")
	mails := flags.Int("mails", 0, "`number` of mails through a slow server (default 500)")
	rate := flags.Int("rate", 0, "how many `pages` of the portal are opened a second (default 200)")
	workers := flags.Int("workers", full.Workers, "`number` of calls that the bench makes at once")
	manager := flags.String("manager", filepath.Join("bin", "manager"), "the `program` to measure")
	profiles := flags.String("profiles", "", "write CPU profiles of the API server and the manager during roll-outs to this `directory`, "+
		"and say what the time was for")
	write := flags.Bool("write", false, "write the tables to "+bench.Document+" and the plot to "+bench.Picture)
	quiet := flags.Bool("quiet", false, "do not print what is being measured")
	_ = flags.Parse(args) // exits on an error

	o := full
	if *short {
		o = bench.Short()
	}
	var err error
	if *sizes != "" {
		if o.Sizes, err = bench.ParseSizes(*sizes); err != nil {
			return fmt.Errorf("-n: %w", err)
		}
	}
	if *shapes != "" {
		if o.Shapes, err = bench.ParseShapes(*shapes); err != nil {
			return fmt.Errorf("-shapes: %w", err)
		}
	}
	if *lines != "" {
		if o.Lines, err = bench.ParseLines(*lines); err != nil {
			return fmt.Errorf("-lines: %w", err)
		}
	}
	o.Samples, o.Mails, o.Rate = cmp.Or(max(0, *samples), o.Samples), cmp.Or(max(0, *mails), o.Mails), cmp.Or(max(0, *rate), o.Rate)
	o.Workers, o.ProfileDir = max(1, *workers), *profiles
	if o.Manager, err = filepath.Abs(*manager); err != nil {
		return err
	}
	o.Command = command(args)
	if !*quiet {
		began := time.Now()
		o.Log = func(format string, args ...any) {
			fmt.Fprintf(os.Stderr, "%6.0fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		}
	}
	report, err := bench.Run(ctx, o)
	if *write && err == nil {
		err = report.Write()
	}
	return errors.Join(err, report.Markdown(os.Stdout))
}

// command is what a reader types to repeat the run.
func command(args []string) string {
	if len(args) == 0 {
		return "make bench"
	}
	return `make bench BENCHFLAGS="` + strings.Join(args, " ") + `"`
}
