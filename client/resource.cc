// SPDX-License-Identifier: Apache-2.0
#include "client/resource.h"

#include "base/strings.h"

namespace berth::client {

std::string Resource::Path(std::string_view namespace_, std::string_view name,
                           std::string_view subresource) const {
  std::string out =
      group.empty() ? base::StrCat("/api/", version) : base::StrCat("/apis/", group, "/", version);
  if (namespaced && !namespace_.empty()) base::StrAppend(out, "/namespaces/", namespace_);
  base::StrAppend(out, "/", plural);
  if (!name.empty()) base::StrAppend(out, "/", name);
  if (!subresource.empty()) base::StrAppend(out, "/", subresource);
  return out;
}

}  // namespace berth::client
