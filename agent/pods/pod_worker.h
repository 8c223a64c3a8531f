// SPDX-License-Identifier: Apache-2.0
// One pod's life on this node: Syncing -> Terminating -> Terminated, never back. Sync() takes the
// latest wish (the API's Pod) and the latest fact (the runtime), decides, acts, reports, until
// there is nothing left to do at once. Whatever may take long (pulls, stops with their grace) runs
// beside it and pokes the pod when done, so a pod hears of its deletion while it pulls.
//
// The fact is read as a whole when it may have changed: after RuntimeChanged(), after a step that
// failed, when it is old, and always while the pod ends. In between the worker knows it, because
// it reads each sandbox and container that it makes.
//
// Sync() is called by one thread at a time; everything else is thread-safe.
#ifndef BERTH_AGENT_PODS_POD_WORKER_H_
#define BERTH_AGENT_PODS_POD_WORKER_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/observe/observation.h"
#include "agent/pods/worker_context.h"
#include "agent/status/pod_status.h"
#include "agent/sync/pod_actions.h"
#include "agent/sync/restart_backoff.h"
#include "base/mutex.h"

namespace runtime::v1 {
class PodSandboxConfig;
}

namespace berth::agent {

class PodWorker : public std::enable_shared_from_this<PodWorker> {
 public:
  enum class Phase { kSyncing, kTerminating, kTerminated };

  // `arrived` is when the pod came here as a new one; InfinitePast for one that was here before.
  PodWorker(const WorkerContext& context, std::shared_ptr<const api::core::v1::Pod> pod,
            absl::Time arrived = absl::InfinitePast());

  // The API's latest version of the pod. True when the worker should look at it: more than its
  // status changed.
  bool Update(std::shared_ptr<const api::core::v1::Pod> pod);
  // The API has it no more (or never had: an orphan in the runtime).
  void Gone();
  // It may not run here: ended with this reason, phase Failed. Before its first Sync nothing of it
  // is ever made.
  void End(PodVerdict verdict);
  // It was refused: as End(), and its status tells of no containers. Before the first Sync().
  void Reject(PodVerdict verdict);
  // Its end is decided, though something of it may still be here.
  bool ending() const;
  // The disk is needed: what is left in the runtime of a pod that has ended goes, although the API
  // still has the pod.
  void FreeContainers();

  void Sync();
  // The runtime did something that the worker did not: the next Sync() reads the pod.
  void RuntimeChanged();

  // The pod with the status that it would report now.
  std::shared_ptr<const api::core::v1::Pod> Report() const;
  std::shared_ptr<const PodObservation> Seen() const;
  Phase phase() const;
  // Nothing is left of it, here and in the API.
  bool finished() const;
  // Counts for admission: it runs, or may run.
  bool active() const;
  bool gone() const;

 private:
  // pod_worker.cc
  // These say whether there is more to do at once.
  bool SyncOnce();
  bool SyncRunning();
  void SyncTerminating();
  void SyncTerminated();
  bool MustTerminate();
  bool DeadlineExceeded();
  void Publish(bool terminating);
  // When the first of the containers began to run of which no status has told; ends the wait.
  absl::Time TakeRunningSince();
  // Tells `measure` how long ago the pod came here, when it came as a new one.
  void Measure(void (KubeletMetrics::*measure)(absl::Duration));
  void MeasureFirstCall();
  void Resync();
  void Retry(std::string_view what, const absl::Status& error);
  // Makes seen_ the truth, by a read when `must` or when it may be old.
  absl::Status Observe(bool must);
  // Takes in what was just read of a part; after a failed read all of it is read again.
  template <class Part>
  absl::Status Note(absl::StatusOr<Part> part);
  void Seeing();  // tells of seen_
  const std::string& uid() const { return uid_; }

  // pod_worker_start.cc
  bool Execute(const PodActions& actions);
  absl::Status ReplaceSandbox(const PodActions& actions);
  absl::Status CreateSandbox(uint32_t attempt);
  absl::Status EnsureVolumes();
  ::runtime::v1::PodSandboxConfig SandboxConfig(uint32_t attempt, std::string* warning);
  // True when the container runs now.
  bool StartContainer(ContainerToStart start);
  bool ClearWay(ContainerToStart& start);
  bool ImageReady(const api::core::v1::Container& container, std::string& image_ref);
  absl::Status CheckImageUser(const api::core::v1::Container& container,
                              const std::string& image_ref);
  absl::StatusOr<std::string> CreateContainer(const ContainerToStart& start,
                                              const api::core::v1::Container& container,
                                              const std::string& image_ref);
  void CollectGarbage();

