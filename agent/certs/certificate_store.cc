// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/certificate_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "agent/certs/certificate_wish.h"
#include "agent/certs/pem_file.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;
using base::StrCat;

constexpr size_t kKept = 4;

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return base::FromErrno(error.value(), path);
  if (::chmod(path.c_str(), 0700) != 0) return base::FromErrno(errno, path);
  return absl::OkStatus();
}

}  // namespace

CertificateStore::CertificateStore(std::string directory, std::string name)
    : directory_(std::move(directory)), name_(std::move(name)) {}

std::string CertificateStore::CurrentPath() const {
  return StrCat(directory_, "/", name_, "-current.pem");
}

absl::StatusOr<CertificateAndKey> CertificateStore::Current() const {
  ASSIGN_OR_RETURN(const std::string text, ReadPemFile(CurrentPath()));
  // Both readers of PEM pass over blocks that are not theirs.
  if (!IsCertificateOf(text, text)) {
    return base::InvalidArgument(CurrentPath(), ": no certificate with its key");
  }
  return CertificateAndKey{text, text};
}

absl::Status CertificateStore::Put(const CertificateAndKey& pair, absl::Time now) const {
  RETURN_IF_ERROR(MakeDirectory(directory_));
  const std::string file =
      StrCat(directory_, "/", name_, "-",
             absl::FormatTime("%Y-%m-%d-%H-%M-%S", now, absl::UTCTimeZone()), ".pem");
  RETURN_IF_ERROR(WritePemFile(file, StrCat(pair.certificate_pem, pair.key_pem)));
  const std::string fresh = StrCat(CurrentPath(), ".new");
  ::unlink(fresh.c_str());
  if (::symlink(file.c_str(), fresh.c_str()) != 0) return base::FromErrno(errno, fresh);
  if (::rename(fresh.c_str(), CurrentPath().c_str()) != 0) {
    return base::FromErrno(errno, CurrentPath());
  }
  Prune();
  return absl::OkStatus();
}

void CertificateStore::Prune() const {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string file = entry.path().filename();
    const bool dated = file.starts_with(StrCat(name_, "-2")) && file.ends_with(".pem");
    if (dated && entry.is_regular_file(error)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());  // by date, as they are named
  for (size_t i = 0; i + kKept < files.size(); ++i) fs::remove(files[i], error);
}

absl::StatusOr<std::string> CertificateStore::LoadOrMakeRequestKey() const {
  const std::string path = StrCat(directory_, "/", name_, ".key.tmp");
  if (auto kept = ReadPemFile(path); kept.ok() && RequestDigest(*kept, {}).ok()) return kept;
  ASSIGN_OR_RETURN(std::string key, MakeKeyPem());
  RETURN_IF_ERROR(MakeDirectory(directory_));
  RETURN_IF_ERROR(WritePemFile(path, key));
  return key;
}

void CertificateStore::ForgetRequestKey() const {
  std::error_code error;
  fs::remove(StrCat(directory_, "/", name_, ".key.tmp"), error);
}

}  // namespace berth::agent
