// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// words are the dictionary of all kinds: their objects have the same namespaces and accounts.
var words = newDictionary()

// kind encodes the objects of one kind, and knows which of them are decoded.
type kind struct {
	of    reflect.Type
	codec codec
	idle  time.Duration

	mu      sync.Mutex
	decoded []*object
}

// newKind returns the kind of an object. A decoded object is kept until no one has read it for idle, up to twice that.
func newKind(example client.Object, idle time.Duration) *kind {
	of := reflect.TypeOf(example).Elem()
	return &kind{of: of, codec: codecOf(of, false), idle: idle}
}

// object is an encoded object. It is never changed.
type object struct {
	kind  *kind
	data  string
	value atomic.Pointer[value]
}

// value is a decoded object.
type value struct {
	client.Object
	read atomic.Bool
}

var (
	encoders = sync.Pool{New: func() any { return &encoder{words: words} }}
	decoders = sync.Pool{New: func() any { return &decoder{} }}
)

// encode returns an object encoded. The caller must not change it any more: it is kept as long as if it had been decoded.
func (k *kind) encode(o client.Object) *object {
	e := encoders.Get().(*encoder)
	k.codec.encode(e, reflect.ValueOf(o).Elem())
	encoded := &object{kind: k, data: string(e.buffer)}
	clear(e.had)
	e.buffer, e.had = e.buffer[:0], e.had[:0]
	encoders.Put(e)
	return encoded.keep(o)
}

// get returns the object. It is shared: the caller must not change it.
func (o *object) get() client.Object {
	if v := o.value.Load(); v != nil {
		if !v.read.Load() { // usually it is, and others need not wait for each other's write
			v.read.Store(true)
		}
		return v.Object
	}
	decoded := o.decode()
	o.keep(decoded)
	return decoded
}

func (o *object) decode() client.Object {
	d := decoders.Get().(*decoder)
	d.words, d.data = *words.words.Load(), o.data
	v := reflect.New(o.kind.of)
	o.kind.codec.decode(d, v.Elem())
	clear(d.had)
	d.words, d.had = nil, d.had[:0]
	decoders.Put(d)
	decoded := v.Interface().(client.Object)
	// Readers may keep an object's name and UID for long. They must not keep the rest of it.
	decoded.SetName(strings.Clone(decoded.GetName()))
	decoded.SetUID(types.UID(strings.Clone(string(decoded.GetUID()))))
	return decoded
}

// GetObjectMeta implements metav1.ObjectMetaAccessor: the store finds the object's key and version by it.
func (o *object) GetObjectMeta() metav1.Object { return o.get() }

// keep keeps a decoded object until it is idle.
func (o *object) keep(decoded client.Object) *object {
	v := &value{Object: decoded}
	v.read.Store(true)
	if !o.value.CompareAndSwap(nil, v) {
		return o
	}
	k := o.kind
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.decoded) == 0 {
		time.AfterFunc(k.idle, k.dropIdle)
	}
	k.decoded = append(k.decoded, o)
	return o
}

// dropIdle drops the decoded objects that no one has read since the last time.
func (k *kind) dropIdle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := k.decoded[:0]
	for _, o := range k.decoded {
		if o.value.Load().read.Swap(false) {
			kept = append(kept, o)
		} else {
			o.value.Store(nil)
		}
	}
	clear(k.decoded[len(kept):])
	if k.decoded = kept; len(kept) == 0 {
		k.decoded = nil // a burst may have made it large
		return
	}
	time.AfterFunc(k.idle, k.dropIdle)
}
