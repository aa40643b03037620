// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

// plans returns the trials of a Plan's fields.
func plans() []trial {
	of := func(path string, value any, refusal string) trial {
		return trial{kind: "Plan", path: path, value: value, refusal: refusal}
	}
	list := []trial{
		of("spec", absent, required),
		of("spec.displayName", absent, required),
		of("spec.defaultRole", absent, required),
		of("spec.defaultRole", "", tooShort),
		of("spec.roles", absent, required),
		of("spec.roles", []any{}, "should have at least 1 items"),
		of("spec.roles", numbered(16, "r%d", named), ""),
		of("spec.roles", numbered(17, "r%d", named), tooMany),
		of("spec.roles", []any{named("member"), named("member")}, duplicate),
		of("spec.roles[].accountAdmin", true, ""),
		of("spec.roles[].rights", []any{"*"}, ""),
		of("spec.roles[].rights", []any{"orders:place", "orders:place"}, duplicate),
		of("spec.roles[].rights", numbered(64, "r%d:v", nil), ""),
		of("spec.roles[].rights", numbered(65, "r%d:v", nil), tooMany),
		of("spec.roles[].rights[]", "", tooShort),
		of("spec.roles[].rights[]", "orders:place", ""),
		of("spec.roles[].rights[]", x(64)+":"+x(63), tooLong),
		of("spec.roles[].rights[]", "orders", badRight),
		of("spec.roles[].clusterRoles", []any{"acme-admin", "view"}, ""),
		of("spec.roles[].clusterRoles", []any{"view", "view"}, duplicate),
		of("spec.roles[].clusterRoles", numbered(16, "r%d", nil), ""),
		of("spec.roles[].clusterRoles", numbered(17, "r%d", nil), tooMany),
		of("spec.roles[].clusterRoles[]", "", tooShort),
		of("spec.roles[].clusterRoles[]", "system:aggregate-to-view", ""),
		of("spec.roles[].clusterRoles[]", x(254), tooLong),
		of("spec.ownerRole", "member", ""),
		of("spec.ownerRole", "", tooShort),
		of("spec.ownerRole", x(64), tooLong),
		of("spec.invitedRole", "member", ""),
		of("spec.invitedRole", "", tooShort),
		of("spec.invitedRole", x(64), tooLong),
		of("spec.defaultRole", "member", ""),
		of("spec.defaultRole", x(64), tooLong),
		of("spec.rights", numbered(64, "r%d:v", named), ""),
		of("spec.rights", numbered(65, "r%d:v", named), tooMany),
		of("spec.rights", []any{named("orders:place"), named("orders:place")}, duplicate),
		of("spec.rights[].name", absent, required),
		of("spec.rights[].name", "", tooShort),
		of("spec.rights[].name", "orders:place", ""),
		of("spec.rights[].name", "orders", badRight),
		of("spec.rights[].name", "*", oneRight),
		of("spec.rights[].name", x(64)+":"+x(63), tooLong),
		of("spec.addOns", numbered(16, "a%d", named), ""),
		of("spec.addOns", numbered(17, "a%d", named), tooMany),
		of("spec.addOns", []any{named("crm"), named("crm")}, duplicate),
		of("spec.restrictedMessage", map[string]any{"en-GB": "Contact {owner}.", "fr": "Contactez {owner}."}, ""),
		of("spec.restrictedMessage", inEveryLanguage("Contact {owner}."), ""),
		of("spec.restrictedMessage", map[string]any{"tlh": "{owner} yIjatlh."}, badLanguage),
		of("spec.restrictedMessage{}", map[string]any{"fr": ""}, tooShort),
		of("spec.restrictedMessage{}", map[string]any{"fr": x(500)}, ""),
		of("spec.restrictedMessage{}", map[string]any{"fr": "{owner} / {owner}"}, ""),
		of("spec.restrictedMessage{}", map[string]any{"fr": "Contactez {admin}."}, badPlaceholder),
		of("spec.restrictedMessage{}", map[string]any{"fr": "Contactez {{owner}}."}, badPlaceholder),
		of("spec.restrictedMessage{}", map[string]any{"fr": "Contactez owner}."}, badPlaceholder),
		of("spec.restrictedMessage{}", map[string]any{"fr": x(501)}, tooLong),
		of("spec.ownedResources", []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}, ""),
		of("spec.ownedResources", many(17, map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}), tooMany),
		of("spec.ownedResources[].apiVersion", absent, required),
		of("spec.ownedResources[].apiVersion", "", tooShort),
		of("spec.ownedResources[].apiVersion", "crm.example/v1", ""),
		of("spec.ownedResources[].apiVersion", x(317), tooLong),
		of("spec.ownedResources[].kind", absent, required),
		of("spec.ownedResources[].kind", "", tooShort),
		of("spec.ownedResources[].kind", "Deal", ""),
		of("spec.ownedResources[].kind", x(64), tooLong),
	}
	for _, path := range []string{"spec.roles[].name", "spec.addOns[].name"} {
		list = append(list, of(path, absent, required), of(path, "", tooShort), of(path, "sales-rep", ""), of(path, x(63), ""),
			of(path, x(64), tooLong), of(path, "Sales Rep", badRole[:40]))
	}
	for _, path := range []string{"spec", "spec.addOns[]"} {
		list = append(list,
			of(path+".includedSeats", int64(-1), tooSmall), of(path+".includedSeats", int64(0), ""),
			of(path+".includedSeats", int64(10000), ""), of(path+".includedSeats", int64(10001), tooBig),
			of(path+".seatPurchase.maximum", int64(-1), tooSmall), of(path+".seatPurchase.maximum", int64(0), ""),
			of(path+".seatPurchase.maximum", int64(10000), ""), of(path+".seatPurchase.maximum", int64(10001), tooBig),
			of(path+".seatPurchase.policy", "Allowed", ""), of(path+".seatPurchase.policy", "NotAllowed", ""),
			of(path+".seatPurchase.policy", "Sometimes", unsupported), of(path+".seatPurchase.whenFull", true, ""))
	}
	list = append(list, lines("Plan", "spec.displayName", 200)...)
	list = append(list, lines("Plan", "spec.addOns[].displayName", 200)...)
	return append(list, lines("Plan", "spec.rights[].description", 200)...)
}

