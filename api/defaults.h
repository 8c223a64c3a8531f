// SPDX-License-Identifier: Apache-2.0
// What the API server fills in where an object is silent. Idempotent; never changes what is set.
// Kinds without defaults are left alone. Thread-safe: no state.
#ifndef BERTH_API_DEFAULTS_H_
#define BERTH_API_DEFAULTS_H_

#include "api/object.h"

namespace berth::api {

// Upstream's versioned defaults: at every create and update, and when static pods are read.
void ApplyDefaults(Message& object);

// ApplyDefaults, and what upstream's strategies set at creation only, because its absence means
// something later: a Namespace's "kubernetes" finalizer and a Service's IP families.
void ApplyCreateDefaults(Message& object);

}  // namespace berth::api

#endif  // BERTH_API_DEFAULTS_H_
