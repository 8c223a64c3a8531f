// SPDX-License-Identifier: Apache-2.0
// Every kind of the schema. Naming each file here is also what links its generated code.
#ifndef BERTH_API_SCHEME_H_
#define BERTH_API_SCHEME_H_

#include <vector>

#include "api/object.h"

namespace berth::api {

// nullptr when there is none. Kinds of meta/v1 are found under every group and version.
const google::protobuf::Descriptor* FindKind(const GroupVersionKind& kind);
std::vector<const google::protobuf::Descriptor*> AllKinds();

}  // namespace berth::api

#endif  // BERTH_API_SCHEME_H_
