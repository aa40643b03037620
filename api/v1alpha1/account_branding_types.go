// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AccountBranding is how the pages look that an account's invitees see.
type AccountBranding struct {
	// accentColor is the one colour of buttons, links and marks, in light and in dark. Whatever it is, text stays readable: where
	// the colour itself would be too pale or too dark for its ground, a darker or lighter shade of it is used. Default: Usher's
	// blue. Example: `#0a7d4f`.
	//
	// +optional
	AccentColor Color `json:"accentColor,omitempty"`

	// logoURL leads to a picture that is shown beside displayName, up to 40 pixels high and 160 wide. It is loaded from its own
	// host by whoever looks at a page, so that host learns their address, and nothing else is ever loaded from anywhere. Default:
	// none, and displayName's first letter is shown. Example: `https://cdn.acme.example/logo.svg`.
	//
	// +optional
	LogoURL ImageURL `json:"logoURL,omitempty"`
}

// Color is a colour of the sRGB space: `#` and two hexadecimal digits each for red, green and blue. Example: `#0a7d4f`.
//
// +kubebuilder:validation:MaxLength=7
// +kubebuilder:validation:XValidation:rule="self.matches('^#[0-9A-Fa-f]{6}$')",message="must be # and six hexadecimal digits, such as #0a7d4f",reason=FieldValueInvalid
type Color string

// ImageURL is an absolute https URL of a host by name, without a user. Example: `https://cdn.acme.example/logo.svg`.
//
// +kubebuilder:validation:MaxLength=2048
// +kubebuilder:validation:XValidation:rule="isURL(self) && self.matches('^https://[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?(:[0-9]{1,5})?([/?#]|$)')",message="must be an absolute URL that starts with https:// and names a host, such as https://cdn.acme.example/logo.svg",reason=FieldValueInvalid
type ImageURL string