  // pod_worker_hooks.cc
  void PostStart(const api::core::v1::Container& container, const std::string& id);
  std::set<std::string, std::less<>> RunningHooks() const;  // ids of their containers
  // Tells of hooks that failed, and which containers wait for theirs.
  void LookAtHooks();
  void SyncProbes(bool terminating);
  void EndSleeps();

  // pod_worker_stop.cc
  void Kill(const ContainerToKill& kill, absl::Duration grace);
  void RunKill(const api::core::v1::Pod& pod, const ContainerToKill& kill, absl::Duration grace,
               bool hook);
  // After its hook: the runtime's stop, with what is left of the grace that began at `start`.
  void RunStop(const ContainerToKill& kill, absl::Duration grace, absl::Time start);
  void KillAll();
  absl::Duration Grace() const;
  absl::Status StopSandboxes();
  absl::Status RemoveSandboxes();

  const WorkerContext& context_;
  const std::string uid_;
  const absl::Time arrived_;
  const bool static_;  // from a manifest of the node: the API has its mirror only

  // What others tell and ask.
  mutable base::Mutex mu_;
  std::shared_ptr<const api::core::v1::Pod> inbox_ BERTH_GUARDED_BY(mu_);
  std::shared_ptr<const api::core::v1::Pod> report_ BERTH_GUARDED_BY(mu_);
  std::shared_ptr<const PodObservation> published_seen_ BERTH_GUARDED_BY(mu_);
  std::optional<PodVerdict> verdict_ BERTH_GUARDED_BY(mu_);
  bool gone_ BERTH_GUARDED_BY(mu_) = false;
  Phase phase_ BERTH_GUARDED_BY(mu_) = Phase::kSyncing;
  bool finished_ BERTH_GUARDED_BY(mu_) = false;
  bool runtime_changed_ BERTH_GUARDED_BY(mu_) = false;
  bool free_containers_ BERTH_GUARDED_BY(mu_) = false;
  std::set<std::string, std::less<>> hooks_ BERTH_GUARDED_BY(mu_);  // postStart runs, by id
  // Hooks that only wait, by container id: when they end, and the stop that follows a preStop.
  struct Sleep {
    absl::Time until;
    std::optional<ContainerToKill> kill;
    absl::Duration grace;
    absl::Time start;
  };
  std::map<std::string, Sleep, std::less<>> sleeps_ BERTH_GUARDED_BY(mu_);
  std::map<std::string, absl::Status, std::less<>> failed_hooks_ BERTH_GUARDED_BY(mu_);
  // Stops under way, by container id, and when their grace ends.
  std::map<std::string, absl::Time> stopping_ BERTH_GUARDED_BY(mu_);
  struct Pull {
    bool running = true;
    std::string image;
    ImageResult result;
  };
  std::map<std::string, Pull> pulls_ BERTH_GUARDED_BY(mu_);  // by container name

  // Of Sync() alone.
  std::shared_ptr<const api::core::v1::Pod> pod_;
  PodObservation seen_;
  absl::Time observed_at_ = absl::InfinitePast();  // all of it
  ProbeView view_;
  RestartBackoff backoff_;
  std::map<std::string, Waiting, std::less<>> waiting_;
  std::map<std::string, absl::Time, std::less<>> pull_after_;  // by container and image
  std::map<std::string, absl::Time, std::less<>> backoff_told_;
  std::map<std::string, std::string, std::less<>> tried_;  // by name: the last id that was to start
  std::map<std::string, absl::Time, std::less<>> began_;   // by container id: no status told yet
  bool measured_ = false;                                  // its first calls were
  std::map<std::string, int, std::less<>> count_bump_;     // names that the runtime keeps reserved
  std::optional<MountedVolumes> volumes_;
  absl::Time volumes_at_ = absl::InfinitePast();
  std::string cgroup_parent_;
  absl::Time stop_began_ = absl::InfinitePast();
  bool ran_here_ = false;      // seen alive before its end was asked for
  bool report_status_ = true;  // false: the API has the pod's last word already
  bool rejected_ = false;
  int failures_ = 0;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_POD_WORKER_H_
