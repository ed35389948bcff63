//go:build conformance

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// behaviour is a line of testdata/behaviours.tsv.
type behaviour struct {
	ID, Sig, Name, Since, Tags, Text string
}

// endpoint is a line of testdata/endpoints.tsv.
type endpoint struct {
	Level, Category, Version, Action, Kind, Path, Conformance, Operation string
}

var (
	behaviours = readBehaviours()
	endpoints  = readEndpoints()
)

func readTable(name string, columns int) [][]string {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		panic(err)
	}
	var rows [][]string
	for i, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) != columns {
			panic(fmt.Sprintf("%s:%d has %d columns, wanted %d", name, i+1, len(fields), columns))
		}
		if i > 0 {
			rows = append(rows, fields)
		}
	}
	return rows
}

func readBehaviours() []behaviour {
	var list []behaviour
	for _, f := range readTable("behaviours.tsv", 6) {
		list = append(list, behaviour{f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return list
}

func readEndpoints() []endpoint {
	var list []endpoint
	for _, f := range readTable("endpoints.tsv", 8) {
		list = append(list, endpoint{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]})
	}
	return list
}

// place is where a resource's collection is served.
type place struct {
	Prefix     string // /api/v1 or /apis/GROUP/VERSION
	Plural     string
	Namespaced bool
}

func (p place) collection(namespace string) string {
	if p.Namespaced {
		return p.Prefix + "/namespaces/" + namespace + "/" + p.Plural
	}
	return p.Prefix + "/" + p.Plural
}

// cut takes a path of endpoints.tsv apart: where its collection is, and what
// follows the collection ("", "{name}", "{name}/status", …).
func cut(path string) (p place, rest string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	n := 2
	if parts[0] == "apis" {
		n = 3
	}
	p.Prefix = "/" + strings.Join(parts[:n], "/")
	parts = parts[n:]
	if len(parts) > 2 && parts[0] == "namespaces" && parts[1] == "{namespace}" {
		p.Namespaced = true
		parts = parts[2:]
	}
	p.Plural = parts[0]
	return p, strings.Join(parts[1:], "/")
}

// placesByKind maps apiVersion/Kind, and placesByPlural the plural alone, to
// where it is served.
var placesByKind, placesByPlural = places()

func places() (byKind, byPlural map[string]place) {
	byKind, byPlural = map[string]place{}, map[string]place{}
	for _, e := range endpoints {
		if e.Level != "stable" || e.Action != "post" {
			continue
		}
		p, rest := cut(e.Path)
		if rest != "" || p.Plural == "bindings" {
			continue
		}
		version := strings.TrimPrefix(strings.TrimPrefix(p.Prefix, "/apis/"), "/api/")
		byKind[version+"/"+e.Kind] = p
		if old, ok := byPlural[p.Plural]; !ok || old.Prefix < p.Prefix && old.Prefix != "/api/v1" {
			byPlural[p.Plural] = p
		}
	}
	return byKind, byPlural
}
