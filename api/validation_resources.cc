// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "api/proto/core/v1/containers.pb.h"
#include "api/quantity.h"
#include "api/quantity_list.h"
#include "api/selector.h"
#include "api/validation_pod.h"
#include "base/status.h"

namespace berth::api::internal {
namespace {

bool IsHugePages(std::string_view name) { return name.starts_with("hugepages-"); }

bool IsStandard(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" || IsHugePages(name);
}

// "example.com/gpu": counted in whole numbers, never overcommitted.
bool IsExtended(std::string_view name) { return !IsStandard(name); }

void CheckName(const std::string& name, const Path& path, Findings& findings) {
  findings.Check(path, name, QualifiedNameProblems(name));
  if (name.find('/') == std::string::npos && !IsStandard(name)) {
    findings.Invalid(path, name, "must be a standard resource type or fully qualified");
    findings.Invalid(path, name, "must be a standard resource for containers");
  }
}

// Nothing when the text is no quantity, which is reported.
std::map<std::string, Amount> CheckList(const google::protobuf::Map<std::string, Quantity>& list,
                                        const Path& path, Findings& findings) {
  std::map<std::string, Amount> amounts;
  for (const auto& [name, quantity] : list) {
    const auto amount = ParseQuantity(quantity.string());
    if (amount.ok()) {
      amounts[name] = *amount;
    } else {
      findings.Invalid(path.Key(name), quantity.string(), base::Message(amount.status()));
    }
  }
  for (const auto& [name, amount] : amounts) {
    const Path at = path.Key(name);
    CheckName(name, at, findings);
    if (amount.Sign() < 0) {
      findings.Invalid(at, amount.ToString(), "must be greater than or equal to 0");
    }
    if (IsExtended(name) && !(Amount::Of(amount.Value()) == amount)) {
      findings.Invalid(at, amount.ToString(), "must be an integer");
    }
  }
  return amounts;
}

}  // namespace

void CheckResources(const core::v1::ResourceRequirements& resources, const Path& path,
                    Findings& findings) {
  const auto limits = CheckList(resources.limits(), path / "limits", findings);
  const auto requests = CheckList(resources.requests(), path / "requests", findings);
  for (const auto& [name, request] : requests) {
    const auto limit = limits.find(name);
    const bool exact = IsExtended(name) || IsHugePages(name);
    if (limit == limits.end()) {
      if (exact)
        findings.Required(path / "limits", "Limit must be set for non overcommitable resources");
      continue;
    }
    if (exact && !(request == limit->second)) {
      findings.Invalid(
          path / "requests", request.ToString(),
          base::StrCat("must be equal to ", name, " limit of ", limit->second.ToString()));
    } else if (request > limit->second) {
      findings.Invalid(path / "requests", request.ToString(),
                       base::StrCat("must be less than or equal to ", name, " limit of ",
                                    limit->second.ToString()));
    }
  }
}

}  // namespace berth::api::internal
