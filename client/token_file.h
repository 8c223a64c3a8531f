// SPDX-License-Identifier: Apache-2.0
// A bearer token that somebody else keeps fresh in a file. Thread-safe.
#ifndef BERTH_CLIENT_TOKEN_FILE_H_
#define BERTH_CLIENT_TOKEN_FILE_H_

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"

namespace berth::client {

class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  // Looks at the file each time and reads it when it has changed. While it cannot be read, the last
  // token counts.
  std::string Read() {
    struct stat now {};
    const bool there = stat(path_.c_str(), &now) == 0;
    base::MutexLock lock(mu_);
    const bool same = now.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                      now.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec && now.st_ino == seen_.st_ino &&
                      now.st_size == seen_.st_size;
    if (!there || same) return token_;
    std::ifstream in(path_);
    std::ostringstream text;
    if (in && text << in.rdbuf()) {
      token_ = base::Trim(text.str());
      seen_ = now;
    }
    return token_;
  }

 private:
  const std::string path_;
  base::Mutex mu_;
  struct stat seen_ BERTH_GUARDED_BY(mu_) = {};
  std::string token_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_TOKEN_FILE_H_
