// SPDX-License-Identifier: Apache-2.0
#include "agent/status/pod_api.h"

#include "api/codec.h"
#include "api/patch.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {

std::string MakeStatusPatch(std::string_view uid, const api::core::v1::PodStatus& before,
                            const api::core::v1::PodStatus& after) {
  const auto patch =
      api::MakeStrategicPatch(*after.descriptor(), api::EncodeJson(before), api::EncodeJson(after));
  // Both texts come from our own encoder; should they not compare, the whole status is the patch.
  const std::string status = patch.ok() ? *patch : api::EncodeJson(after);
  if (status == "{}") return "";
  // A uid is letters, digits and dashes. The API refuses the patch for another pod of that name.
  return base::StrCat("{\"metadata\":{\"uid\":\"", uid, "\"},\"status\":", status, "}");
}

}  // namespace berth::agent
