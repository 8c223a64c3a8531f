// SPDX-License-Identifier: Apache-2.0
// A runtime that tells how long each call to another one took. Thread-safe when `measured` is.
#ifndef BERTH_CRI_MEASURED_RUNTIME_H_
#define BERTH_CRI_MEASURED_RUNTIME_H_

#include <functional>
#include <string_view>
#include <utility>

#include "cri/runtime.h"

namespace berth::cri {

class MeasuredRuntime : public Runtime {
 public:
  // `operation` is the name that kubelets give the call in their metrics: "run_podsandbox".
  using Measured = std::function<void(std::string_view operation, absl::Duration took,
                                      const absl::Status& status)>;

  // `inner` outlives this.
  MeasuredRuntime(Runtime& inner, Measured measured)
      : inner_(inner), measured_(std::move(measured)) {}

#define BERTH_CRI_METHOD(service, method)                                            \
  absl::Status method(const v1::method##Request& request, v1::method##Response& out, \
                      absl::Duration timeout) override;
  BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

 private:
  Runtime& inner_;
  const Measured measured_;
};

// "RunPodSandbox" to "run_podsandbox".
std::string OperationName(std::string_view method);

}  // namespace berth::cri

#endif  // BERTH_CRI_MEASURED_RUNTIME_H_
