// SPDX-License-Identifier: Apache-2.0
// Resources that are one in storage and seen under two groups or versions.
#ifndef BERTH_CONTROLPLANE_APISERVER_VIEWS_H_
#define BERTH_CONTROLPLANE_APISERVER_VIEWS_H_

#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {

extern const View kEventsView;       // events.k8s.io/v1 of core events
extern const View kAutoscalingView;  // autoscaling/v1 of autoscaling/v2: one target, of CPU

// Stored as it is seen: of a view's object, or a copy of `object` where nothing is to be turned.
std::unique_ptr<api::Message> Viewed(const ResourceDescriptor& resource,
                                     const api::Message& object);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_VIEWS_H_
