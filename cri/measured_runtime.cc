// SPDX-License-Identifier: Apache-2.0
#include "cri/measured_runtime.h"

#include <chrono>
#include <string>

namespace berth::cri {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

// Kubelets write PodSandbox as one word, and "update_container" for the only update there is.
std::string OperationName(std::string_view method) {
  if (method == "UpdateContainerResources") return "update_container";
  std::string out;
  for (size_t i = 0; i < method.size(); ++i) {
    const bool starts_word = IsUpper(method[i]) && i > 0 && !method.substr(0, i).ends_with("Pod");
    if (starts_word) out += '_';
    out += IsUpper(method[i]) ? static_cast<char>(method[i] - 'A' + 'a') : method[i];
  }
  return out;
}

#define BERTH_CRI_METHOD(service, method)                                                   \
  absl::Status MeasuredRuntime::method(const v1::method##Request& request,                  \
                                       v1::method##Response& out, absl::Duration timeout) { \
    static const std::string* const name = new std::string(OperationName(#method));         \
    const auto start = std::chrono::steady_clock::now();                                    \
    absl::Status status = inner_.method(request, out, timeout);                             \
    measured_(*name, absl::FromChrono(std::chrono::steady_clock::now() - start), status);   \
    return status;                                                                          \
  }
BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

}  // namespace berth::cri
