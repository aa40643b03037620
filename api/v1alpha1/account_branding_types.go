// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AccountBranding is the look of the pages that an account's invitees and members see.
type AccountBranding struct {
	// accentColor is the colour of buttons, links and marks, in light and in dark mode. Text stays readable with any
	// colour: where the colour has too little contrast, a darker or lighter shade of it is used. Default: Usher's blue.
	// Example: `#0a7d4f`.
	//
	// +optional
	AccentColor Color `json:"accentColor,omitempty"`

	// logoURL is the address of a picture shown next to displayName, up to 40 pixels high and 160 pixels wide. Browsers
	// load it from its own host, which therefore learns the visitors' IP addresses; pages load nothing else from other
	// hosts. Default: none; the first letter of displayName is shown. Example: `https://cdn.acme.example/logo.svg`.
	//
	// +optional
	LogoURL ImageURL `json:"logoURL,omitempty"`
}

// Color is an sRGB colour: `#` and two hexadecimal digits each for red, green and blue. Example: `#0a7d4f`.
//
// +kubebuilder:validation:MaxLength=7
// +kubebuilder:validation:XValidation:rule="self.matches('^#[0-9A-Fa-f]{6}$')",message="must be # and six hexadecimal digits, such as #0a7d4f",reason=FieldValueInvalid
type Color string

// ImageURL is an absolute https URL with a host name and no user. Example: `https://cdn.acme.example/logo.svg`.
//
// +kubebuilder:validation:MaxLength=2048
// +kubebuilder:validation:XValidation:rule="isURL(self) && self.matches('^https://[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?(:[0-9]{1,5})?([/?#]|$)')",message="must be an absolute URL that starts with https:// and names a host, such as https://cdn.acme.example/logo.svg",reason=FieldValueInvalid
type ImageURL string
