// SPDX-License-Identifier: Apache-2.0
// The static pods of a folder of manifests (or of one file), as they are on disk now. A file that
// cannot be used keeps the pod it had when it last could: half a write or a slip of the hand ends
// nothing. Not thread-safe.
#ifndef BERTH_AGENT_SOURCES_MANIFEST_FOLDER_H_
#define BERTH_AGENT_SOURCES_MANIFEST_FOLDER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

class ManifestFolder {
 public:
  ManifestFolder(std::string path, std::string node_name)
      : path_(std::move(path)), node_name_(std::move(node_name)) {}

  struct Reading {
    std::vector<std::shared_ptr<const api::core::v1::Pod>> pods;  // of all files, by file name
    std::vector<std::string> problems;  // "/path/x.yaml: ...", each told once per content
    bool look_again = false;            // a file may be in the middle of being written
  };
  // Unchanged files cost a read and nothing else. Errors are of the folder itself; one that is not
  // there is an empty one.
  absl::StatusOr<Reading> Read(absl::Time now);

 private:
  struct File {
    std::string text;
    bool good = false;  // `text` is what `pods` are of
    bool told = false;
    std::vector<std::shared_ptr<const api::core::v1::Pod>> pods;
  };
  absl::StatusOr<std::vector<std::string>> List() const;
  void ReadFile(const std::string& path, absl::Time now, Reading& out);

  const std::string path_;
  const std::string node_name_;
  std::map<std::string, File> files_;  // by path
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SOURCES_MANIFEST_FOLDER_H_
