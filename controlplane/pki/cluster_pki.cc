// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/cluster_pki.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr absl::Duration kRenewBefore = absl::Hours(24 * 30);

std::string PkiPath(const std::string& data_dir, std::string_view file) {
  return StrCat(data_dir, "/pki/", file);
}

absl::StatusOr<KeyPair> LoadPair(const std::string& data_dir, std::string_view name) {
  KeyPair out;
  ASSIGN_OR_RETURN(out.certificate_pem, ReadFile(PkiPath(data_dir, StrCat(name, ".crt"))));
  ASSIGN_OR_RETURN(out.key_pem, ReadFile(PkiPath(data_dir, StrCat(name, ".key"))));
  return out;
}

// The key first: a certificate on disk always has its key beside it.
absl::Status SavePair(const std::string& data_dir, std::string_view name, const KeyPair& pair) {
  RETURN_IF_ERROR(WriteFileAtomically(PkiPath(data_dir, StrCat(name, ".key")), pair.key_pem, 0600));
  return WriteFileAtomically(PkiPath(data_dir, StrCat(name, ".crt")), pair.certificate_pem, 0644);
}

bool Covers(const KeyPair& pair, const CertificateRequest& request, absl::Time now) {
  const auto facts = ReadCertificate(pair.certificate_pem);
  if (!facts.ok() || facts->not_after < now + kRenewBefore) return false;
  auto has = [&facts](const std::string& name) {
    return std::find(facts->names.begin(), facts->names.end(), name) != facts->names.end();
  };
  return std::all_of(request.dns_names.begin(), request.dns_names.end(), has) &&
         std::all_of(request.addresses.begin(), request.addresses.end(), has);
}

absl::StatusOr<KeyPair> LoadOrIssue(const std::string& data_dir, std::string_view name,
                                    const KeyPair& authority, const CertificateRequest& request,
                                    absl::Time now) {
  if (auto pair = LoadPair(data_dir, name); pair.ok() && Covers(*pair, request, now)) return pair;
  ASSIGN_OR_RETURN(KeyPair pair, IssueCertificate(authority, request, now), "issuing ", name);
  RETURN_IF_ERROR(SavePair(data_dir, name, pair));
  return pair;
}

std::string Base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(size);
  return out;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::FromErrno(errno, StrCat("reading ", path));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view text, int mode) {
  const std::string temporary = StrCat(path, ".new");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return base::FromErrno(errno, StrCat("creating ", temporary));
  int error = ::fchmod(fd, mode) != 0 ? errno : 0;
  while (error == 0 && !text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) error = errno;
    if (written > 0) text.remove_prefix(written);
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  return error == 0 ? absl::OkStatus() : base::FromErrno(error, StrCat("writing ", path));
}

absl::StatusOr<KeyPair> LoadAuthority(const std::string& data_dir) {
  return LoadPair(data_dir, "ca");
}

absl::StatusOr<ClusterPki> LoadOrMakePki(const std::string& data_dir,
                                         const std::vector<std::string>& names,
                                         const std::vector<std::string>& addresses,
                                         absl::Time now) {
  std::error_code error;
  std::filesystem::create_directories(PkiPath(data_dir, ""), error);
  if (error) return base::FromErrno(error.value(), StrCat("creating ", PkiPath(data_dir, "")));
  ClusterPki pki;
  if (auto authority = LoadAuthority(data_dir); authority.ok()) {
    pki.authority = *std::move(authority);
  } else {
    ASSIGN_OR_RETURN(pki.authority, MakeAuthority("berth-ca", now), "making the cluster's CA");
    RETURN_IF_ERROR(SavePair(data_dir, "ca", pki.authority));
  }
  ASSIGN_OR_RETURN(pki.serving, LoadOrIssue(data_dir, "apiserver", pki.authority,
                                            {.common_name = "kube-apiserver",
                                             .dns_names = names,
                                             .addresses = addresses,
                                             .server = true},
                                            now));
  ASSIGN_OR_RETURN(pki.kubelet_client,
                   LoadOrIssue(data_dir, "apiserver-kubelet-client", pki.authority,
                               {.common_name = "kube-apiserver-kubelet-client",
                                .organizations = {"system:masters"}},
                               now));
  const std::string token_path = PkiPath(data_dir, "sa.key");
  if (auto key = ReadFile(token_path); key.ok()) {
    pki.token_key_pem = *std::move(key);
  } else {
    ASSIGN_OR_RETURN(const PrivateKey made, PrivateKey::Generate());
    ASSIGN_OR_RETURN(pki.token_key_pem, made.ToPem());
    RETURN_IF_ERROR(WriteFileAtomically(token_path, pki.token_key_pem, 0600));
  }
  return pki;
}

absl::StatusOr<std::string> MakeKubeconfig(const KeyPair& authority, std::string_view server,
                                           std::string_view user,
                                           const std::vector<std::string>& groups, absl::Time now) {
  ASSIGN_OR_RETURN(
      const KeyPair pair,
      IssueCertificate(authority, {.common_name = std::string(user), .organizations = groups},
                       now));
  return StrCat("apiVersion: v1\nkind: Config\nclusters:\n- name: berth\n  cluster:\n    server: ",
                server, "\n    certificate-authority-data: ", Base64(authority.certificate_pem),
                "\nusers:\n- name: ", user,
                "\n  user:\n    client-certificate-data: ", Base64(pair.certificate_pem),
                "\n    client-key-data: ", Base64(pair.key_pem), "\ncontexts:\n- name: ", user,
                "@berth\n  context:\n    cluster: berth\n    user: ", user,
                "\ncurrent-context: ", user, "@berth\n");
}

}  // namespace berth::controlplane
