package runtime

type cpuRates struct{}
