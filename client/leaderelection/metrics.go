package leaderelection

import "github.com/prometheus/client_golang/prometheus"

var status = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "leader_election_master_status",
	Help: "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.",
}, []string{"name"})

// Collectors are the metrics of the elections of this process.
func Collectors() []prometheus.Collector { return []prometheus.Collector{status} }
