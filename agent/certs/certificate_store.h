// SPDX-License-Identifier: Apache-2.0
// A certificate with its key in a folder, as kubelets keep theirs: each in one PEM file with its
// date, <name>-2026-11-30-20-15-07.pem, and a link <name>-current.pem to the latest. Others, such
// as a kubeconfig, name the link. Not thread-safe.
#ifndef BERTH_AGENT_CERTS_CERTIFICATE_STORE_H_
#define BERTH_AGENT_CERTS_CERTIFICATE_STORE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/certs/serving_certificate.h"

namespace berth::agent {

class CertificateStore {
 public:
  CertificateStore(std::string directory, std::string name);

  std::string CurrentPath() const;
  // NotFound when there is none yet; InvalidArgument when the file holds no pair.
  absl::StatusOr<CertificateAndKey> Current() const;
  // On disk when it returns; whoever reads sees the old pair or the new one. Older files but for
  // the latest few go.
  absl::Status Put(const CertificateAndKey& pair, absl::Time now) const;

  // The key of a request that is under way: made when there is none, kept over a restart.
  absl::StatusOr<std::string> LoadOrMakeRequestKey() const;
  void ForgetRequestKey() const;

 private:
  void Prune() const;

  const std::string directory_, name_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_CERTIFICATE_STORE_H_
