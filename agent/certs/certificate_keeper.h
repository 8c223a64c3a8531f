// SPDX-License-Identifier: Apache-2.0
// Keeps one certificate of a store fresh: asks the API for it when there is none, when it comes
// near its end or does not name what it should, waits for the answer, and stores it. Failures are
// tried again for ever. Level-triggered; its work is a key of a queue. Thread-safe.
#ifndef BERTH_AGENT_CERTS_CERTIFICATE_KEEPER_H_
#define BERTH_AGENT_CERTS_CERTIFICATE_KEEPER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/certs/certificate_store.h"
#include "agent/certs/certificate_wish.h"
#include "base/clock.h"
#include "base/executor.h"

namespace berth::client {
class ApiClient;
}

namespace berth::agent {

struct CertificateKeeperParts {
  client::ApiClient* api = nullptr;
  base::Clock* clock = nullptr;
  base::Executor* executor = nullptr;  // calls to the API block on it
  // Nothing while it is not known what to ask for; Poke() tells that it may have changed.
  std::function<std::optional<CertificateWish>()> wish;
  // A new pair is in the store. On the executor, before anything else happens.
  std::function<void(const CertificateAndKey&)> renewed = [](const auto&) {};
  std::function<void(absl::Duration age)> replaced = [](auto) {};  // how old the last one got
  std::function<void()> failed = [] {};                            // an attempt came to nothing
  std::function<double()> share = [] { return 0.5; };  // where between 70 and 90 % of its life
  std::string request_prefix = "csr-";                 // of the request's name
  bool afresh = false;  // what is in the store does not count: it may be another cluster's
};

class CertificateKeeper {
 public:
  CertificateKeeper(std::string name, CertificateStore store, CertificateKeeperParts parts);
  ~CertificateKeeper();

  void Start();
  void Stop();  // handlers that run are waited for
  void Poke();

  // The pair that is there, also when it has ended; nothing before the first.
  std::optional<CertificateAndKey> Current() const;
  std::optional<CertificateFacts> CurrentFacts() const;
  // Of the last attempt. OK while a request waits for its answer.
  absl::Status last_error() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_CERTIFICATE_KEEPER_H_
