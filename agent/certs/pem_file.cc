// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/pem_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/status.h"
#include "kernel/fd.h"

namespace berth::agent {

absl::StatusOr<std::string> ReadPemFile(const std::string& path) {
  std::ifstream in(path);
  if (!in) return base::FromErrno(errno, path);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

absl::Status WritePemFile(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".writing";
  {
    const kernel::UniqueFd file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return base::FromErrno(errno, temporary);
    if (::fchmod(file.get(), 0600) != 0 ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.get()) != 0) {
      return base::FromErrno(errno, temporary);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return base::FromErrno(errno, path);
  return absl::OkStatus();
}

}  // namespace berth::agent
