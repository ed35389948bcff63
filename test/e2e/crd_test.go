//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const cronTabs = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [cronSpec]
            x-kubernetes-validations:
            - {rule: "self.replicas <= 5", message: at most five}
            properties:
              cronSpec: {type: string, description: When it runs.}
              image: {type: string}
              replicas: {type: integer, default: 1}
          status: {type: object, properties: {replicas: {type: integer}}}
`

func cronTab(name, spec string) string {
	return fmt.Sprintf("apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: %s}\nspec: %s\n", name, spec)
}

// TestCustomResources takes a definition through its life with kubectl, with a
// kill in between.
func TestCustomResources(t *testing.T) {
	c := up(t, 1, "--isolated")
	c.apply(cronTabs)
	c.kubectl("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=30s")
	c.apply(cronTab("mine", `{cronSpec: "* * * * */5", image: one}`))
	c.apply(cronTab("mine", `{cronSpec: "* * * * */5", image: two}`))
	if out := c.kubectl("get", "ct", "--no-headers"); strings.Join(strings.Fields(out), " ") != "mine * * * * */5 1" {
		t.Errorf("get: %q", out)
	}
	if out := c.kubectl("explain", "crontab.spec.cronSpec"); !strings.Contains(out, "When it runs.") {
		t.Errorf("explain: %s", out)
	}
	c.kubectl("scale", "--replicas=4", "crontab/mine")
	for bad, why := range map[string]string{
		`{cronSpec: x, imgae: y}`:    `unknown field "spec.imgae"`,
		`{image: y}`:                 "spec.cronSpec: Required value",
		`{cronSpec: x, replicas: 6}`: "at most five",
	} {
		_, err := c.try(cronTab("bad", bad), minke(), "kubectl", "create", "-f", "-")
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("create %s: want %q, got %v", bad, why, err)
		}
	}
	c.collectsOwned()
	c.emptiesNamespace()
	c.kubectl("delete", "crd", "crontabs.stable.example.com", "--timeout=60s")
	if _, err := c.try("", minke(), "kubectl", "get", "crontabs"); err == nil {
		t.Error("crontabs are still served")
	}
}

// collectsOwned checks that the garbage collector sees custom resources as
// owners and as what is owned.
func (c *Cluster) collectsOwned() {
	c.t.Helper()
	uid := c.kubectl("get", "crontab", "mine", "-o", "jsonpath={.metadata.uid}")
	owner := "{name: owned, ownerReferences: [{apiVersion: stable.example.com/v1, kind: CronTab, name: mine, uid: " + uid + "}]}"
	c.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: " + owner + "\n")
	c.apply("apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: " + owner + "\nspec: {cronSpec: x}\n")
	c.kubectl("delete", "crontab", "mine", "--timeout=30s")
	c.kubectl("wait", "--for=delete", "configmap/owned", "--timeout=30s")
	c.kubectl("wait", "--for=delete", "crontab/owned", "--timeout=30s")
}

// emptiesNamespace checks that a namespace takes its custom resources along.
func (c *Cluster) emptiesNamespace() {
	c.t.Helper()
	c.kubectl("create", "namespace", "short")
	c.apply(strings.Replace(cronTab("inside", "{cronSpec: x}"), "{name: inside}", "{name: inside, namespace: short}", 1))
	c.kubectl("delete", "namespace", "short", "--timeout=60s")
	if out := c.kubectl("get", "crontabs", "-A"); strings.Contains(out, "inside") {
		c.t.Errorf("the namespace is gone, its custom resources are not: %s", out)
	}
}
