// SPDX-License-Identifier: Apache-2.0
// The sources of static pods: a folder of manifests, looked at when inotify says so and from time
// to time in any case, and a URL that is asked regularly. Hands out pods that came, in their latest
// version, and uids that went; a changed manifest is another pod. Thread-safe.
#ifndef BERTH_AGENT_SOURCES_STATIC_PODS_H_
#define BERTH_AGENT_SOURCES_STATIC_PODS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/sources/manifest_folder.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"
#include "kernel/inotify.h"

namespace berth::http {
class IoContext;
}

namespace berth::agent {

class StaticPods {
 public:
  using PodPtr = std::shared_ptr<const api::core::v1::Pod>;
  struct Options {
    std::string node_name;
    std::string path;  // folder or file; "" for none
    absl::Duration file_check = absl::Seconds(20);
    std::string url;  // "" for none
    std::map<std::string, std::vector<std::string>> url_header;
    absl::Duration url_check = absl::Seconds(20);
  };
  struct Hooks {
    std::function<void(PodPtr)> deliver;
    std::function<void(PodPtr)> lost;
    // Every source has told all that it has.
    std::function<void()> ready;
    // For a person: a manifest that is not usable.
    std::function<void(const std::string& problem)> problem;
  };
  // The body of an answer with status 200.
  using Fetch = std::function<absl::StatusOr<std::string>(const Options&)>;

  // `inotify` may be null.
  StaticPods(Options options, kernel::Inotify* inotify, Fetch fetch, base::Executor& executor,
             base::Clock& clock, Hooks hooks);
  ~StaticPods();

  bool any() const { return !options_.path.empty() || !options_.url.empty(); }
  void Start();
  void Stop();  // no hook is called afterwards

 private:
  void Handle(const std::string& key);
  void ReadFiles();
  void ReadUrl();
  void Watch();
  // What a source has now; the difference to before is handed out.
  void Take(const std::string& source, const std::vector<PodPtr>& pods);

  const Options options_;
  kernel::Inotify* const inotify_;
  const Fetch fetch_;
  base::Clock& clock_;
  const Hooks hooks_;
  ManifestFolder folder_;                     // of the files' handler
  std::optional<kernel::Inotify::Id> watch_;  // of the files' handler
  std::string url_text_, url_problem_;        // of the URL's handler
  base::Mutex mu_;                            // one source hands out at a time
  std::map<std::string, std::map<std::string, PodPtr>> pods_ BERTH_GUARDED_BY(mu_);  // by uid
  std::set<std::string> silent_ BERTH_GUARDED_BY(mu_);  // sources that have not spoken
  base::KeyedQueue queue_;                              // last: ends first
};

StaticPods::Fetch MakeManifestFetch(http::IoContext& io);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SOURCES_STATIC_PODS_H_
