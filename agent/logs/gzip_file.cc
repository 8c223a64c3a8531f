// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/gzip_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

struct Close {
  void operator()(gzFile_s* file) const { gzclose(file); }
};
using GzFile = std::unique_ptr<gzFile_s, Close>;

absl::Status Compress(const std::string& path, const std::string& to) {
  const kernel::UniqueFd in(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in.valid()) return base::FromErrno(errno, path);
  struct stat st {};
  if (fstat(in.get(), &st) != 0) return base::FromErrno(errno, path);
  kernel::UniqueFd out(
      open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, st.st_mode & 0777));
  if (!out.valid()) return base::FromErrno(errno, to);
  GzFile file(gzdopen(out.get(), "wb"));
  if (file == nullptr) return base::MakeStatus(absl::StatusCode::kInternal, "gzip of ", path);
  (void)out.Release();  // the file's now
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t got = read(in.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::FromErrno(errno, path);
    if (got == 0) break;
    if (gzwrite(file.get(), buffer.data(), static_cast<unsigned>(got)) != got) {
      return base::FromErrno(errno, base::StrCat("writing ", to));
    }
  }
  if (gzclose(file.release()) != Z_OK) return base::FromErrno(errno, base::StrCat("writing ", to));
  return absl::OkStatus();
}

}  // namespace

absl::Status GzipFile(const std::string& path) {
  const std::string unfinished = base::StrCat(path, ".tmp");
  if (const absl::Status status = Compress(path, unfinished); !status.ok()) {
    unlink(unfinished.c_str());
    return status;
  }
  if (rename(unfinished.c_str(), base::StrCat(path, ".gz").c_str()) != 0) {
    return base::FromErrno(errno, base::StrCat("renaming ", unfinished));
  }
  if (unlink(path.c_str()) != 0) return base::FromErrno(errno, base::StrCat("removing ", path));
  return absl::OkStatus();
}

}  // namespace berth::agent
