// SPDX-License-Identifier: Apache-2.0
#include "agent/images/image_collector.h"

#include <sys/statvfs.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using base::StrCat;

constexpr absl::Duration kPeriod = absl::Minutes(5);
constexpr absl::Duration kTimeout = absl::Minutes(2);
constexpr std::string_view kRound = "round";

absl::StatusOr<DiskSpace> SpaceAt(const std::string& path) {
  struct statvfs at {};
  if (statvfs(path.c_str(), &at) != 0) return base::FromErrno(errno, path);
  return DiskSpace{static_cast<int64_t>(at.f_blocks * at.f_frsize),
                   static_cast<int64_t>(at.f_bavail * at.f_frsize)};
}

std::vector<std::string> AllNames(const SeenImage& image) {
  std::vector<std::string> names = image.names;
  names.push_back(image.id);
  return names;
}

}  // namespace

ImageCollector::ImageCollector(CollectionPolicy policy, cri::Runtime& runtime, ImageLeases& leases,
                               base::Executor& executor, base::Clock& clock, Hooks hooks)
    : policy_(policy),
      runtime_(runtime),
      leases_(leases),
      clock_(clock),
      hooks_([&] {
        if (hooks.disk == nullptr) hooks.disk = SpaceAt;
        return std::move(hooks);
      }()),
      began_(clock.Now()),
      queue_(executor, clock, [this](const std::string&) { Tick(); }) {}

void ImageCollector::Start() {
  if (policy_.enabled()) queue_.AddAfter(kRound, kPeriod);
}

void ImageCollector::Stop() { queue_.Stop(); }

void ImageCollector::Tick() {
  const absl::Status status = Collect();
  if (!status.ok()) {
    BERTH_WARNING("images were not collected", {"error", status});
    // Once may be chance, or a runtime that starts.
    if (failed_before_) hooks_.event("Warning", "ImageGCFailed", base::Message(status));
  }
  failed_before_ = !status.ok();
  queue_.AddAfter(kRound, kPeriod);
}

// The image of which the runtime makes sandboxes, as a configuration names it. Newer runtimes pin
// it; others only tell.
std::string ImageCollector::SandboxImage() {
  cri::v1::StatusRequest request;
  request.set_verbose(true);
  cri::v1::StatusResponse response;
  if (!runtime_.Status(request, response, kTimeout).ok()) return "";
  const auto config = response.info().find("config");
  if (config == response.info().end()) return "";
  const auto json = nlohmann::json::parse(config->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("sandboxImage")) return "";
  return json["sandboxImage"].is_string() ? json["sandboxImage"].get<std::string>() : "";
}

absl::StatusOr<std::set<std::string, std::less<>>> ImageCollector::NamesInUse() {
  std::set<std::string, std::less<>> used;
  cri::v1::ListContainersResponse containers;
  RETURN_IF_ERROR(runtime_.ListContainers({}, containers, kTimeout), "listing containers");
  for (const auto& container : containers.containers()) {
    used.insert(container.image_ref());
    used.insert(container.image_id());
    used.insert(container.image().image());
    used.insert(container.image().user_specified_image());
  }
  used.insert(SandboxImage());
  used.erase("");
  return used;
}

absl::Status ImageCollector::Look(absl::Time now) {
  // Images first: one that comes afterwards is not looked at, one that is used afterwards is
  // leased.
  cri::v1::ListImagesResponse response;
  RETURN_IF_ERROR(runtime_.ListImages({}, response, kTimeout), "listing images");
  ASSIGN_OR_RETURN(const auto used, NamesInUse());
  images_.clear();
  for (const auto& image : response.images()) {
    SeenImage seen;
    seen.id = image.id();
    for (const auto& name : image.repo_tags()) seen.names.push_back(name);
    for (const auto& name : image.repo_digests()) seen.names.push_back(name);
    seen.bytes = static_cast<int64_t>(image.size());
    seen.pinned = image.pinned();
    images_.push_back(std::move(seen));
  }
  UpdateHistory(images_, used, now, history_);
  return absl::OkStatus();
}

