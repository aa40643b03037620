// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// The metrics of etcd that are read: the size of its file, and how much of it is in use.
const (
	etcdTotal = "etcd_mvcc_db_total_size_in_bytes"
	etcdInUse = "etcd_mvcc_db_total_size_in_use_in_bytes"
)

// Stored is how large the objects of a kind are in etcd, keys included.
type Stored struct {
	Kind  string
	Count int
	// Mean is in bytes, of the first storedSample.
	Mean float64
}

// storedSample is of how many objects the size is looked at.
const storedSample = 1000

// stored measures the objects below a prefix of etcd's keys.
func (s *stage) stored(ctx context.Context, kind, prefix string) (Stored, error) {
	end := []byte(prefix)
	end[len(end)-1]++
	var answer struct {
		Count string `json:"count"`
		Pairs []struct {
			Key   []byte `json:"key"`
			Value []byte `json:"value"`
		} `json:"kvs"`
	}
	if err := s.etcd(ctx, "kv/range", map[string]any{"key": []byte(prefix), "range_end": end, "limit": storedSample}, &answer); err != nil {
		return Stored{}, err
	}
	size := 0
	for _, pair := range answer.Pairs {
		size += len(pair.Key) + len(pair.Value)
	}
	count, err := strconv.Atoi(answer.Count)
	if err != nil || len(answer.Pairs) == 0 {
		return Stored{}, fmt.Errorf("etcd has %q objects below %s", answer.Count, prefix)
	}
	return Stored{kind, count, float64(size) / float64(len(answer.Pairs))}, nil
}

// compact has etcd forget all former revisions.
func (s *stage) compact(ctx context.Context) error {
	var answer struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := s.etcd(ctx, "kv/range", map[string]any{"key": []byte("/")}, &answer); err != nil {
		return err
	}
	return s.etcd(ctx, "kv/compaction", map[string]any{"revision": answer.Header.Revision, "physical": true}, nil)
}

// etcd calls etcd's API as JSON.
func (s *stage) etcd(ctx context.Context, path string, ask, answer any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.Etcd()+"/v3/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd: %s: %s: %s", path, response.Status, bytes.TrimSpace(body))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(body, answer)
}

// memory is what the API server and etcd's file take.
type memory struct {
	// heap is live: a collection has just ended. resident also counts what Go keeps for later.
	heap, resident int64
	// total is etcd's file, inUse what is in use of it.
	total, inUse int64
}

func (s *stage) memory(ctx context.Context) (memory, error) {
	if _, err := s.admin.Get().AbsPath("/debug/pprof/heap").Param("gc", "1").DoRaw(ctx); err != nil {
		return memory{}, fmt.Errorf("have the API server collect its garbage: %w", err)
	}
	text, err := s.admin.Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return memory{}, err
	}
	ofServer, err := parseMetrics(text, heapBytes, residentBytes)
	if err != nil {
		return memory{}, err
	}
	if text, err = get(ctx, s.server.Etcd()+"/metrics"); err != nil {
		return memory{}, err
	}
	ofEtcd, err := parseMetrics(text, etcdTotal, etcdInUse)
	return memory{
		heap: int64(sum(ofServer, heapBytes)), resident: int64(sum(ofServer, residentBytes)),
		total: int64(sum(ofEtcd, etcdTotal)), inUse: int64(sum(ofEtcd, etcdInUse)),
	}, err
}
