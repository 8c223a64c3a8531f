// SPDX-License-Identifier: Apache-2.0
#include "agent/images/cri_image_puller.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "agent/env/container_env.h"
#include "agent/images/image_leases.h"
#include "agent/images/image_reference.h"
#include "agent/images/pull_backoff.h"
#include "agent/images/registry_credentials.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cri/proto/runtime_v1.pb.h"
#include "cri/runtime.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::StrCat;

constexpr char kTooFast[] = "pull QPS exceeded";

std::string FieldPath(const core::Pod& pod, std::string_view container) {
  for (const auto& init : pod.spec().init_containers()) {
    if (init.name() == container) return StrCat("spec.initContainers{", container, "}");
  }
  return StrCat("spec.containers{", container, "}");
}

// As a Go client prints an error of gRPC; people and scripts look for this text.
std::string RpcError(const absl::Status& status) {
  static constexpr std::string_view kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  const size_t code = static_cast<size_t>(status.code());
  return StrCat("rpc error: code = ", code < std::size(kNames) ? kNames[code] : "Unknown",
                " desc = ", status.message());
}

std::string Milliseconds(absl::Duration d) {
  d = absl::Trunc(d, absl::Milliseconds(1));
  return d == absl::ZeroDuration() ? "0s" : absl::FormatDuration(d);
}

// A pull that runs; everybody who wants the same image with the same credentials waits for it.
struct Flight {
  bool done = false;
  absl::Status status;
  std::string image_ref;
  absl::Duration took;
};

}  // namespace

std::string PullPolicyOf(const core::Container& container) {
  if (!container.image_pull_policy().empty()) return container.image_pull_policy();
  const auto reference = ImageReference::Parse(container.image());
  if (!reference.ok()) return "IfNotPresent";
  const bool latest =
      reference->tag == "latest" || (reference->tag.empty() && reference->digest.empty());
  return latest ? "Always" : "IfNotPresent";
}

class CriImagePuller::Impl {
 public:
  Impl(ImagePullerOptions options, cri::Runtime& runtime, ObjectReader& objects, base::Clock& clock,
       PodEventSink events)
      : options_(std::move(options)),
        runtime_(runtime),
        objects_(objects),
        clock_(clock),
        events_(std::move(events)),
        backoff_(options_.first_backoff, options_.max_backoff) {}

  ImageResult Ensure(const core::Pod& pod, const core::Container& container,
                     absl::Duration timeout) {
    const auto image = WithDefaultTag(container.image());
    if (!image.ok()) return InvalidName(pod, container, image.status());
    Need(*image);
    ImageResult result = EnsureNamed(pod, container, *image, timeout);
    // A pull may have taken long.
    if (result.reason.empty()) Need(*image);
    if (!result.image_ref.empty()) Need(result.image_ref);
    return result;
  }

  int waiting() {
    base::MutexLock lock(mu_);
    return waiting_;
  }

 private:
  // From here on the image stays, if it is there.
  void Need(const std::string& image) {
    if (options_.leases == nullptr) return;
    const auto reference = ImageReference::Parse(image);
    options_.leases->Need(reference.ok() ? reference->Full() : image);
    if (reference.ok() && reference->Full() != image) options_.leases->Need(image);
  }

  ImageResult EnsureNamed(const core::Pod& pod, const core::Container& container,
                          const std::string& image, absl::Duration timeout) {
    auto present = Present(image);
    if (!present.ok()) return InspectFailed(pod, container, image, present.status());
    const std::string policy = PullPolicyOf(container);
    if (present->has_value() && policy != "Always") {
      Record(pod, container, "Normal", "Pulled",
             StrCat("Container image \"", image, "\" already present on machine"));
      return ImageResult{.image_ref = **present};
    }
    if (policy == "Never") return NeverPulled(pod, container, image);
    return Pull(pod, container, image, timeout);
  }

  void Record(const core::Pod& pod, const core::Container& container, std::string_view type,
              std::string_view reason, std::string_view message) {
    events_(pod, type, reason, message, FieldPath(pod, container.name()));
  }

  // Also what the container's own event says: "Error: ErrImagePull".
  ImageResult Fail(const core::Pod& pod, const core::Container& container, std::string reason,
                   std::string message, absl::Duration retry_after = absl::ZeroDuration()) {
    Record(pod, container, "Warning", "Failed", StrCat("Error: ", reason));
    return ImageResult{
        .reason = std::move(reason), .message = std::move(message), .retry_after = retry_after};
  }

  ImageResult InvalidName(const core::Pod& pod, const core::Container& container,
                          const absl::Status& status) {
    std::string message =
        StrCat("Failed to apply default image tag \"", container.image(), "\": ", status.message());
    Record(pod, container, "Warning", "InspectFailed", message);
    return Fail(pod, container, "InvalidImageName", std::move(message));
  }

