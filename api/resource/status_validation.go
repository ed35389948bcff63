package resource

import (
	"regexp"
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

// validateClaimStatus: devices that are allocated stay so until they are freed
// at once.
func validateClaimStatus(c, old *resourcev1.ResourceClaim) field.ErrorList {
	path, s, names := field.NewPath("status"), &c.Status, namesOf(&c.Spec.Devices)
	at := path.Child("reservedFor")
	errs := distinct(s.ReservedFor, resourcev1.ResourceClaimReservedForMaxSize, consumer,
		func(r *resourcev1.ResourceClaimConsumerReference) types.UID { return r.UID }, at)
	errs = append(errs, deviceStatuses(s, path.Child("devices"))...)
	if len(s.ReservedFor) > 0 {
		added := func(r resourcev1.ResourceClaimConsumerReference) bool {
			return !slices.Contains(old.Status.ReservedFor, r)
		}
		switch {
		case s.Allocation == nil:
			errs = append(errs, field.Forbidden(at, "may not be specified when `allocated` is not set"))
		case c.DeletionTimestamp != nil && slices.ContainsFunc(s.ReservedFor, added):
			errs = append(errs, field.Forbidden(at, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"))
		}
	}
	switch {
	case s.Allocation == nil:
	case old.Status.Allocation != nil:
		errs = append(errs, apivalidation.ValidateImmutableField(s.Allocation, old.Status.Allocation, path.Child("allocation"))...)
	default:
		errs = append(errs, names.allocation(s.Allocation, path.Child("allocation"))...)
	}
	return errs
}

func consumer(r *resourcev1.ResourceClaimConsumerReference, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range []struct{ name, value string }{{"resource", r.Resource}, {"name", r.Name}, {"uid", string(r.UID)}} {
		if f.value == "" {
			errs = append(errs, field.Required(path.Child(f.name), ""))
		}
	}
	return errs
}

func (r requestNames) allocation(a *resourcev1.AllocationResult, path *field.Path) field.ErrorList {
	at := path.Child("devices")
	errs := limited(a.Devices.Results, resourcev1.AllocationResultsMaxSize, r.result, at.Child("results"))
	// Each of the class and the claim may have its own.
	errs = append(errs, limited(a.Devices.Config, 2*resourcev1.DeviceConfigMaxSize, func(c *resourcev1.DeviceAllocationConfiguration, at *field.Path) field.ErrorList {
		var errs field.ErrorList
		sources := []resourcev1.AllocationConfigSource{resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass}
		switch {
		case c.Source == "":
			errs = append(errs, field.Required(at.Child("source"), ""))
		case !slices.Contains(sources, c.Source):
			errs = append(errs, field.NotSupported(at.Child("source"), c.Source, sources))
		}
		errs = append(errs, distinct(c.Requests, resourcev1.DeviceRequestsMaxSize, r.refer, itself, at.Child("requests"))...)
		return append(errs, configuration(&c.DeviceConfiguration, fresh, at)...)
	}, at.Child("config"))...)
	if a.NodeSelector != nil {
		errs = append(errs, core.ValidateNodeSelector(a.NodeSelector, false, path.Child("nodeSelector"))...)
	}
	return errs
}

func (r requestNames) result(d *resourcev1.DeviceRequestAllocationResult, path *field.Path) field.ErrorList {
	errs := r.refer(&d.Request, path.Child("request"))
	errs = append(errs, driverName(d.Driver, path.Child("driver"))...)
	errs = append(errs, poolName(d.Pool, path.Child("pool"))...)
	errs = append(errs, label(d.Device, path.Child("device"))...)
	errs = append(errs, bindingConditions(d.BindingConditions, d.BindingFailureConditions, path)...)
	if d.ShareID != nil {
		errs = append(errs, uid(string(*d.ShareID), path.Child("shareID"))...)
	}
	errs = append(errs, limited(d.Tolerations, -1, toleration, path.Child("tolerations"))...)
	return append(errs, skipped(d.SkipNodeOperations, path.Child("skipNodeOperations"))...)
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func uid(text string, path *field.Path) field.ErrorList {
	if !uuid.MatchString(text) || text != strings.ToLower(text) {
		return field.ErrorList{field.Invalid(path, text, "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters")}
	}
	return nil
}

// deviceID tells devices apart, and the shares of one.
type deviceID struct{ driver, pool, device, share string }

func (d deviceID) String() string {
	name := d.driver + "/" + d.pool + "/" + d.device
	if d.share != "" {
		name += "/" + d.share
	}
	return name
}

func deviceStatuses(s *resourcev1.ResourceClaimStatus, path *field.Path) field.ErrorList {
	allocated := map[deviceID]bool{}
	if s.Allocation != nil {
		for _, r := range s.Allocation.Devices.Results {
			id := deviceID{r.Driver, r.Pool, r.Device, ""}
			if r.ShareID != nil {
				id.share = string(*r.ShareID)
			}
			allocated[id] = true
		}
	}
	idOf := func(d *resourcev1.AllocatedDeviceStatus) deviceID {
		id := deviceID{d.Driver, d.Pool, d.Device, ""}
		if d.ShareID != nil {
			id.share = *d.ShareID
		}
		return id
	}
	return distinct(s.Devices, -1, func(d *resourcev1.AllocatedDeviceStatus, at *field.Path) field.ErrorList {
		errs := deviceStatus(d, at)
		if id := idOf(d); !allocated[id] {
			errs = append(errs, field.Invalid(at, id.String(), "must be an allocated device in the claim"))
		}
		return errs
	}, idOf, path)
}

func deviceStatus(d *resourcev1.AllocatedDeviceStatus, path *field.Path) field.ErrorList {
	errs := driverName(d.Driver, path.Child("driver"))
	errs = append(errs, poolName(d.Pool, path.Child("pool"))...)
	errs = append(errs, label(d.Device, path.Child("device"))...)
	if d.ShareID != nil {
		errs = append(errs, uid(*d.ShareID, path.Child("shareID"))...)
	}
	if n := len(d.Conditions); n > resourcev1.AllocatedDeviceStatusMaxConditions {
		errs = append(errs, field.TooMany(path.Child("conditions"), n, resourcev1.AllocatedDeviceStatusMaxConditions))
	}
	errs = append(errs, metavalidation.ValidateConditions(d.Conditions, path.Child("conditions"))...)
	if d.Data != nil && len(d.Data.Raw) > 0 {
		errs = append(errs, object(d.Data.Raw, fresh, resourcev1.AllocatedDeviceStatusDataMaxLength, path.Child("data"))...)
	}
	n, at := d.NetworkData, path.Child("networkData")
	if n == nil {
		return errs
	}
	if len(n.InterfaceName) > resourcev1.NetworkDeviceDataInterfaceNameMaxLength {
		errs = append(errs, field.TooLong(at.Child("interfaceName"), "", resourcev1.NetworkDeviceDataInterfaceNameMaxLength))
	}
	if len(n.HardwareAddress) > resourcev1.NetworkDeviceDataHardwareAddressMaxLength {
		errs = append(errs, field.TooLong(at.Child("hardwareAddress"), "", resourcev1.NetworkDeviceDataHardwareAddressMaxLength))
	}
	return append(errs, distinct(n.IPs, resourcev1.NetworkDeviceDataMaxIPs, func(ip *string, at *field.Path) field.ErrorList {
		return validation.IsValidInterfaceAddress(at, *ip)
	}, itself, at.Child("ips"))...)
}
