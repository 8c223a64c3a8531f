// SPDX-License-Identifier: Apache-2.0
// Images, and processes inside of containers.
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/fake_runtime_state.h"

namespace berth::cri {

absl::Status FakeRuntime::ExecSync(const v1::ExecSyncRequest& request, v1::ExecSyncResponse& out,
                                   absl::Duration) {
  RETURN_IF_ERROR(Enter("ExecSync", request, base::Join(request.cmd(), " ")));
  ExecHandler exec;
  {
    base::MutexLock l(mu_);
    const auto it = state_->containers.find(request.container_id());
    if (it == state_->containers.end() || it->second.status.state() != v1::CONTAINER_RUNNING) {
      return base::NotFound("container ", request.container_id(), " is not running");
    }
    exec = state_->exec;
  }
  return exec ? exec(request, out) : absl::OkStatus();
}

absl::Status FakeRuntime::Exec(const v1::ExecRequest& request, v1::ExecResponse& out,
                               absl::Duration) {
  RETURN_IF_ERROR(Enter("Exec", request, ""));
  out.set_url("http://127.0.0.1:1/exec/token");
  return absl::OkStatus();
}

absl::Status FakeRuntime::Attach(const v1::AttachRequest& request, v1::AttachResponse& out,
                                 absl::Duration) {
  RETURN_IF_ERROR(Enter("Attach", request, ""));
  out.set_url("http://127.0.0.1:1/attach/token");
  return absl::OkStatus();
}

absl::Status FakeRuntime::PortForward(const v1::PortForwardRequest& request,
                                      v1::PortForwardResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("PortForward", request, ""));
  out.set_url("http://127.0.0.1:1/portforward/token");
  return absl::OkStatus();
}

absl::Status FakeRuntime::ListContainerStats(const v1::ListContainerStatsRequest& request,
                                             v1::ListContainerStatsResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ListContainerStats", request, ""));
  base::MutexLock l(mu_);
  for (const auto& [id, container] : state_->containers) {
    if (container.status.state() != v1::CONTAINER_RUNNING) continue;
    auto* attributes = out.add_stats()->mutable_attributes();
    attributes->set_id(id);
    *attributes->mutable_metadata() = container.status.metadata();
    *attributes->mutable_labels() = container.status.labels();
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::ListImages(const v1::ListImagesRequest& request,
                                     v1::ListImagesResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ListImages", request, ""));
  base::MutexLock l(mu_);
  for (const auto& [name, image] : state_->images) *out.add_images() = image;
  return absl::OkStatus();
}

absl::Status FakeRuntime::ImageStatus(const v1::ImageStatusRequest& request,
                                      v1::ImageStatusResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ImageStatus", request, request.image().image()));
  base::MutexLock l(mu_);
  for (const auto& [name, image] : state_->images) {
    if (name != request.image().image() && image.id() != request.image().image()) continue;
    *out.mutable_image() = image;
    break;
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::PullImage(const v1::PullImageRequest& request, v1::PullImageResponse& out,
                                    absl::Duration) {
  const std::string& reference = request.image().image();
  RETURN_IF_ERROR(Enter("PullImage", request, reference));
  bool present = false;
  {
    base::MutexLock l(mu_);
    present = state_->images.contains(reference);
    if (!present && !state_->pullable.contains(reference)) {
      return base::NotFound("failed to resolve reference \"", reference, "\": not found");
    }
  }
  if (!present) AddImage(reference);
  out.set_image_ref(base::StrCat("sha256:", reference));
  return absl::OkStatus();
}

absl::Status FakeRuntime::RemoveImage(const v1::RemoveImageRequest& request,
                                      v1::RemoveImageResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("RemoveImage", request, request.image().image()));
  base::MutexLock l(mu_);
  std::erase_if(state_->images, [&](const auto& entry) {
    return entry.first == request.image().image() || entry.second.id() == request.image().image();
  });
  return absl::OkStatus();
}

absl::Status FakeRuntime::ImageFsInfo(const v1::ImageFsInfoRequest& request,
                                      v1::ImageFsInfoResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ImageFsInfo", request, ""));
  out.add_image_filesystems()->mutable_fs_id()->set_mountpoint("/");
  return absl::OkStatus();
}

}  // namespace berth::cri
