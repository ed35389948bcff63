package texts

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

var update = flag.Bool("update", false, "write texts.txt anew")

// TestTexts holds that the file says what the sources say. After an update of
// one of the modules:
//
//	go test ./apiserver/openapi/texts -update
func TestTexts(t *testing.T) {
	var out bytes.Buffer
	for _, path := range packages {
		dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "types*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no types: %v", path, err)
		}
		for _, file := range files {
			types, err := runtime.ParseDocumentationFrom(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, fields := range types {
				fmt.Fprintf(&out, "%s.%s\n", path, fields[0].Name)
				fields[0].Name = ""
				for _, f := range fields {
					if f.Doc == "" || f.Name == "-" {
						continue
					}
					if _, err := strconv.Unquote(`"` + f.Doc + `"`); err != nil {
						t.Errorf("%s %s: %v in %s", file, f.Name, err, f.Doc)
					}
					fmt.Fprintf(&out, "\t%s %s\n", f.Name, f.Doc)
				}
			}
		}
	}
	if *update {
		if err := os.WriteFile("texts.txt", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != all {
		t.Error("texts.txt is not what the modules say: run this test with -update")
	}
}

func TestLoad(t *testing.T) {
	const crd = "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.CustomResourceDefinition"
	got := Load()[crd]
	if !strings.HasPrefix(got[""], "CustomResourceDefinition represents") || !strings.HasPrefix(got["spec"], "spec describes") {
		t.Errorf("of a definition it says %q", got)
	}
}
