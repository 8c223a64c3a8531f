// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/certificate_keeper.h"

#include "agent/certs/rotation_plan.h"
#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/keyed_queue.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

using api::certificates::v1::CertificateSigningRequest;
using base::StrCat;

constexpr std::string_view kKey = "certificate";
// Not in upstream's loop faster than this, whatever the certificate says.
constexpr absl::Duration kShortestRest = absl::Seconds(1);

CertificateSigningRequest RequestFor(const CertificateWish& wish, const std::string& name,
                                     const std::string& pem) {
  CertificateSigningRequest request;
  request.mutable_metadata()->set_name(name);
  auto& spec = *request.mutable_spec();
  spec.set_signer_name(wish.signer);
  spec.set_request(pem);
  for (const std::string& usage : wish.usages) spec.add_usages(usage);
  return request;
}

}  // namespace

class CertificateKeeper::Impl {
 public:
  Impl(std::string name, CertificateStore store, CertificateKeeperParts parts)
      : name_(std::move(name)),
        store_(std::move(store)),
        parts_(std::move(parts)),
        queue_(*parts_.executor, *parts_.clock, [this](const std::string&) { Step(); }) {
    if (parts_.afresh) return;
    if (auto current = store_.Current(); current.ok()) Take(*std::move(current));
  }

  void Start() { queue_.Add(kKey); }
  void Poke() { queue_.Add(kKey); }
  void Stop() { queue_.Stop(); }

  std::optional<CertificateAndKey> Current() const {
    base::MutexLock lock(mu_);
    return current_;
  }
  std::optional<CertificateFacts> CurrentFacts() const {
    base::MutexLock lock(mu_);
    return facts_;
  }
  absl::Status last_error() const {
    base::MutexLock lock(mu_);
    return last_error_;
  }

 private:
  // A request that was sent, by the key and the wish that it was made of.
  struct Sent {
    std::string name, key_pem;
    CertificateWish wish;
    absl::Time since;
  };

  void Take(CertificateAndKey pair) {
    auto facts = ReadCertificateFacts(pair.certificate_pem);
    share_ = parts_.share();
    base::MutexLock lock(mu_);
    current_ = std::move(pair);
    facts_ = facts.ok() ? std::optional(*std::move(facts)) : std::nullopt;
  }

  // One handler at a time: what is not guarded is the handler's own.
  void Step() {
    const auto wish = parts_.wish();
    // What is asked for has changed: the answer to the old question is of no use.
    if (sent_.has_value() && wish.has_value() && sent_->wish != *wish) sent_.reset();
    const auto facts = CurrentFacts();
    const absl::Time now = parts_.clock->Now();
    const RotationPlan plan = PlanRotation({.wish = wish.has_value() ? &*wish : nullptr,
                                            .current = facts.has_value() ? &*facts : nullptr,
                                            .share = share_,
                                            .under_way = sent_.has_value(),
                                            .not_before = not_before_},
                                           now);
    absl::Status status;
    switch (plan.step) {
      case RotationStep::kRest:
        if (plan.when < absl::InfiniteFuture()) queue_.AddAfter(kKey, plan.when - now);
        return;
      case RotationStep::kRequest:
        status = Send(*wish, now);
        break;
      case RotationStep::kLook:
        status = Look(now);
        break;
    }
    Settle(std::move(status));
  }

  void Settle(absl::Status status) {
    const absl::Time now = parts_.clock->Now();
    const bool good = status.ok();
    if (!good) {
      not_before_ = now + RetryDelay(++failures_);
      BERTH_WARNING("certificate could not be had", {"certificate", name_}, {"error", status});
      parts_.failed();
    }
    {
      base::MutexLock lock(mu_);
      last_error_ = std::move(status);
    }
    if (!good) {
      queue_.AddAfter(kKey, RetryDelay(failures_));
    } else if (sent_.has_value()) {
      queue_.AddAfter(kKey, LookDelay(now - sent_->since));
    } else {
      queue_.Add(kKey);
    }
  }

  absl::Status Send(const CertificateWish& wish, absl::Time now) {
    ASSIGN_OR_RETURN(std::string key, store_.LoadOrMakeRequestKey());
    ASSIGN_OR_RETURN(const std::string digest, RequestDigest(key, wish));
    ASSIGN_OR_RETURN(const std::string pem, MakeRequestPem(key, wish));
    const std::string name = StrCat(parts_.request_prefix, digest);
    const absl::Status status =
        parts_.api->Create(client::kSigningRequests, RequestFor(wish, name, pem), nullptr);
    // It was sent before a crash or before an answer got lost.
    if (!status.ok() && !absl::IsAlreadyExists(status)) {
      return base::WithContext(status, "cannot create certificate signing request");
    }
    BERTH_INFO("certificate requested", {"certificate", name_}, {"request", name});
    sent_ = Sent{name, std::move(key), wish, now};
    return absl::OkStatus();
  }

  absl::Status Look(absl::Time now) {
    CertificateSigningRequest request;
    const absl::Status status = parts_.api->Get(client::kSigningRequests, "", sent_->name, request);
    if (absl::IsNotFound(status)) {  // deleted unanswered: ask again
      sent_.reset();
      return base::NotFound("certificate signing request is gone");
    }
    RETURN_IF_ERROR(status, "reading certificate signing request");
    const RequestVerdict verdict = JudgeRequest(request, sent_->wish, sent_->key_pem, now);
    if (verdict.state == RequestVerdict::State::kWaiting) return absl::OkStatus();
    if (verdict.state == RequestVerdict::State::kRefused) {
      // With this key nothing else would come.
      store_.ForgetRequestKey();
      sent_.reset();
      return base::FailedPrecondition(verdict.why);
    }
    CertificateAndKey pair{verdict.certificate_pem, sent_->key_pem};
    RETURN_IF_ERROR(store_.Put(pair, now), "storing the certificate");
    store_.ForgetRequestKey();
    BERTH_INFO("certificate renewed", {"certificate", name_}, {"request", sent_->name});
    sent_.reset();
    failures_ = 0;
    not_before_ = now + kShortestRest;
    if (const auto last = CurrentFacts()) parts_.replaced(now - last->not_before);
    Take(pair);
    parts_.renewed(pair);
    return absl::OkStatus();
  }

  const std::string name_;
  const CertificateStore store_;
  const CertificateKeeperParts parts_;
  double share_ = 0;
  std::optional<Sent> sent_;
  int failures_ = 0;
  absl::Time not_before_ = absl::InfinitePast();
  mutable base::Mutex mu_;
  std::optional<CertificateAndKey> current_ BERTH_GUARDED_BY(mu_);
  std::optional<CertificateFacts> facts_ BERTH_GUARDED_BY(mu_);
  absl::Status last_error_ BERTH_GUARDED_BY(mu_);
  base::KeyedQueue queue_;  // last: its end waits for handlers
};

CertificateKeeper::CertificateKeeper(std::string name, CertificateStore store,
                                     CertificateKeeperParts parts)
    : impl_(std::make_unique<Impl>(std::move(name), std::move(store), std::move(parts))) {}
CertificateKeeper::~CertificateKeeper() = default;
void CertificateKeeper::Start() { impl_->Start(); }
void CertificateKeeper::Stop() { impl_->Stop(); }
void CertificateKeeper::Poke() { impl_->Poke(); }
std::optional<CertificateAndKey> CertificateKeeper::Current() const { return impl_->Current(); }
std::optional<CertificateFacts> CertificateKeeper::CurrentFacts() const {
  return impl_->CurrentFacts();
}
absl::Status CertificateKeeper::last_error() const { return impl_->last_error(); }

}  // namespace berth::agent
