// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/controllers.h"

#include <atomic>

namespace berth::controlplane {

class Controllers::Impl {
 public:
  std::atomic<bool> started{false};
};

Controllers::Controllers(client::ApiClient&, base::Clock&, ControllerOptions)
    : impl_(std::make_unique<Impl>()) {}

Controllers::~Controllers() = default;

void Controllers::Start() { impl_->started = true; }

bool Controllers::Started() const { return impl_->started; }

}  // namespace berth::controlplane
