// SPDX-License-Identifier: Apache-2.0
// Which kinds of API objects a pod needs to run. Pure.
#ifndef BERTH_API_POD_REFERENCES_H_
#define BERTH_API_POD_REFERENCES_H_

#include <string_view>

namespace berth::api {
namespace core::v1 {
class PodSpec;
}

// The plural of the first kind that is found, such as "secrets"; "" when the pod needs none. Static
// pods must not need any: they run without an API, and a node that could make a pod with references
// could read whatever it likes.
std::string_view ReferencedResource(const core::v1::PodSpec& spec);

}  // namespace berth::api

#endif  // BERTH_API_POD_REFERENCES_H_
