package volume

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// addTrustBundle puts trust anchors into content (KEP-3257): those of one
// ClusterTrustBundle, or of all that a signer has and a selector matches. Without
// any the volume cannot be made, unless that is optional.
func (j *job) addTrustBundle(ctx context.Context, content payload, source *corev1.ClusterTrustBundleProjection, mode *int32) error {
	all, err := j.Source.TrustBundles(ctx, j.pod)
	if err != nil {
		return err
	}
	wanted, err := bundlesOf(source)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(b *certificatesv1.ClusterTrustBundle) bool { return !wanted(b) })
	if len(all) == 0 && (source.Optional == nil || !*source.Optional) {
		if source.Name != nil {
			return fmt.Errorf("clustertrustbundle %q not found", *source.Name)
		}
		return errors.New("combination of signerName and labelSelector matched zero ClusterTrustBundles")
	}
	content[source.Path] = j.private(anchors(all), mode)
	return nil
}

// bundlesOf tells the bundles that source means. No selector matches nothing, an
// empty one everything.
func bundlesOf(source *corev1.ClusterTrustBundleProjection) (func(*certificatesv1.ClusterTrustBundle) bool, error) {
	if source.Name != nil {
		return func(b *certificatesv1.ClusterTrustBundle) bool { return b.Name == *source.Name }, nil
	}
	if source.SignerName == nil {
		return nil, errors.New("ClusterTrustBundle projection requires either name or signerName to be set")
	}
	selector, err := metav1.LabelSelectorAsSelector(source.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("parse label selector: %w", err)
	}
	return func(b *certificatesv1.ClusterTrustBundle) bool {
		return b.Spec.SignerName == *source.SignerName && selector.Matches(labels.Set(b.Labels))
	}, nil
}

// anchors are the certificates of the bundles, PEM, each once, without what stands
// between them. Their order says nothing, but does not change by itself.
func anchors(bundles []*certificatesv1.ClusterTrustBundle) []byte {
	found := map[string]bool{}
	for _, b := range bundles {
		for block, rest := pem.Decode([]byte(b.Spec.TrustBundle)); block != nil; block, rest = pem.Decode(rest) {
			found[string(block.Bytes)] = true
		}
	}
	var out []byte
	for _, der := range slices.Sorted(maps.Keys(found)) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(der)})...)
	}
	return out
}
