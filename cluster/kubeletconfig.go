package cluster

import (
	"fmt"
	"log/slog"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"minke/tracing"
)

// kubeletConfiguration is what is read of a KubeletConfiguration
// (kubelet.config.k8s.io/v1beta1). All else is refused: who sets it would wait in vain
// for what it does.
type kubeletConfiguration struct {
	metav1.TypeMeta `json:",inline"`
	Tracing         *struct {
		Endpoint               string `json:"endpoint"`
		SamplingRatePerMillion int32  `json:"samplingRatePerMillion"`
	} `json:"tracing"`
}

// kubeletTracer returns the tracer that a file with a KubeletConfiguration asks for,
// nil when there is none.
func kubeletTracer(file, node string, log *slog.Logger) (*tracing.Tracer, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the kubelet's configuration: %w", err)
	}
	var config kubeletConfiguration
	if err := yaml.UnmarshalStrict(data, &config); err != nil {
		return nil, fmt.Errorf("read the kubelet's configuration %s, of which only tracing can be set: %w", file, err)
	}
	const version, kind = "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"
	if config.APIVersion != version || config.Kind != kind {
		return nil, fmt.Errorf("read the kubelet's configuration %s: it is a %q of version %q, want a %s of %s", file, config.Kind, config.APIVersion, kind, version)
	}
	if config.Tracing == nil {
		return nil, nil
	}
	environment, err := tracing.ReadEnvironment(os.Getenv)
	if err != nil {
		return nil, err
	}
	t, err := tracing.New(tracing.Config{
		Endpoint: config.Tracing.Endpoint, SamplingRatePerMillion: config.Tracing.SamplingRatePerMillion,
		Service: "kubelet", Host: node, Log: log, Environment: environment,
	})
	if err != nil {
		return nil, fmt.Errorf("read the kubelet's configuration %s: tracing: %w", file, err)
	}
	return t, nil
}
