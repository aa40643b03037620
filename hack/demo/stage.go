// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

const (
	systemNamespace = "usher-system"
	acme            = "acme" // the account, and its namespace
	pool            = "acme-base"
	// serviceAccount is the manager's user in a cluster; config/rbac grants its rights.
	serviceAccount = "system:serviceaccount:usher-system:usher"
)

// stage is everything that runs behind the story.
type stage struct {
	// ctx ends with the demo, or if something on the stage breaks; then its cause says what.
	ctx    context.Context
	cancel context.CancelCauseFunc

	screen     *screen
	dir        string
	lock       *os.File
	server     *apiserver.Server
	inbox      *smtpsink.Sink
	manager    *managerProcess
	client     client.WithWatch
	portalURL  string
	kubeconfig string
}

// setUp starts everything. The caller must take the stage down even if setUp returns an error.
func setUp(ctx context.Context, screen *screen) (*stage, error) {
	s := &stage{screen: screen}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	screen.say("%s", screen.paint(bold, "Usher: who has a seat, who is invited, who waits."))
	screen.blank()
	for _, part := range []func() error{s.clear, s.startControlPlane, s.startInbox, s.install, s.startManager} {
		if err := part(); err != nil {
			return s, s.explain(err)
		}
	}
	return s, nil
}

// clear creates an empty directory .demo in the repository.
func (s *stage) clear() error {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	s.dir = filepath.Join(root, ".demo")
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	s.kubeconfig = filepath.Join(s.dir, "kubeconfig")
	return nil
}

func (s *stage) startControlPlane() (err error) {
	s.screen.progress("starting etcd and kube-apiserver")
	if s.server, err = apiserver.Start(s.ctx, apiserver.Options{Dir: filepath.Join(s.dir, "controlplane")}); err != nil {
		return err
	}
	kubeconfig, err := clientcmd.Load(s.server.Kubeconfig())
	if err != nil {
		return err
	}
	kubeconfig.Contexts[kubeconfig.CurrentContext].Namespace = acme
	if err := clientcmd.WriteToFile(*kubeconfig, s.kubeconfig); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), usherv1.AddToScheme(scheme)); err != nil {
		return err
	}
	s.client, err = client.NewWithWatch(s.server.Config(), client.Options{Scheme: scheme})
	return err
}

func (s *stage) startInbox() (err error) {
	s.screen.progress("starting a mail server that keeps the mails it receives (STARTTLS, with a password)")
	s.inbox, err = smtpsink.Start(smtpsink.Options{
		Encryption: smtpsink.StartTLS,
		Username:   "usher",
		Password:   "a-password-for-the-demo",
		Dir:        filepath.Join(s.dir, "inbox"),
	})
	return err
}

// install applies what `make deploy` applies, except the Deployment: nothing here runs pods.
func (s *stage) install() error {
	s.screen.progress("installing config/default and the SMTP Secret")
	if _, err := s.run("apply", "--server-side", "--kustomize", "config/default",
		"--selector", "app.kubernetes.io/component!=manager"); err != nil {
		return err
	}
	return s.client.Create(s.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "usher-smtp"},
		Data:       s.inbox.Secret("Acme <no-reply@acme.example>"),
	})
}

func (s *stage) startManager() error {
	s.screen.progress("starting bin/manager as %s", serviceAccount)
	user, err := s.server.AddUser(serviceAccount,
		"system:serviceaccounts", "system:serviceaccounts:"+systemNamespace)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(s.dir, "manager.kubeconfig")
	if err := os.WriteFile(kubeconfig, user.Kubeconfig(), 0o600); err != nil {
		return err
	}
	addresses, err := freeAddresses(s.ctx, 3)
	if err != nil {
		return err
	}
	portal, health, metrics := addresses[0], addresses[1], addresses[2]
	s.portalURL = "http://" + portal
	s.manager = &managerProcess{
		program: filepath.Join("bin", "manager"),
		logPath: filepath.Join(s.dir, "manager.log"),
		args: []string{
			"--kubeconfig=" + kubeconfig,
			"--namespace=" + systemNamespace,
			"--leader-elect",
			"--portal-url=" + s.portalURL,
			"--portal-bind-address=" + portal,
			"--health-probe-bind-address=" + health,
			"--metrics-bind-address=" + metrics,
		},
		healthURLs: []string{"http://" + health + "/readyz", s.portalURL + "/healthz"},
		onExit:     s.cancel,
	}
	return s.manager.start(s.ctx)
}

// crash kills the manager and starts it again.
func (s *stage) crash() error {
	s.screen.progress("killing the manager (SIGKILL) and starting it again")
	s.manager.kill()
	return s.manager.start(s.ctx)
}

// takeDown ends everything that was started, in the reverse order.
func (s *stage) takeDown() error {
	s.screen.progress("stopping everything")
	var errs []error
	if s.manager != nil {
		errs = append(errs, s.manager.stop())
	}
	s.cancel(context.Canceled)
	if s.inbox != nil {
		s.inbox.Close()
	}
	if s.server != nil {
		errs = append(errs, s.server.Stop())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// explain adds the end of the manager's log to an error.
func (s *stage) explain(err error) error {
	if s.manager == nil || s.ctx.Err() != nil && errors.Is(context.Cause(s.ctx), context.Canceled) {
		return err
	}
	return fmt.Errorf("%w\n\nThe end of %s:\n%s", err, s.manager.logPath, s.manager.lastWords())
}

// kubectl runs a command as a reader would type it, shows it with its output, and returns the output.
func (s *stage) kubectl(args ...string) (string, error) {
	output, err := s.run(args...)
	if err == nil {
		s.screen.command("kubectl "+quoted(args), output)
	}
	return output, err
}

func (s *stage) run(args ...string) (string, error) {
	command := exec.CommandContext(s.ctx, s.server.Program("kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", quoted(args), err, output)
	}
	return string(output), nil
}

// quoted returns a command line that a shell splits into args.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		if words[i] = arg; strings.ContainsAny(arg, ` {}"!*?$`) {
			words[i] = "'" + arg + "'"
		}
	}
	return strings.Join(words, " ")
}

// printHandles prints how to continue on your own.
func (s *stage) printHandles() {
	kubectl := "kubectl"
	if _, err := exec.LookPath(kubectl); err != nil {
		kubectl = s.server.Program(kubectl)
	}
	s.screen.say(`
Everything keeps running until Ctrl-C.

  Cluster   export KUBECONFIG=%[1]s
  Portal    %[2]s  (open one of the links above)
  Inbox     %[3]s  (one file per mail)
  Log       %[4]s

To try:

  %[5]s get members --output wide
  %[5]s explain member.spec
  %[5]s patch member chloe --type merge --patch '{"spec":{"state":"Active"}}'
  %[5]s patch invitation benoit --type merge --patch '{"spec":{"sendGeneration":2}}'
  %[5]s scale seatpool acme-base --replicas=6
  %[5]s get events`,
		s.kubeconfig, s.portalURL, filepath.Join(s.dir, "inbox"), s.manager.logPath, kubectl)
}
