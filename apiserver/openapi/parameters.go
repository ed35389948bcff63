package openapi

import "strings"

// parameter is one query parameter.
type parameter struct {
	name, kind, description string
}

var (
	dryRun = parameter{"dryRun", "string", "When present, indicates that modifications should not be persisted. The only valid value is All."}
	pretty = parameter{"pretty", "string", "If 'true', then the output is pretty printed."}
	// fieldManager and fieldValidation are what clients look for before they
	// leave checking to the server.
	fieldManager    = parameter{"fieldManager", "string", "The name of the actor that makes these changes. Required for apply."}
	fieldValidation = parameter{"fieldValidation", "string", "What the server does about unknown or duplicate fields: Ignore, Warn or Strict."}

	writing  = []parameter{dryRun, fieldManager, fieldValidation}
	patching = []parameter{dryRun, fieldManager, fieldValidation, {"force", "boolean", "Takes over fields that another manager owns. Only for apply."}}
	deleting = []parameter{
		dryRun,
		{"gracePeriodSeconds", "integer", "The seconds before the object is deleted. Zero deletes at once."},
		{"orphanDependents", "boolean", "Deprecated: use propagationPolicy."},
		{"propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."},
	}
	listing = []parameter{
		{"allowWatchBookmarks", "boolean", "Asks for events of type BOOKMARK."},
		{"continue", "string", "Where the next page begins, as the page before told."},
		{"fieldSelector", "string", "Selects objects by their fields."},
		{"labelSelector", "string", "Selects objects by their labels."},
		{"limit", "integer", "The most objects that a page holds."},
		{"resourceVersion", "string", "The state that is asked for."},
		{"resourceVersionMatch", "string", "How resourceVersion is meant: NotOlderThan or Exact."},
		{"sendInitialEvents", "boolean", "Begins a watch with the objects that exist."},
		{"timeoutSeconds", "integer", "How long the call may last."},
		{"watch", "boolean", "Streams changes instead of listing."},
	}
)

func (p parameter) render(f flavour) object {
	out := object{"name": p.name, "in": "query", "description": p.description, "uniqueItems": true}
	if f == v2 {
		out["type"] = p.kind
		return out
	}
	delete(out, "uniqueItems")
	out["schema"] = object{"type": p.kind, "uniqueItems": true}
	return out
}

// inPath returns the parameters that a path has.
func inPath(path string, f flavour) []object {
	var out []object
	for _, name := range []string{"name", "namespace", "path"} {
		if !strings.Contains(path, "{"+name+"}") {
			continue
		}
		p := object{"name": name, "in": "path", "required": true, "description": "the " + name + " that is meant"}
		if f == v2 {
			p["type"], p["uniqueItems"] = "string", true
		} else {
			p["schema"] = object{"type": "string", "uniqueItems": true}
		}
		out = append(out, p)
	}
	return out
}
