// Package codec turns objects into the bytes that clients and the store see,
// and back: JSON, YAML and Kubernetes' protobuf envelope, strictly checked and
// bounded on the way in, composed from kept encodings on the way out.
package codec

import (
	"cmp"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// Format is a way to write an object.
type Format int

// The formats.
const (
	JSON Format = iota
	YAML
	Protobuf
	CBOR
)

// Media types.
const (
	MediaJSON     = "application/json"
	MediaYAML     = "application/yaml"
	MediaProtobuf = "application/vnd.kubernetes.protobuf"
	MediaCBOR     = "application/cbor"
	// MediaCBORSequence is what a watch in CBOR consists of (RFC 8742).
	MediaCBORSequence = "application/cbor-seq"
)

// Offer is what a server reads and writes: JSON, YAML and protobuf always.
type Offer struct {
	// CBOR is offered when the feature gate CBORServingAndStorage is on (KEP 4222).
	CBOR bool
	// Untyped tells that the objects have no Go type, and so no protobuf form but
	// that of their metadata alone.
	Untyped bool
}

// Media lists the media types in the order in which errors name them.
func (o Offer) Media() string {
	all := MediaJSON + ", " + MediaYAML + ", " + MediaProtobuf
	if o.CBOR {
		all += ", " + MediaCBOR
	}
	return all
}

// String returns the format's media type.
func (f Format) String() string {
	return [...]string{MediaJSON, MediaYAML, MediaProtobuf, MediaCBOR}[f]
}

// FormatOf returns the format that a Content-Type names. None means JSON.
func (o Offer) FormatOf(contentType string) (Format, bool) {
	if contentType == "" || contentType == MediaJSON {
		return JSON, true
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, false
	}
	switch media {
	case MediaJSON:
		return JSON, true
	case MediaYAML:
		return YAML, true
	case MediaProtobuf:
		return Protobuf, true
	case MediaCBOR:
		return CBOR, o.CBOR
	}
	return 0, false
}

// Accepted is one answer that a client would take.
type Accepted struct {
	Format Format
	// As is the kind that the object shall be turned into: "Table",
	// "PartialObjectMetadata" or "PartialObjectMetadataList", and AsVersion
	// its version in meta.k8s.io. Empty means the object as it is.
	As, AsVersion string
}

// Negotiate returns the best of what an Accept header admits, and false when
// nothing of it can be served. An empty header admits JSON.
func (o Offer) Negotiate(accept string) (Accepted, bool) {
	switch accept {
	case "", MediaJSON, "*/*":
		return Accepted{}, true
	}
	for _, clause := range parseAccept(accept) {
		if a, ok := clause.accepted(o); ok {
			return a, true
		}
	}
	return Accepted{}, false
}

// Produces tells whether an Accept header names one of the media types, whatever
// their parameters, or all. Kubernetes asks this of its own resources first, and
// patterns other than */* are no names.
func (o Offer) Produces(accept string) bool {
	if accept == "" {
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch strings.TrimSpace(media) {
		case MediaJSON, MediaYAML, MediaProtobuf, "*/*":
			return true
		case MediaCBOR, MediaCBORSequence:
			if o.CBOR {
				return true
			}
		}
	}
	return false
}

// StreamMedia lists the media types of watches, as errors name them.
func (o Offer) StreamMedia() string {
	all := MediaJSON + ";stream=watch, " + MediaProtobuf + ";stream=watch"
	if o.CBOR {
		all += ", " + MediaCBOR + ";stream=watch"
	}
	return all
}

// NegotiatePlain is Negotiate for what cannot be turned into another kind.
func (o Offer) NegotiatePlain(accept string) (Format, bool) {
	for _, clause := range parseAccept(cmp.Or(accept, MediaJSON)) {
		if a, ok := clause.accepted(o); ok && a.As == "" {
			return a.Format, true
		}
	}
	return 0, false
}

type clause struct {
	media  string
	params map[string]string
	q      float64
}

// parseAccept returns the header's clauses by falling preference. Clauses of
// equal weight keep their order, the exact before the wildcards.
func parseAccept(accept string) []clause {
	var clauses []clause
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		c := clause{media: media, params: params, q: 1}
		if text, ok := params["q"]; ok {
			if c.q, err = strconv.ParseFloat(text, 64); err != nil || c.q <= 0 {
				continue
			}
		}
		clauses = append(clauses, c)
	}
	slices.SortStableFunc(clauses, func(a, b clause) int {
		if a.q != b.q {
			if a.q > b.q {
				return -1
			}
			return 1
		}
		return strings.Count(a.media, "*") - strings.Count(b.media, "*")
	})
	return clauses
}

func (c clause) accepted(o Offer) (Accepted, bool) {
	a := Accepted{}
	switch c.media {
	case MediaJSON, "application/*", "*/*":
	case MediaYAML:
		a.Format = YAML
	case MediaProtobuf:
		a.Format = Protobuf
	case MediaCBOR, MediaCBORSequence: // the latter is what a client may call a watch
		if !o.CBOR {
			return a, false
		}
		a.Format = CBOR
	default:
		return a, false
	}
	as := c.params["as"]
	if as == "" {
		return a, a.Format != Protobuf || !o.Untyped
	}
	if c.params["g"] != "meta.k8s.io" {
		return a, false
	}
	a.As, a.AsVersion = as, c.params["v"]
	if a.AsVersion != "v1" && a.AsVersion != "v1beta1" {
		return a, false
	}
	switch as {
	case "Table":
		return a, a.Format != Protobuf
	case "PartialObjectMetadata", "PartialObjectMetadataList":
		return a, true
	}
	return a, false
}
