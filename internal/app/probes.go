// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/undecodable"
)

// probeTimeout is how long a probe may take to send its request.
const probeTimeout = 10 * time.Second

// maxListed is how many undecodable objects /readyz names.
const maxListed = 100

// notes are what /readyz names besides, and stays 200: one tenant's object, or one client's header, must not take the portal from all
// others.
type notes struct {
	// objects that cannot be decoded.
	objects func() []*undecodable.Error
	// portal is how the portal is reached; empty if there is nothing to know.
	portal func() string
}

// addProbes serves /healthz and /readyz.
func addProbes(mgr manager.Manager, ready healthz.Checker, notes notes, address string) error {
	if address == "0" || address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address) //nolint:noctx // as the manager opens its other servers
	if err != nil {
		return fmt.Errorf("--health-probe-bind-address: %w", err)
	}
	ping := &healthz.Handler{Checks: map[string]healthz.Checker{"ping": healthz.Ping}}
	caches := &healthz.Handler{Checks: map[string]healthz.Checker{"caches": ready}}
	mux := http.NewServeMux()
	for path, handler := range map[string]http.Handler{"/healthz": ping, "/readyz": notes.after(caches)} {
		mux.Handle(path, http.StripPrefix(path, handler))
		mux.Handle(path+"/", http.StripPrefix(path, handler))
	}
	stop := stopTimeout
	return attempt("add the probes' server to the manager", mgr.Add(&manager.Server{
		Name: "health probe", Listener: listener, ShutdownTimeout: &stop,
		Server: &http.Server{Handler: mux, ReadHeaderTimeout: probeTimeout},
	}))
}

// after adds the notes to the answer of a check. They name fields without their values, since anyone may ask.
func (n notes) after(check http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		check.ServeHTTP(w, request)
		if warning := n.portal(); warning != "" {
			fmt.Fprintf(w, "\n[!]%s", warning)
		}
		objects := n.objects()
		for i, object := range objects {
			if i == maxListed {
				fmt.Fprintf(w, "\nand %d more", len(objects)-i)
				break
			}
			fmt.Fprintf(w, "\n[!]%s cannot be decoded, and is left as it is: %s", object.Object(), object.Fields)
		}
	})
}
