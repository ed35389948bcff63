package plugins

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/scheduler/cluster"
)

// Changed tells that some claim or volume changed.
func (v *VolumeBinding) Changed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed != nil {
		close(v.changed)
		v.changed = nil
	}
}

// next returns a channel that is closed at the next change.
func (v *VolumeBinding) next() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed == nil {
		v.changed = make(chan struct{})
	}
	return v.changed
}

// Reserve implements Reserver: it has the claims that waited for a consumer
// bound for node, and returns when they are.
func (v *VolumeBinding) Reserve(ctx context.Context, pod *cluster.Pod, nodeName string) error {
	claims, refusal := v.claimsOf(pod.Pod)
	if refusal != nil {
		return fmt.Errorf("reserve volumes: %s", refusal.Reasons[0])
	}
	var begun []*corev1.PersistentVolumeClaim
	for _, claim := range claims {
		if isBound(claim) {
			continue
		}
		if err := v.begin(ctx, claim, nodeName); err != nil {
			return err
		}
		begun = append(begun, claim)
	}
	for _, claim := range begun {
		if err := v.waitBound(ctx, claim, nodeName); err != nil {
			return err
		}
	}
	v.release(begun) // from here on the API says whose they are
	return nil
}

// begin binds a volume that is there to the claim, or asks the provisioner.
func (v *VolumeBinding) begin(ctx context.Context, claim *corev1.PersistentVolumeClaim, nodeName string) error {
	if volume := v.promise(claim, nodeName); volume != nil {
		ref := corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion}
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": volume.ResourceVersion, "annotations": map[string]string{"pv.kubernetes.io/bound-by-controller": "yes"}},
			"spec":     map[string]any{"claimRef": ref},
		})
		if err == nil {
			_, err = client.Of(v.API, client.PersistentVolumes).Patch(ctx, "", volume.Name, types.MergePatchType, patch)
		}
		if err != nil {
			return fmt.Errorf("bind volume %s to claim %s/%s: %w", volume.Name, claim.Namespace, claim.Name, err)
		}
		return nil
	}
	if claim.Annotations[selectedNode] == nodeName {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": claim.ResourceVersion, "annotations": map[string]string{selectedNode: nodeName}}})
	if err == nil {
		_, err = client.Of(v.API, client.PersistentVolumeClaims).Patch(ctx, claim.Namespace, claim.Name, types.MergePatchType, patch)
	}
	if err != nil {
		return fmt.Errorf("choose node %s for claim %s/%s: %w", nodeName, claim.Namespace, claim.Name, err)
	}
	return nil
}

// promise chooses a volume for claim and keeps others from choosing it too.
func (v *VolumeBinding) promise(claim *corev1.PersistentVolumeClaim, nodeName string) *corev1.PersistentVolume {
	node, ok := v.Nodes.Get("", nodeName)
	if !ok {
		return nil
	}
	volume := v.match(claim, node)
	if volume == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.promised == nil {
		v.promised = map[string]client.Key{}
	}
	if other, ok := v.promised[volume.Name]; ok && other != client.KeyOf(claim) {
		return nil
	}
	v.promised[volume.Name] = client.KeyOf(claim)
	return volume
}

// waitBound waits for the claim to be bound. A provisioner that cannot serve
// the node takes back the choice of it, and the pod must go elsewhere.
func (v *VolumeBinding) waitBound(ctx context.Context, claim *corev1.PersistentVolumeClaim, nodeName string) error {
	chosen := false // the choice has been seen
	for {
		change := v.next()
		now, ok := v.Claims.Get(claim.Namespace, claim.Name)
		if !ok || now.UID != claim.UID {
			return fmt.Errorf("wait for claim %s/%s: it is gone", claim.Namespace, claim.Name)
		}
		if isBound(now) {
			return nil
		}
		switch now.Annotations[selectedNode] {
		case nodeName:
			chosen = true
		case "":
			if chosen {
				return fmt.Errorf("wait for claim %s/%s: no volume can be made for node %s", claim.Namespace, claim.Name, nodeName)
			}
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("wait for claim %s/%s to be bound: %w", claim.Namespace, claim.Name, ctx.Err())
		}
	}
}

// Unreserve implements Reserver. The node that was chosen for a claim stays:
// its volume may be on the way.
func (v *VolumeBinding) Unreserve(_ context.Context, pod *cluster.Pod, _ string) {
	claims, _ := v.claimsOf(pod.Pod)
	v.release(claims)
}

func (v *VolumeBinding) release(claims []*corev1.PersistentVolumeClaim) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, claim := range claims {
		for volume, key := range v.promised {
			if key == client.KeyOf(claim) {
				delete(v.promised, volume)
			}
		}
	}
}
