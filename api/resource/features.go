package resource

import (
	"minke/api/feature"
)

// features are the feature gates that decide what is valid. Fields of features
// that are off are dropped before (api/preview).
type features struct {
	// consumable lets selectors ask device.allowMultipleAllocations (KEP-5075).
	consumable bool
	// lists lets attributes be lists, and selectors ask them (KEP-5491).
	lists bool
	// fractional lets capacity be asked for in parts of one.
	fractional bool
}

func featuresOf(gates feature.Gates) features {
	return features{
		consumable: gates.Enabled("DRAConsumableCapacity"),
		lists:      gates.Enabled("DRAListTypeAttributes"),
		fractional: gates.Enabled("DRAFractionalCapacityRange"),
	}
}
