//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// Rows whose lives of objects ask for more than the common operations.
func init() {
	add(map[string]func(*T){
		"API084": quotaLife,
		"AUT009": func(t *T) {
			t.create(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: main}}`)
			t.update("serviceaccounts/main", func(o object) { o["automountServiceAccountToken"] = false })
			t.equal("read back", t.get("serviceaccounts/main").str("automountServiceAccountToken"), "false")
		},
		"NOD043": leaseLife,
		"NOD054": func(t *T) {
			t.create(`{apiVersion: v1, kind: PodTemplate, metadata: {name: main}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: minke.local/toolbox}]}}}`)
			o := t.update("podtemplates/main", func(o object) { o.set("metadata.annotations.updated", "yes") })
			t.equal("the annotation", o.str("metadata.annotations.updated"), "yes")
		},
		"NOD090": func(t *T) {
			t.create(`{apiVersion: v1, kind: Secret, metadata: {name: main, labels: {row: nod090}}, stringData: {key: value}}`)
			t.patch("secrets/main", `{"data":{"key":"dmFsdWUx"}}`)
			t.equal("the data", t.get("secrets/main").str("data.key"), "dmFsdWUx")
			t.call(request{Method: "DELETE", Path: "secrets?labelSelector=row%3Dnod090"}, 200)
			for _, o := range t.items("/api/v1/secrets") {
				if o.name() == "main" && o.str("metadata.namespace") == t.ns {
					t.Fatalf("it is still listed: %v", o["metadata"])
				}
			}
		},
		"STO044": volumeStatuses,
		"STO045": volumeLives,
		"STO089": attachmentStatus,
	})
}

func quotaLife(t *T) {
	const all = "/api/v1/resourcequotas?labelSelector=row%3Dapi084"
	t.create(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: main, labels: {row: api084}}, spec: {hard: {cpu: "1", memory: 500Mi}}}`)
	t.equal("listed", len(t.items(all)), 1)
	o := t.patch("resourcequotas/main", `{"metadata":{"labels":{"patched":"yes"}},"spec":{"hard":{"memory":"750Mi"}}}`)
	t.equal("patched", o.str("spec.hard")+o.str("metadata.labels.patched"), "map[cpu:1 memory:750Mi]yes")
	w := t.watch("resourcequotas", "&labelSelector=row%3Dapi084")
	t.call(request{Method: "DELETE", Path: "resourcequotas?labelSelector=row%3Dapi084"}, 200)
	w.until("DELETED", func(o object) bool { return o.name() == "main" })
	t.equal("left", len(t.items(all)), 0)
}

func leaseLife(t *T) {
	t.discovered(placesByPlural["leases"])
	spec := func(wanted string) {
		t.equal("spec", t.get("leases/main").str("spec"), wanted)
	}
	t.create(`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: main}, spec: {holderIdentity: one, leaseDurationSeconds: 30, leaseTransitions: 0}}`)
	spec("map[holderIdentity:one leaseDurationSeconds:30 leaseTransitions:0]")
	t.update("leases/main", func(o object) { o.set("spec.holderIdentity", "two").set("spec.leaseTransitions", 1) })
	spec("map[holderIdentity:two leaseDurationSeconds:30 leaseTransitions:1]")
	t.patch("leases/main", `{"spec":{"leaseDurationSeconds":60}}`)
	spec("map[holderIdentity:two leaseDurationSeconds:60 leaseTransitions:1]")
	t.create(`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: second, labels: {row: nod043}}}`)
	t.equal("listed", fmt.Sprint(names(t.items("leases"))), "[main second]")
	t.call(request{Method: "DELETE", Path: "leases?labelSelector=row%3Dnod043"}, 200)
	t.equal("left", fmt.Sprint(names(t.items("leases"))), "[main]")
	t.remove("leases/main")
	t.gone("leases/main")
}

