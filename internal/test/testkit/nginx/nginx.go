// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package nginx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// program is the path in Debian's package.
const program = "/usr/sbin/nginx"

// startTimeout is for a busy machine; a fraction of a second is usual.
const startTimeout = 60 * time.Second

// Missing returns why nginx cannot run here, and what to do; empty if it can.
func Missing() string {
	if _, err := os.Stat(program); err != nil {
		return "there is no nginx: run hack/debian-packages.sh as root on Debian, or install the package nginx-light"
	}
	return ""
}

// Nginx is a running web server with one page.
type Nginx struct {
	// URL is the page's.
	URL string

	dir     string
	process *exec.Cmd
	ended   chan struct{}
}

// Start starts an nginx that accepts the users in its password file, which is empty at first. It is ready when Start returns. Stop it
// with Close.
func Start(ctx context.Context) (_ *Nginx, err error) {
	if why := Missing(); why != "" {
		return nil, errors.New(why)
	}
	n := &Nginx{ended: make(chan struct{})}
	// A worker that is not root must be able to read it, so it is not a folder of the testing package.
	if n.dir, err = os.MkdirTemp("", "usher-nginx-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	n.URL = fmt.Sprintf("http://127.0.0.1:%d/", port)
	if err := n.configure(port); err != nil {
		return nil, fmt.Errorf("configure nginx: %w", err)
	}
	if err := n.SetPasswords(nil); err != nil {
		return nil, err
	}
	// It outlives the context in which it is started.
	n.process = exec.Command(program, "-p", n.dir, "-c", "nginx.conf", "-e", "error.log")
	if err := n.process.Start(); err != nil {
		n.process = nil
		return nil, err
	}
	go func() {
		_ = n.process.Wait()
		close(n.ended)
	}()
	return n, n.await(ctx)
}

// configure writes a configuration that keeps all files in the folder, and nginx in the foreground.
func (n *Nginx) configure(port int) error {
	if err := os.Chmod(n.dir, 0o755); err != nil {
		return err
	}
	configuration := fmt.Sprintf(`daemon off;
master_process off;
pid nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:%d;
    auth_basic Acme;
    auth_basic_user_file auth;
    location / { try_files /page =404; root .; }
  }
}
`, port)
	if err := os.WriteFile(filepath.Join(n.dir, "nginx.conf"), []byte(configuration), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.dir, "page"), []byte("Welcome\n"), 0o644)
}

// SetPasswords replaces the password file atomically, as the kubelet does with a mounted Secret. nginx reads it for each request.
func (n *Nginx) SetPasswords(file []byte) error {
	next := filepath.Join(n.dir, "auth.next")
	if err := os.WriteFile(next, file, 0o644); err != nil {
		return err
	}
	return os.Rename(next, n.PasswordFile())
}

// PasswordFile returns the path of the password file.
func (n *Nginx) PasswordFile() string { return filepath.Join(n.dir, "auth") }

// Ask requests the page as a user, or without credentials if user is empty, and returns the HTTP status.
func (n *Nginx) Ask(ctx context.Context, user, password string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL, nil)
	if err != nil {
		return 0, err
	}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// Close stops nginx and removes its folder.
func (n *Nginx) Close() {
	if n.process != nil {
		_ = n.process.Process.Kill()
		<-n.ended
	}
	_ = os.RemoveAll(n.dir)
}

// await waits until nginx responds.
func (n *Nginx) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		status, err := n.Ask(ctx, "", "")
		if err == nil && status == http.StatusUnauthorized {
			return nil
		}
		select {
		case <-n.ended:
			log, _ := os.ReadFile(filepath.Join(n.dir, "error.log"))
			return fmt.Errorf("nginx ended before it responded:\n%s", log)
		case <-ctx.Done():
			return fmt.Errorf("nginx does not respond (status %d): %w", status, errors.Join(err, ctx.Err()))
		case <-retry.C:
		}
	}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
