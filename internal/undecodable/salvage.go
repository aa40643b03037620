// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// problem is a field that cannot be decoded, and why.
type problem struct {
	field, text string
}

// scheme knows the types that are decoded.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := usherv1.AddToScheme(s); err != nil {
		panic(err) // cannot happen: the kinds are compiled in
	}
	return s
}()

// repair returns an object as it is if it can be decoded, or if it is not of one of Usher's kinds; otherwise what is left of it without
// the fields that cannot be decoded, with a mark.
func repair(raw json.RawMessage) json.RawMessage {
	var head metav1.TypeMeta
	if json.Unmarshal(raw, &head) != nil {
		return raw
	}
	kind := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	object, err := scheme.New(kind)
	if err != nil || utiljson.Unmarshal(raw, object) == nil {
		return raw
	}
	var problems []problem
	// What is left is written and read again: a time of the year 0 can be read, but not what Go writes of it.
	for left := raw; ; {
		object, _ = scheme.New(kind)
		found := salvage(left, reflect.ValueOf(object).Elem(), "")
		if len(found) == 0 {
			return left
		}
		problems = append(problems, found...)
		if member, ok := object.(*usherv1.Member); ok {
			member.Status.ObservedGeneration = -1 // it keeps its access and gains none, as if its spec were not observed yet
		}
		mark(object.(metav1.Object), kind.Kind, problems)
		written, err := json.Marshal(object)
		if err != nil {
			return raw
		}
		left = written
	}
}

// Check returns why an object of one of Usher's kinds cannot be decoded; nil if it can, and for every other object.
func Check(raw []byte) *Error {
	var object metav1.PartialObjectMetadata
	if json.Unmarshal(repair(raw), &object) == nil {
		return Of(&object)
	}
	return nil
}

// salvage decodes raw into a value, without the fields that cannot be decoded, and returns those.
func salvage(raw json.RawMessage, into reflect.Value, path string) []problem {
	fresh := reflect.New(into.Type())
	err := utiljson.Unmarshal(raw, fresh.Interface())
	if err == nil {
		into.Set(fresh.Elem())
		return nil
	}
	if _, decodesItself := fresh.Interface().(json.Unmarshaler); !decodesItself {
		switch into.Kind() {
		case reflect.Pointer:
			value := reflect.New(into.Type().Elem())
			found := salvage(raw, value.Elem(), path)
			if !value.Elem().IsZero() {
				into.Set(value)
			}
			return found
		case reflect.Struct:
			var fields map[string]json.RawMessage
			if json.Unmarshal(raw, &fields) == nil {
				return salvageFields(fields, into, path)
			}
		case reflect.Slice:
			var items []json.RawMessage
			if json.Unmarshal(raw, &items) == nil {
				return salvageItems(items, into, path)
			}
		case reflect.Map:
			var entries map[string]json.RawMessage
			if json.Unmarshal(raw, &entries) == nil {
				return salvageEntries(entries, into, path)
			}
		default:
		}
	}
	return []problem{{field: path, text: err.Error()}}
}

func salvageFields(fields map[string]json.RawMessage, into reflect.Value, path string) (found []problem) {
	for i := range into.NumField() {
		name, options, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		if name == "" && strings.Contains(options, "inline") {
			found = append(found, salvageFields(fields, into.Field(i), path)...)
			continue
		}
		if raw, present := fields[name]; present && name != "-" {
			found = append(found, salvage(raw, into.Field(i), strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return found
}

// salvageItems leaves out the items of which nothing can be decoded.
func salvageItems(items []json.RawMessage, into reflect.Value, path string) (found []problem) {
	for i, raw := range items {
		item := reflect.New(into.Type().Elem()).Elem()
		wrong := salvage(raw, item, fmt.Sprintf("%s[%d]", path, i))
		if len(wrong) == 0 || !item.IsZero() {
			into.Set(reflect.Append(into, item))
		}
		found = append(found, wrong...)
	}
	return found
}

func salvageEntries(entries map[string]json.RawMessage, into reflect.Value, path string) (found []problem) {
	into.Set(reflect.MakeMap(into.Type()))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		value := reflect.New(into.Type().Elem()).Elem()
		wrong := salvage(entries[key], value, path+"["+key+"]")
		if len(wrong) == 0 {
			into.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), value)
		}
		found = append(found, wrong...)
	}
	return found
}
