// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/message_differencer.h>

#include <map>
#include <set>

#include "api/proto/core/v1/config.pb.h"
#include "api/validation_kinds.h"
#include "api/validation_names.h"

namespace berth::api::internal {
namespace {

constexpr int64_t kLargest = 1024 * 1024;
constexpr std::string_view kImmutable = "field is immutable when `immutable` is set";

template <class Data>
std::set<std::string> SortedKeys(const Data& data) {
  std::set<std::string> keys;
  for (const auto& entry : data) keys.insert(entry.first);
  return keys;
}

template <class Data>
int64_t SizeOf(const Data& data) {
  int64_t size = 0;
  for (const auto& entry : data) size += static_cast<int64_t>(entry.second.size());
  return size;
}

template <class Data>
bool SameData(const Data& a, const Data& b) {
  return std::map<std::string, std::string>(a.begin(), a.end()) ==
         std::map<std::string, std::string>(b.begin(), b.end());
}

void RequireKey(const core::v1::Secret& secret, const std::string& key, Findings& findings) {
  if (!secret.data().contains(key)) findings.Required(Path("data").Key(key));
}

void CheckSecretType(const core::v1::Secret& secret, Findings& findings) {
  const std::string& type = secret.type();
  if (type == "kubernetes.io/service-account-token") {
    const auto& annotations = secret.metadata().annotations();
    const auto name = annotations.find("kubernetes.io/service-account.name");
    if (name == annotations.end() || name->second.empty()) {
      findings.Required(Path("metadata.annotations").Key("kubernetes.io/service-account.name"));
    }
  } else if (type == "kubernetes.io/dockerconfigjson") {
    RequireKey(secret, ".dockerconfigjson", findings);
  } else if (type == "kubernetes.io/dockercfg") {
    RequireKey(secret, ".dockercfg", findings);
  } else if (type == "kubernetes.io/basic-auth") {
    if (!secret.data().contains("username") && !secret.data().contains("password")) {
      RequireKey(secret, "username", findings);
      RequireKey(secret, "password", findings);
    }
  } else if (type == "kubernetes.io/ssh-auth") {
    RequireKey(secret, "ssh-privatekey", findings);
  } else if (type == "kubernetes.io/tls") {
    RequireKey(secret, "tls.crt", findings);
    RequireKey(secret, "tls.key", findings);
  }
}

}  // namespace

void CheckConfigMap(const Message& object, Findings& findings) {
  const auto& config = static_cast<const core::v1::ConfigMap&>(object);
  for (const std::string& key : SortedKeys(config.data())) {
    findings.Check(Path("data").Key(key), key, ConfigKeyProblems(key));
    if (config.binary_data().contains(key)) {
      findings.Invalid(Path("data").Key(key), key, "duplicate of key present in binaryData");
    }
  }
  for (const std::string& key : SortedKeys(config.binary_data())) {
    findings.Check(Path("binaryData").Key(key), key, ConfigKeyProblems(key));
  }
  // Upstream's path for the whole object.
  if (SizeOf(config.data()) + SizeOf(config.binary_data()) > kLargest) {
    findings.TooLong(Path("[]"), kLargest);
  }
}

void CheckConfigMapUpdate(const Message& object, const Message& old, Findings& findings) {
  const auto& config = static_cast<const core::v1::ConfigMap&>(object);
  const auto& before = static_cast<const core::v1::ConfigMap&>(old);
  if (!before.immutable()) return;
  if (!config.immutable()) findings.Forbidden(Path("immutable"), kImmutable);
  if (!SameData(config.data(), before.data())) findings.Forbidden(Path("data"), kImmutable);
  if (!SameData(config.binary_data(), before.binary_data())) {
    findings.Forbidden(Path("binaryData"), kImmutable);
  }
}

void CheckSecret(const Message& object, Findings& findings) {
  const auto& secret = static_cast<const core::v1::Secret&>(object);
  for (const std::string& key : SortedKeys(secret.data())) {
    findings.Check(Path("data").Key(key), key, ConfigKeyProblems(key));
  }
  if (SizeOf(secret.data()) > kLargest) findings.TooLong(Path("data"), kLargest);
  CheckSecretType(secret, findings);
}

void CheckSecretUpdate(const Message& object, const Message& old, Findings& findings) {
  const auto& secret = static_cast<const core::v1::Secret&>(object);
  const auto& before = static_cast<const core::v1::Secret&>(old);
  if (secret.type() != before.type()) {
    findings.Invalid(Path("type"), secret.type(), "field is immutable");
  }
  if (!before.immutable()) return;
  if (!secret.immutable()) findings.Forbidden(Path("immutable"), kImmutable);
  if (!SameData(secret.data(), before.data())) findings.Forbidden(Path("data"), kImmutable);
}

void CheckNamespace(const Message& object, Findings& findings) {
  const auto& space = static_cast<const core::v1::Namespace&>(object);
  for (const std::string& finalizer : space.spec().finalizers()) {
    if (finalizer.find('/') == std::string::npos && finalizer != "kubernetes") {
      findings.Invalid(Path("spec.finalizers"), finalizer,
                       "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
}

}  // namespace berth::api::internal
