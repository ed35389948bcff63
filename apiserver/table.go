package apiserver

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"minke/api"
	"minke/apiserver/codec"
	"minke/store/cache"
)

// nameColumn begins every table, ageColumn ends those without columns of their
// own.
var (
	nameColumn = metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["name"]}
	ageColumn = metav1.TableColumnDefinition{Name: "Created At", Type: "date",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]}
)

// writeTable answers with a server-side table.
func (c *call) writeTable(status int, items []*cache.Item, m metav1.ListMeta) error {
	table, err := c.table(items, m)
	if err != nil {
		return err
	}
	return c.writeAsTable(status, table)
}

func (c *call) writeAsTable(status int, table *metav1.Table) error {
	if c.accepted.Format == codec.CBOR {
		data, err := codec.EncodeCBOR(table)
		if err != nil {
			return err
		}
		return c.writeBytes(status, codec.MediaCBOR, data)
	}
	data, err := codec.EncodeJSON(table)
	if err != nil {
		return err
	}
	if data, err = codec.Finish(data, c.accepted.Format, c.pretty()); err != nil {
		return err
	}
	return c.writeBytes(status, c.textType(), data)
}

// table builds the table of items. What each row carries besides its cells is
// the includeObject parameter's: Metadata (the default), Object or None.
func (c *call) table(items []*cache.Item, m metav1.ListMeta) (*metav1.Table, error) {
	include, err := c.includes()
	if err != nil {
		return nil, err
	}
	t := &metav1.Table{
		TypeMeta:          metav1.TypeMeta{Kind: "Table", APIVersion: "meta.k8s.io/" + c.accepted.AsVersion},
		ListMeta:          m,
		ColumnDefinitions: c.end.columns(),
	}
	if len(items) > 0 || len(c.end.Columns) > 0 { // else it is null, as in Kubernetes
		t.Rows = make([]metav1.TableRow, 0, len(items))
	}
	for _, item := range items {
		row, err := c.row(item, include)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// includes reads the includeObject parameter.
func (c *call) includes() (metav1.IncludeObjectPolicy, error) {
	switch include := metav1.IncludeObjectPolicy(c.query.Get("includeObject")); include {
	case "":
		return metav1.IncludeMetadata, nil
	case metav1.IncludeMetadata, metav1.IncludeObject, metav1.IncludeNone:
		return include, nil
	default:
		return "", fail(400, metav1.StatusReasonBadRequest, fmt.Sprintf("Unable to convert to Table as requested: includeObject: Invalid value: %q: must be 'Metadata', 'Object', 'None', or empty", include))
	}
}

func (e *endpoint) columns() []metav1.TableColumnDefinition {
	if len(e.Columns) == 0 {
		return []metav1.TableColumnDefinition{nameColumn, ageColumn}
	}
	var columns []metav1.TableColumnDefinition
	if !e.namesItself() {
		columns = append(columns, nameColumn)
	}
	if e.HasNameColumn() {
		columns = nil
	}
	for _, col := range e.Columns {
		columns = append(columns, metav1.TableColumnDefinition{
			Name: col.Name, Type: col.Type, Format: col.Format, Description: col.Description, Priority: col.Priority,
		})
	}
	return columns
}

// namesItself tells whether the resource brings a column "Name" of its own.
func (e *endpoint) namesItself() bool { return len(e.Columns) > 0 && e.Columns[0].Name == "Name" }

func (c *call) row(item *cache.Item, include metav1.IncludeObjectPolicy) (metav1.TableRow, error) {
	obj, ok := item.Object().(api.Object)
	if !ok {
		return metav1.TableRow{}, notAcceptable("the object has no table form")
	}
	row := metav1.TableRow{}
	if !c.end.namesItself() {
		row.Cells = append(row.Cells, obj.GetName())
	}
	if len(c.end.Columns) == 0 {
		row.Cells = append(row.Cells, obj.GetCreationTimestamp().UTC().Format(time.RFC3339))
	}
	if c.end.HasNameColumn() {
		row.Cells = nil
	}
	for _, col := range c.end.Columns {
		row.Cells = append(row.Cells, cell(obj, col))
	}
	var err error
	switch include {
	case metav1.IncludeMetadata:
		row.Object.Raw, err = c.end.views.metaJSON.encoding(item)
		if c.accepted.AsVersion != "v1" && err == nil {
			row.Object.Raw = relabel(row.Object.Raw, c.accepted.AsVersion)
		}
	case metav1.IncludeObject:
		row.Object.Raw, err = c.end.views.json.encoding(item)
	}
	return row, err
}

// relabel names another version of meta.k8s.io in an encoded object.
func relabel(data []byte, version string) []byte {
	return []byte(strings.Replace(string(data), `"apiVersion":"meta.k8s.io/v1"`, `"apiVersion":"meta.k8s.io/`+version+`"`, 1))
}

// cell computes a column's value. A time becomes an age, as kubectl shows it.
func cell(obj api.Object, col api.Column[api.Object]) any {
	switch v := col.Cell(obj).(type) {
	case metav1.Time:
		return age(v)
	case *metav1.Time:
		if v == nil {
			return "<unknown>"
		}
		return age(*v)
	case int, int32, uint32, uint64:
		return v
	case json.Number, fmt.Stringer:
		return fmt.Sprint(v)
	default:
		return v
	}
}

func age(t metav1.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(time.Since(t.Time))
}

var _ runtime.Object = (*metav1.Table)(nil)