// nameItems adds the required names to items that lack them.
func nameItems(spec map[string]any) {
	for list, name := range map[string]string{"addOns": "pipelines", "rights": "orders:place", "roles": "member"} {
		for _, item := range items(spec[list]) {
			if _, has := item["name"]; !has {
				item["name"] = name
			}
		}
	}
	for _, owned := range items(spec["ownedResources"]) {
		for field, value := range map[string]string{"apiVersion": "v1", "kind": "ConfigMap"} {
			if _, has := owned[field]; !has {
				owned[field] = value
			}
		}
	}
}

// complete adds to a Plan what the field under test requires.
func complete(plan map[string]any, t trial) {
	spec, ok := plan["spec"].(map[string]any)
	if t.kind != "Plan" || !ok || t.value == absent {
		return
	}
	nameItems(spec)
	if roles := items(spec["roles"]); len(roles) > 0 {
		if t.path != "spec.defaultRole" {
			spec["defaultRole"] = roles[0]["name"]
		}
		var vocabulary []any
		seen := map[any]bool{"*": true}
		rights, _ := roles[0]["rights"].([]any)
		for _, right := range rights {
			if !seen[right] && len(vocabulary) < 64 {
				vocabulary = append(vocabulary, map[string]any{"name": right})
			}
			seen[right] = true
		}
		if t.refusal == "" && vocabulary != nil {
			spec["rights"] = vocabulary
		}
	}
}

func items(list any) (maps []map[string]any) {
	of, _ := list.([]any)
	for _, item := range of {
		if m, ok := item.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}

func many(n int, item any) (list []any) {
	for range n {
		list = append(list, item)
	}
	return list
}
