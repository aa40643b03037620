// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/shard"
)

const (
	// leasePrefix begins the names of the replicas' Leases.
	leasePrefix = "usher-replica-"
	// actsAnnotation is the division that a replica acts by, mostAnnotation how many may share the namespaces.
	actsAnnotation = "usher.dev/acts-by"
	mostAnnotation = "usher.dev/shards"
	// maxHostLength keeps the name of a Lease within what a name may have.
	maxHostLength = 63
	// forgetAfter is how many durations after its end the Lease of a dead replica is deleted.
	forgetAfter = 10
)

// Lasts is how long a Lease lasts. Another replica that has not seen it renewed for that long takes its replica for dead. A replica that
// could not renew it for StopsAfter stops acting.
const (
	Lasts      = 12 * time.Second
	StopsAfter = 9 * time.Second
)

// Roster writes this replica's Lease and reads those of the others.
type Roster struct {
	// Client reads from the API server.
	Client client.Client
	// Namespace of the Leases, and the name of this replica.
	Namespace, Name string
	// Most is how many replicas may share the namespaces; 0 for any number.
	Most int
	Now  func() time.Time

	own       *coordinationv1.Lease
	sightings map[string]shard.Sighting
}

// NewName returns a name for this process that no other has: that of its host, which is the pod's, and random letters.
func NewName() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("read the name of the host: %w", err)
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	clean = strings.Trim(clean[max(0, len(clean)-maxHostLength):], "-")
	return strings.Trim(clean+"-"+strings.ToLower(rand.Text()[:8]), "-"), nil
}

// Renew renews this replica's Lease and publishes the division that it acts by.
func (r *Roster) Renew(ctx context.Context, acts shard.Division) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: r.Namespace, Name: leasePrefix + r.Name, Labels: map[string]string{labels.ManagedBy: labels.Usher},
	}}
	if r.own != nil {
		lease = r.own.DeepCopy()
	}
	lease.Annotations = map[string]string{actsAnnotation: acts.String(), mostAnnotation: strconv.Itoa(r.Most)}
	lease.Spec.HolderIdentity = &r.Name
	lease.Spec.LeaseDurationSeconds = ptr.To(int32(Lasts / time.Second))
	lease.Spec.RenewTime = &metav1.MicroTime{Time: r.Now()}
	if r.own == nil {
		lease.Spec.AcquireTime = lease.Spec.RenewTime
		if err := r.Client.Create(ctx, lease); err != nil {
			return r.adopt(ctx, lease, fmt.Errorf("create Lease %s: %w", lease.Name, err))
		}
	} else if err := r.Client.Update(ctx, lease); err != nil {
		return r.adopt(ctx, lease, fmt.Errorf("renew Lease %s: %w", lease.Name, err))
	}
	r.own = lease
	return nil
}

// adopt reads the Lease again after a write whose answer was lost, or after someone has written or deleted it. The write is tried again.
func (r *Roster) adopt(ctx context.Context, lease *coordinationv1.Lease, cause error) error {
	stored := &coordinationv1.Lease{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(lease), stored)
	switch {
	case apierrors.IsNotFound(err):
		r.own = nil
	case err == nil:
		r.own = stored
	}
	return cause
}

// Read returns the live replicas, this one among them, and deletes the Leases of those that are long dead.
func (r *Roster) Read(ctx context.Context) ([]shard.Replica, error) {
	var list coordinationv1.LeaseList
	if err := r.Client.List(ctx, &list, client.InNamespace(r.Namespace), client.MatchingLabels{labels.ManagedBy: labels.Usher}); err != nil {
		return nil, fmt.Errorf("list the Leases of the replicas: %w", err)
	}
	now, sightings := r.Now(), map[string]shard.Sighting{}
	var live []shard.Replica
	for i := range list.Items {
		lease := &list.Items[i]
		name, ours := strings.CutPrefix(lease.Name, leasePrefix)
		if !ours {
			continue
		}
		// Any write renews it: only its replica writes it.
		seen := r.sightings[lease.Name].See(lease.ResourceVersion, now)
		sightings[lease.Name] = seen
		switch {
		case name == r.Name || seen.Live(now, Lasts):
			live = append(live, replicaOf(name, lease))
		case !seen.Live(now, forgetAfter*Lasts):
			precondition := client.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}
			if err := r.Client.Delete(ctx, lease, precondition); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return nil, fmt.Errorf("delete Lease %s, whose replica is gone: %w", lease.Name, err)
			}
		}
	}
	r.sightings = sightings
	return live, nil
}

func replicaOf(name string, lease *coordinationv1.Lease) shard.Replica {
	most, err := strconv.Atoi(lease.Annotations[mostAnnotation])
	if err != nil || most < 0 {
		most = 1
	}
	return shard.Replica{
		Name: name, Since: lease.CreationTimestamp.Time, Most: most, Acts: shard.Parse(lease.Annotations[actsAnnotation]),
	}
}

// Leave deletes this replica's Lease: the others need not wait for its end.
func (r *Roster) Leave(ctx context.Context) error {
	if r.own == nil {
		return nil
	}
	if err := r.Client.Delete(ctx, r.own); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Lease %s: %w", r.own.Name, err)
	}
	return nil
}
