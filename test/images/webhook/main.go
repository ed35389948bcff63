// Command webhook is the webhook server of tests: it serves admission and
// conversion reviews with HTTPS on port 8444, by rules that its argument gives
// for each path:
//
//	webhook CERT KEY '{"/deny": [{"when": {"operation": "CREATE"}, "deny": "no"}]}'
//
// The path /convert converts between v1, which has hostPort, and v2, which has
// host and port. It needs nothing but Go's own library, so that it runs in any
// image.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// rule is what a webhook does with requests of which all of When holds: the
// value at a path of field names, "*" for any.
type rule struct {
	When  map[string]string `json:"when"`
	Sleep string            `json:"sleep"`
	Deny  string            `json:"deny"`
	Patch json.RawMessage   `json:"patch"`
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: webhook CERT KEY RULES")
	}
	var rules map[string][]rule
	if err := json.Unmarshal([]byte(os.Args[3]), &rules); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/convert", func(w http.ResponseWriter, r *http.Request) { answer(w, r, convert) })
	for path, list := range rules {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			answer(w, r, func(request map[string]any) map[string]any { return admit(request, list) })
		})
	}
	log.Fatal(http.ListenAndServeTLS(":8444", os.Args[1], os.Args[2], mux))
}

// answer turns a review's request to its response.
func answer(w http.ResponseWriter, r *http.Request, respond func(map[string]any) map[string]any) {
	var review map[string]any
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, _ := review["request"].(map[string]any)
	response := respond(request)
	response["uid"] = request["uid"]
	review["response"] = response
	delete(review, "request")
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		log.Print(err)
	}
}

func admit(request map[string]any, rules []rule) map[string]any {
	response := map[string]any{"allowed": true}
	for _, r := range rules {
		if !holds(request, r.When) {
			continue
		}
		if d, err := time.ParseDuration(r.Sleep); err == nil {
			time.Sleep(d)
		}
		if r.Deny != "" {
			return map[string]any{"allowed": false, "status": map[string]any{"message": r.Deny}}
		}
		if r.Patch != nil {
			response["patch"], response["patchType"] = []byte(r.Patch), "JSONPatch"
		}
	}
	return response
}

func holds(request map[string]any, when map[string]string) bool {
	for path, want := range when {
		var at any = request
		for _, name := range strings.Split(path, ".") {
			fields, _ := at.(map[string]any)
			at = fields[name]
		}
		if at == nil || want != "*" && fmt.Sprint(at) != want {
			return false
		}
	}
	return true
}

func convert(request map[string]any) map[string]any {
	want, _ := request["desiredAPIVersion"].(string)
	objects, _ := request["objects"].([]any)
	for _, o := range objects {
		obj := o.(map[string]any)
		obj["apiVersion"] = want
		if text, ok := obj["hostPort"].(string); ok && strings.HasSuffix(want, "/v2") {
			obj["host"], obj["port"], _ = strings.Cut(text, ":")
			delete(obj, "hostPort")
		}
		if host, ok := obj["host"]; ok && strings.HasSuffix(want, "/v1") {
			obj["hostPort"] = fmt.Sprintf("%v:%v", host, obj["port"])
			delete(obj, "host")
			delete(obj, "port")
		}
	}
	return map[string]any{"convertedObjects": objects, "result": map[string]any{"status": "Success"}}
}