  ImageResult InspectFailed(const core::Pod& pod, const core::Container& container,
                            const std::string& image, const absl::Status& status) {
    std::string message = StrCat("Failed to inspect image \"", image, "\": ", RpcError(status));
    Record(pod, container, "Warning", "InspectFailed", message);
    return Fail(pod, container, "ImageInspectError", std::move(message));
  }

  ImageResult NeverPulled(const core::Pod& pod, const core::Container& container,
                          const std::string& image) {
    std::string message =
        StrCat("Container image \"", image, "\" is not present with pull policy of Never");
    Record(pod, container, "Warning", "ErrImageNeverPull", message);
    return Fail(pod, container, "ErrImageNeverPull", std::move(message));
  }

  // The id of the image; nothing when the runtime does not have it.
  absl::StatusOr<std::optional<std::string>> Present(const std::string& image) {
    cri::v1::ImageStatusRequest request;
    cri::v1::ImageStatusResponse response;
    request.mutable_image()->set_image(image);
    RETURN_IF_ERROR(runtime_.ImageStatus(request, response, options_.call_timeout));
    if (!response.has_image() || response.image().id().empty()) return std::nullopt;
    return std::optional<std::string>(response.image().id());
  }

  ImageResult Pull(const core::Pod& pod, const core::Container& container, const std::string& image,
                   absl::Duration timeout) {
    const std::string key = StrCat(pod.metadata().uid(), "_", image);
    if (const absl::Duration wait = backoff_.Remaining(key, clock_.Now());
        wait > absl::ZeroDuration()) {
      const std::string text = StrCat("Back-off pulling image \"", image, "\"");
      Record(pod, container, "Normal", "BackOff", text);
      return Fail(pod, container, "ImagePullBackOff",
                  StrCat(text, ": ErrImagePull: ", backoff_.LastError(key)), wait);
    }
    Record(pod, container, "Normal", "Pulling", StrCat("Pulling image \"", image, "\""));
    const absl::Time started = clock_.Now();
    const Flight flight = PullOnce(pod, image, started + timeout);
    if (!flight.status.ok()) {
      // Only what the runtime says is an error of its protocol.
      const std::string error =
          flight.status.message() == kTooFast ? kTooFast : RpcError(flight.status);
      Record(pod, container, "Warning", "Failed",
             StrCat("Failed to pull image \"", image, "\": ", error));
      backoff_.Failed(key, error, clock_.Now());
      BERTH_INFO("image pull failed", {"image", image}, {"error", flight.status});
      return Fail(pod, container, "ErrImagePull", error);
    }
    backoff_.Succeeded(key);
    Record(pod, container, "Normal", "Pulled",
           StrCat("Successfully pulled image \"", image, "\" in ", Milliseconds(flight.took), " (",
                  Milliseconds(clock_.Now() - started), " including waiting)", SizeText(image)));
    return ImageResult{.image_ref = flight.image_ref};
  }

  std::string SizeText(const std::string& image) {
    cri::v1::ImageStatusRequest request;
    cri::v1::ImageStatusResponse response;
    request.mutable_image()->set_image(image);
    const absl::Status status = runtime_.ImageStatus(request, response, options_.call_timeout);
    if (!status.ok() || !response.has_image()) return ".";
    return StrCat(". Image size: ", response.image().size(), " bytes.");
  }

  // Joins a pull of the same image that runs, else makes one.
  Flight PullOnce(const core::Pod& pod, const std::string& image, absl::Time deadline) {
    const std::vector<RegistryCredential> credentials = Credentials(pod, image);
    std::string key = image;
    for (const auto& c : credentials) base::StrAppend(key, "\n", c.where, "\n", c.username);
    std::shared_ptr<Flight> flight;
    {
      base::MutexLock lock(mu_);
      auto& slot = flights_[key];
      if (slot != nullptr) return AwaitFlight(slot, deadline);
      slot = flight = std::make_shared<Flight>();
    }
    Flight result;
    result.status = TakeToken() ? TakeSlot(deadline) : absl::UnknownError(kTooFast);
    if (result.status.ok()) {
      result = PullWithAny(image, credentials, deadline);
      GiveSlot();
    }
    base::MutexLock lock(mu_);
    *flight = result;
    flight->done = true;
    flights_.erase(key);
    changed_.NotifyAll();
    return result;
  }

  // Waiting is counted in real time, whatever the clock says: the pull itself is.
  Flight AwaitFlight(std::shared_ptr<Flight> flight, absl::Time deadline) BERTH_REQUIRES(mu_) {
    const absl::Duration wait = deadline - clock_.Now();
    ++waiting_;
    while (!flight->done) {
      if (!changed_.WaitFor(mu_, wait)) {
        --waiting_;
        return Flight{
            true, absl::DeadlineExceededError("waiting for a pull of this image"), "", {}};
      }
    }
    --waiting_;
    return *flight;
  }