// attachmentStatus is the status of an attachment no driver cares for.
func attachmentStatus(t *T) {
	o := t.create(`{apiVersion: storage.k8s.io/v1, kind: VolumeAttachment, metadata: {name: sto089}, spec: {attacher: nobody.example.com, nodeName: node-1, source: {persistentVolumeName: nothing}}}`)
	path := "volumeattachments/" + o.name()
	o = t.patch(path, `{"metadata":{"labels":{"patched":"yes"}}}`)
	t.equal("label", o.str("metadata.labels.patched"), "yes")
	t.equal("attached", t.get(path+"/status").str("status.attached"), "false")
	t.patch(path+"/status", `{"status":{"attached":true}}`)
	t.equal("attached", t.get(path+"/status").str("status.attached"), "true")
	t.update(path+"/status", func(o object) { o.set("status.attached", false) })
	t.equal("attached", t.get(path+"/status").str("status.attached"), "false")
	t.remove(path)
	t.gone(path)
}

// volumePair makes a volume and a claim that only fit each other.
func (t *T) volumePair(name string) (volume, claim object) {
	t.Helper()
	labels := "labels: {row: " + t.ns + "}"
	volume = t.create(`{apiVersion: v1, kind: PersistentVolume, metadata: {name: ` + name + `, ` + labels + `}, spec: {capacity: {storage: 1Mi}, accessModes: [ReadWriteOnce], storageClassName: ` + name + `, persistentVolumeReclaimPolicy: Retain, hostPath: {path: /tmp/` + name + `}}}`)
	claim = t.create(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: ` + name + `, ` + labels + `}, spec: {accessModes: [ReadWriteOnce], storageClassName: ` + name + `, resources: {requests: {storage: 1Mi}}}}`)
	t.equal("volumes by label", fmt.Sprint(names(t.items("/api/v1/persistentvolumes?labelSelector=row%3D"+t.ns))), "["+name+"]")
	t.equal("claims", fmt.Sprint(names(t.items("persistentvolumeclaims"))), "["+name+"]")
	return volume, claim
}

func volumeStatuses(t *T) {
	t.volumePair("sto044")
	const volume, claim = "/api/v1/persistentvolumes/sto044", "persistentvolumeclaims/sto044"
	for _, path := range []string{volume, claim} {
		phase := t.get(path + "/status").str("status.phase")
		if !strings.Contains(" Pending Available Bound ", " "+phase+" ") {
			t.Fatalf("%s is %q", path, phase)
		}
		t.waitField(path, "status.phase", "Bound")
	}
	t.patch(claim+"/status", `{"status":{"conditions":[{"type":"Patched","status":"True","reason":"Patched","message":"patched"}]}}`)
	t.equal("condition", t.get(claim+"/status").condition("Patched"), "True")
	t.update(claim+"/status", func(o object) {
		conditions, _ := o.at("status.conditions").([]any)
		o.set("status.conditions", append(conditions, map[string]any{"type": "Updated", "status": "True", "reason": "Updated", "message": "updated"}))
	})
	t.equal("condition", t.get(claim+"/status").condition("Updated"), "True")
	t.patch(volume+"/status", `{"status":{"reason":"Patched","message":"patched"}}`)
	o := t.get(volume + "/status")
	t.equal("patched", o.str("status.reason")+o.str("status.message"), "Patchedpatched")
	t.update(volume+"/status", func(o object) { o.set("status.reason", "Updated").set("status.message", "updated") })
	o = t.get(volume + "/status")
	t.equal("updated", o.str("status.reason")+o.str("status.message"), "Updatedupdated")
}

func volumeLives(t *T) {
	const volumes, claims = "/api/v1/persistentvolumes", "persistentvolumeclaims"
	made := map[string]object{}
	made[volumes+"/sto045"], made[claims+"/sto045"] = t.volumePair("sto045")
	for path, o := range made {
		t.equal("patched", t.patch(path, `{"metadata":{"labels":{"patched":"yes"}}}`).str("metadata.labels.patched"), "yes")
		t.equal("uid", t.get(path).str("metadata.uid"), o.str("metadata.uid"))
	}
	for _, path := range []string{claims + "/sto045", volumes + "/sto045"} {
		t.remove(path)
		t.gone(path)
	}
	t.volumePair("sto045-b")
	for _, path := range []string{claims, volumes} {
		one := path + "/sto045-b"
		o := t.update(one, func(o object) { o.set("metadata.labels.updated", "yes") })
		t.equal("updated", o.str("metadata.labels.updated"), "yes")
		t.call(request{Method: "DELETE", Path: path + "?labelSelector=row%3Dsto045"}, 200)
		t.gone(one)
	}
}
