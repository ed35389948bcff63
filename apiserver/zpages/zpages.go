// Package zpages serves /statusz and /flagz: since when the server runs, and
// with which flags (KEP-4827, KEP-4828; config.k8s.io/v1beta1). They are text
// for people, or JSON or YAML for who asks for it by kind:
//
//	Accept: application/json;g=config.k8s.io;v=v1beta1;as=Statusz
package zpages

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const (
	component = "kube-apiserver"
	group     = "config.k8s.io"
	warning   = "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only."
)

// statusz is config.k8s.io Statusz.
type statusz struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	StartTime         metav1.Time `json:"startTime"`
	UptimeSeconds     int64       `json:"uptimeSeconds"`
	GoVersion         string      `json:"goVersion"`
	BinaryVersion     string      `json:"binaryVersion"`
	EmulationVersion  string      `json:"emulationVersion,omitempty"`
	Paths             []string    `json:"paths"`
}

// Status serves /statusz. version is "1.37.2", or the like.
func Status(started time.Time, version string, paths []string) http.Handler {
	return page("Statusz", func(m metav1.TypeMeta) (any, string) {
		major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
		emulated, _, _ := cutLast(major, ".")
		up := int64(time.Since(started).Seconds())
		s := statusz{TypeMeta: m, ObjectMeta: metav1.ObjectMeta{Name: component}, StartTime: metav1.NewTime(started), UptimeSeconds: up,
			GoVersion: runtime.Version(), BinaryVersion: major, EmulationVersion: emulated, Paths: paths}
		return s, fmt.Sprintf("\n%s statusz\n%s\n\nStarted: %s\nUp: %d hr %02d min %02d sec\nGo version: %s\nBinary version: %s\nEmulation version: %s\nPaths: %s\n",
			component, warning, started.Format(time.UnixDate), up/3600, up/60%60, up%60, s.GoVersion, s.BinaryVersion, s.EmulationVersion, strings.Join(paths, " "))
	})
}

// cutLast cuts s at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// flagz is config.k8s.io Flagz.
type flagz struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Flags             map[string]string `json:"flags,omitempty"`
}

// Flags serves /flagz.
func Flags(flags map[string]string) http.Handler {
	return page("Flagz", func(m metav1.TypeMeta) (any, string) {
		var text strings.Builder
		fmt.Fprintf(&text, "\n%s flagz\n%s\n\n", component, warning)
		for _, name := range slices.Sorted(maps.Keys(flags)) {
			fmt.Fprintf(&text, "%s=%s\n", name, flags[name])
		}
		return flagz{TypeMeta: m, ObjectMeta: metav1.ObjectMeta{Name: component}, Flags: flags}, text.String()
	})
}

// page answers in the form that the client accepts.
func page(kind string, make func(metav1.TypeMeta) (object any, text string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, version, ok := accepted(r.Header.Get("Accept"), kind)
		if !ok {
			http.Error(w, "only the following media types are accepted: text/plain, application/json, application/yaml (with g="+group+", v=v1beta1, as="+kind+")", http.StatusNotAcceptable)
			return
		}
		obj, text := make(metav1.TypeMeta{Kind: kind, APIVersion: group + "/" + version})
		data, err := []byte(text), error(nil)
		switch media {
		case "application/json":
			data, err = json.Marshal(obj)
		case "application/yaml":
			data, err = yaml.Marshal(obj)
		default:
			media += "; charset=utf-8"
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", media)
		_, _ = w.Write(data)
	})
}

// accepted finds the first form that is served.
func accepted(accept, kind string) (media, version string, ok bool) {
	if strings.TrimSpace(accept) == "" {
		return "text/plain", "", true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		switch media {
		case "text/plain", "*/*", "text/*":
			return "text/plain", "", true
		case "application/json", "application/yaml":
			v := params["v"]
			if params["g"] == group && params["as"] == kind && (v == "v1beta1" || v == "v1alpha1") {
				return media, v, true
			}
		}
	}
	return "", "", false
}
