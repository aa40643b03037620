// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"time"
)

// codec encodes and decodes values of one type. A decoded value equals the encoded one; nil and empty slices and maps are different.
// decode gets a zero value to decode into.
type codec struct {
	encode func(*encoder, reflect.Value)
	decode func(*decoder, reflect.Value)
}

// common are the names of the fields whose strings are the same in many objects, and commonBelow those whose parts' are.
var (
	common = map[string]bool{
		"APIVersion": true, "Activation": true, "AddOn": true, "Class": true, "Kind": true, "KeyID": true, "Language": true,
		"Namespace": true, "Pool": true, "PoolUID": true, "Reason": true, "Role": true, "State": true, "Status": true, "Type": true,
	}
	commonBelow = map[string]bool{"AccountRef": true, "Finalizers": true, "Rights": true, "SeatPoolRefs": true}
)

var timeType = reflect.TypeFor[time.Time]()

// codecOf returns the codec of a type. It panics if the type has parts that cannot be encoded: no kind of the API has.
func codecOf(t reflect.Type, isCommon bool) codec {
	if t == timeType {
		return codec{encodeTime, decodeTime}
	}
	switch t.Kind() {
	case reflect.Bool:
		return codec{encodeBool, decodeBool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return codec{
			func(e *encoder, v reflect.Value) { e.buffer = binary.AppendVarint(e.buffer, v.Int()) },
			func(d *decoder, v reflect.Value) { v.SetInt(d.signed()) },
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return codec{
			func(e *encoder, v reflect.Value) { e.unsigned(v.Uint()) },
			func(d *decoder, v reflect.Value) { v.SetUint(d.unsigned()) },
		}
	case reflect.String:
		return codec{
			func(e *encoder, v reflect.Value) { e.text(v.String(), isCommon) },
			func(d *decoder, v reflect.Value) { v.SetString(d.text()) },
		}
	case reflect.Pointer:
		return pointerCodec(codecOf(t.Elem(), isCommon), t.Elem())
	case reflect.Slice:
		return sliceCodec(codecOf(t.Elem(), isCommon), t)
	case reflect.Map:
		return mapCodec(codecOf(t.Key(), true), codecOf(t.Elem(), isCommon), t)
	case reflect.Struct:
		return structCodec(t, isCommon)
	default:
		panic(fmt.Sprintf("a %s cannot be encoded", t))
	}
}

func encodeBool(e *encoder, v reflect.Value) {
	var b uint64
	if v.Bool() {
		b = 1
	}
	e.unsigned(b)
}

func decodeBool(d *decoder, v reflect.Value) { v.SetBool(d.unsigned() != 0) }

func pointerCodec(elem codec, to reflect.Type) codec {
	return codec{
		// A nil pointer is the zero value of its field, which is not encoded. A list has no nil pointers.
		func(e *encoder, v reflect.Value) { elem.encode(e, v.Elem()) },
		func(d *decoder, v reflect.Value) {
			target := reflect.New(to)
			elem.decode(d, target.Elem())
			v.Set(target)
		},
	}
}

func sliceCodec(elem codec, t reflect.Type) codec {
	return codec{
		func(e *encoder, v reflect.Value) {
			e.unsigned(uint64(v.Len()))
			for i := range v.Len() {
				elem.encode(e, v.Index(i))
			}
		},
		func(d *decoder, v reflect.Value) {
			n := int(d.unsigned())
			items := reflect.MakeSlice(t, n, n)
			for i := range n {
				elem.decode(d, items.Index(i))
			}
			v.Set(items)
		},
	}
}

func mapCodec(key, elem codec, t reflect.Type) codec {
	return codec{
		func(e *encoder, v reflect.Value) {
			e.unsigned(uint64(v.Len()))
			for entries := v.MapRange(); entries.Next(); {
				key.encode(e, entries.Key())
				elem.encode(e, entries.Value())
			}
		},
		func(d *decoder, v reflect.Value) {
			n := int(d.unsigned())
			entries := reflect.MakeMapWithSize(t, n)
			for range n {
				k, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
				key.decode(d, k)
				elem.decode(d, value)
				entries.SetMapIndex(k, value)
			}
			v.Set(entries)
		},
	}
}

// structCodec encodes the fields that are not zero, each after its number, and a 0 after the last.
func structCodec(t reflect.Type, isCommon bool) codec {
	fields := make([]codec, t.NumField())
	for i := range fields {
		field := t.Field(i)
		if !field.IsExported() {
			panic(fmt.Sprintf("field %s of %s cannot be encoded", field.Name, t))
		}
		isText := field.Type.Kind() == reflect.String
		fields[i] = codecOf(field.Type, isCommon || commonBelow[field.Name] || isText && common[field.Name])
	}
	return codec{
		func(e *encoder, v reflect.Value) {
			for i := range fields {
				if field := v.Field(i); !field.IsZero() {
					e.unsigned(uint64(i) + 1)
					fields[i].encode(e, field)
				}
			}
			e.unsigned(0)
		},
		func(d *decoder, v reflect.Value) {
			for n := d.unsigned(); n != 0; n = d.unsigned() {
				fields[n-1].decode(d, v.Field(int(n-1)))
			}
		},
	}
}

// epoch is near the times of today's objects, so that they are small numbers.
const epoch = 1_767_225_600 // 2026-01-01T00:00:00Z

// A time is encoded as its seconds, shifted left by two bits that say whether it has nanoseconds, and whether it is in UTC. Any other
// location becomes the local one, as in each time that was decoded from JSON.
const (
	timeHasNanoseconds = 1 << iota
	timeIsUTC
	timeFlags = iota
)

func encodeTime(e *encoder, v reflect.Value) {
	t := v.Interface().(time.Time)
	flags := int64(0)
	if t.Nanosecond() != 0 {
		flags |= timeHasNanoseconds
	}
	if t.Location() == time.UTC {
		flags |= timeIsUTC
	}
	e.buffer = binary.AppendVarint(e.buffer, (t.Unix()-epoch)<<timeFlags|flags)
	if flags&timeHasNanoseconds != 0 {
		e.unsigned(uint64(t.Nanosecond()))
	}
}

func decodeTime(d *decoder, v reflect.Value) {
	seconds, nanoseconds := d.signed(), int64(0)
	if seconds&timeHasNanoseconds != 0 {
		nanoseconds = int64(d.unsigned())
	}
	t := time.Unix(seconds>>timeFlags+epoch, nanoseconds)
	if seconds&timeIsUTC != 0 {
		t = t.UTC()
	}
	*v.Addr().Interface().(*time.Time) = t
}