  bool TakeToken() {
    if (options_.pull_qps <= 0) return true;
    const absl::Time now = clock_.Now();
    base::MutexLock lock(mu_);
    const double since = absl::ToDoubleSeconds(now - tokens_at_);
    tokens_ = std::min<double>(options_.pull_burst, tokens_ + since * options_.pull_qps);
    tokens_at_ = now;
    if (tokens_ < 1) return false;
    --tokens_;
    return true;
  }

  absl::Status TakeSlot(absl::Time deadline) {
    if (options_.max_parallel_pulls <= 0) return absl::OkStatus();
    base::MutexLock lock(mu_);
    const absl::Duration wait = deadline - clock_.Now();
    while (running_ >= options_.max_parallel_pulls) {
      if (!changed_.WaitFor(mu_, wait)) {
        return absl::DeadlineExceededError("waiting for other image pulls to end");
      }
    }
    ++running_;
    return absl::OkStatus();
  }
  void GiveSlot() {
    if (options_.max_parallel_pulls <= 0) return;
    base::MutexLock lock(mu_);
    --running_;
    changed_.NotifyAll();
  }

  Flight PullWithAny(const std::string& image, const std::vector<RegistryCredential>& credentials,
                     absl::Time deadline) {
    Flight flight;
    const absl::Time started = clock_.Now();
    for (size_t i = 0; i < std::max<size_t>(credentials.size(), 1); ++i) {
      cri::v1::PullImageRequest request;
      cri::v1::PullImageResponse response;
      request.mutable_image()->set_image(image);
      if (i < credentials.size()) {
        auto& auth = *request.mutable_auth();
        auth.set_username(credentials[i].username);
        auth.set_password(credentials[i].password);
        auth.set_identity_token(credentials[i].identity_token);
        auth.set_registry_token(credentials[i].registry_token);
      }
      flight.status = runtime_.PullImage(request, response, deadline - clock_.Now());
      if (!flight.status.ok()) continue;
      flight.image_ref = response.image_ref();
      break;
    }
    flight.took = clock_.Now() - started;
    return flight;
  }

  std::vector<RegistryCredential> Credentials(const core::Pod& pod, const std::string& image) {
    std::vector<RegistryCredential> all;
    for (const auto& ref : pod.spec().image_pull_secrets()) {
      auto secret = objects_.GetSecret(pod.metadata().namespace_(), ref.name());
      if (!secret.ok()) {
        BERTH_WARNING("image pull secret cannot be read",
                      {"secret", StrCat(pod.metadata().namespace_(), "/", ref.name())},
                      {"error", secret.status()});
        continue;
      }
      for (const char* entry : {".dockerconfigjson", ".dockercfg"}) {
        const auto at = (*secret)->data().find(entry);
        if (at != (*secret)->data().end()) AddConfig(at->second, ref.name(), all);
      }
    }
    if (!options_.node_docker_config.empty()) {
      std::ifstream in(options_.node_docker_config);
      const std::string text((std::istreambuf_iterator<char>(in)),
                             std::istreambuf_iterator<char>());
      if (!text.empty()) AddConfig(text, options_.node_docker_config, all);
    }
    const auto reference = ImageReference::Parse(image);
    if (!reference.ok()) return {};
    return CredentialsFor(StrCat(reference->registry, "/", reference->repository), std::move(all));
  }

  void AddConfig(std::string_view text, std::string_view source,
                 std::vector<RegistryCredential>& all) {
    auto parsed = ParseDockerConfig(text);
    if (!parsed.ok()) {
      BERTH_WARNING("registry credentials are malformed", {"source", source},
                    {"error", parsed.status()});
      return;
    }
    for (auto& credential : *parsed) all.push_back(std::move(credential));
  }

  const ImagePullerOptions options_;
  cri::Runtime& runtime_;
  ObjectReader& objects_;
  base::Clock& clock_;
  const PodEventSink events_;
  PullBackoff backoff_;
  base::Mutex mu_;
  base::CondVar changed_;
  base::StringMap<std::shared_ptr<Flight>> flights_ BERTH_GUARDED_BY(mu_);
  int running_ BERTH_GUARDED_BY(mu_) = 0;
  double tokens_ BERTH_GUARDED_BY(mu_) = 0;  // for pulls that begin; InfinitePast fills them
  absl::Time tokens_at_ BERTH_GUARDED_BY(mu_) = absl::InfinitePast();
  int waiting_ BERTH_GUARDED_BY(mu_) = 0;
};

CriImagePuller::CriImagePuller(ImagePullerOptions options, cri::Runtime& runtime,
                               ObjectReader& objects, base::Clock& clock, PodEventSink events)
    : impl_(
          std::make_unique<Impl>(std::move(options), runtime, objects, clock, std::move(events))) {}
CriImagePuller::~CriImagePuller() = default;

int CriImagePuller::waiting() const { return impl_->waiting(); }

ImageResult CriImagePuller::EnsureImage(const core::Pod& pod, const core::Container& container,
                                        absl::Duration timeout) {
  return impl_->Ensure(pod, container, timeout);
}

}  // namespace berth::agent
