// SPDX-License-Identifier: Apache-2.0
// Reads fields of any object by their JSON path, such as "spec.nodeName". Scalars only, no lists.
#ifndef BERTH_CONTROLPLANE_APISERVER_OBJECT_PATH_H_
#define BERTH_CONTROLPLANE_APISERVER_OBJECT_PATH_H_

#include <string>
#include <string_view>

#include "api/object.h"

namespace berth::controlplane {

// The scalar as text, "" when any part is absent. A number or bool is in Go's form.
std::string ScalarAt(const api::Message& object, std::string_view json_path);
// The sub-message at one member, nullptr when absent.
const api::Message* MemberOf(const api::Message& object, std::string_view json_name);

// Member by member (JSON names) of the top level: takes `name` of `from` into `to`, presence too.
void CopyMember(const api::Message& from, api::Message& to, std::string_view json_name);
void ClearMember(api::Message& object, std::string_view json_name);
// True when the member is the same in both.
bool SameMember(const api::Message& a, const api::Message& b, std::string_view json_name);
bool HasMember(const api::Message& object, std::string_view json_name);
// As it would be written: deterministic bytes of the whole message.
std::string Fingerprint(const api::Message& object);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OBJECT_PATH_H_
