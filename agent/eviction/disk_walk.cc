// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/disk_walk.h"

#include <fts.h>
#include <sys/stat.h>

#include <memory>
#include <set>

namespace berth::agent {

DiskUse MeasureTree(const std::string& path) {
  DiskUse sum;
  std::string top = path;
  char* paths[] = {top.data(), nullptr};
  const std::unique_ptr<FTS, decltype(&fts_close)> walk(
      fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr), &fts_close);
  if (walk == nullptr) return sum;
  std::set<ino_t> linked;
  while (const FTSENT* entry = fts_read(walk.get())) {
    switch (entry->fts_info) {
      case FTS_DP:  // on the way back
      case FTS_DNR:
      case FTS_ERR:
      case FTS_NS:
        continue;
      default:
        break;
    }
    const struct stat& st = *entry->fts_statp;
    if (entry->fts_info != FTS_D && st.st_nlink > 1 && !linked.insert(st.st_ino).second) continue;
    sum.bytes += static_cast<int64_t>(st.st_blocks) * 512;
    ++sum.inodes;
  }
  return sum;
}

}  // namespace berth::agent