absl::Status ImageCollector::Remove(const SeenImage& image, std::string_view reason,
                                    int64_t& freed) {
  const std::vector<std::string> names = AllNames(image);
  if (!leases_.BeginRemoval(names)) return absl::OkStatus();
  cri::v1::RemoveImageRequest request;
  request.mutable_image()->set_image(image.id);
  cri::v1::RemoveImageResponse response;
  const absl::Status status = runtime_.RemoveImage(request, response, kTimeout);
  leases_.EndRemoval(names);
  if (!status.ok()) return status;
  BERTH_INFO("image removed", {"image", image.names.empty() ? image.id : image.names.front()},
             {"bytes", image.bytes}, {"reason", reason});
  hooks_.collected(reason);
  history_.erase(image.id);
  freed += image.bytes;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ImageCollector::FreeSpace(int64_t bytes, absl::Time now,
                                                  bool whatever_age) {
  int64_t freed = 0;
  std::vector<std::string> errors;
  for (const SeenImage& image : UnusedInOrder(images_, history_, now)) {
    if (freed >= bytes) break;
    if (!whatever_age && IsTooYoung(history_[image.id], policy_, now)) continue;
    const absl::Status status = Remove(image, "space", freed);
    if (!status.ok()) errors.emplace_back(base::Message(status));
  }
  if (errors.empty()) return freed;
  return base::MakeStatus(absl::StatusCode::kUnavailable, "wanted to free ", bytes,
                          " bytes, but freed ", freed,
                          " bytes space with errors in image deletion: ", base::Join(errors, ", "));
}

absl::Status ImageCollector::Collect() {
  base::MutexLock l(round_);
  const absl::Time now = clock_.Now();
  RETURN_IF_ERROR(Look(now));
  std::vector<std::string> errors;
  for (const SeenImage& image : UnusedInOrder(images_, history_, now)) {
    if (!IsTooOld(history_[image.id], policy_, began_, now)) continue;
    int64_t freed = 0;
    const absl::Status status = Remove(image, "age", freed);
    if (!status.ok()) errors.emplace_back(base::Message(status));
  }
  if (!errors.empty()) {
    return base::Unavailable("failed to delete old images: ", base::Join(errors, ", "));
  }
  ASSIGN_OR_RETURN(const std::string folder, ImageFolder());
  ASSIGN_OR_RETURN(const DiskSpace disk, hooks_.disk(folder));
  if (disk.capacity <= 0) {
    hooks_.event("Warning", "InvalidDiskCapacity", "invalid capacity 0 on image filesystem");
    return base::Unavailable("invalid capacity 0 on image filesystem");
  }
  const int64_t wanted = BytesToFree(policy_, disk.capacity, disk.available);
  if (wanted <= 0) return absl::OkStatus();
  BERTH_INFO("the image disk is full", {"capacity", disk.capacity}, {"available", disk.available},
             {"to free", wanted});
  ASSIGN_OR_RETURN(const int64_t freed, FreeSpace(wanted, now, /*whatever_age=*/false));
  if (freed >= wanted) return absl::OkStatus();
  const std::string message =
      StrCat("Failed to garbage collect required amount of images. Attempted to free ", wanted,
             " bytes, but only found ", freed, " bytes eligible to free.");
  hooks_.event("Warning", "FreeDiskSpaceFailed", message);
  return base::Unavailable(message);
}

absl::StatusOr<int64_t> ImageCollector::FreeAllUnused() {
  base::MutexLock l(round_);
  const absl::Time now = clock_.Now();
  RETURN_IF_ERROR(Look(now));
  return FreeSpace(std::numeric_limits<int64_t>::max(), now, /*whatever_age=*/true);
}

absl::StatusOr<std::string> ImageCollector::ImageFolder() {
  cri::v1::ImageFsInfoResponse response;
  RETURN_IF_ERROR(runtime_.ImageFsInfo({}, response, kTimeout), "asking for the image disk");
  for (const auto& filesystem : response.image_filesystems()) {
    if (!filesystem.fs_id().mountpoint().empty()) return filesystem.fs_id().mountpoint();
  }
  return base::Unavailable("the runtime does not say where its images are");
}

}  // namespace berth::agent
