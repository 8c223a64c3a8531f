// SPDX-License-Identifier: Apache-2.0
#include "base/service.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/liveness.h"
#include "base/status.h"

namespace berth::base {
namespace {

TEST(Liveness, IsAskedByTheNextCheck) {
  ManualExecutor executor;
  Liveness liveness("the loop", [&](Executor::Task task) { executor.Post(std::move(task)); });
  EXPECT_TRUE(liveness.Check().ok());
  EXPECT_EQ(liveness.Check().message(), "the loop runs no tasks");
  EXPECT_FALSE(liveness.Check().ok());
  EXPECT_EQ(executor.RunAll(), 1);
  EXPECT_TRUE(liveness.Check().ok());
  EXPECT_EQ(executor.RunAll(), 1);
}

// A service in a child process, whose notifications come here. Its health is whether `file` exists.
class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    char name[] = "/tmp/serviceXXXXXX";
    folder_ = mkdtemp(name);
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = ""};
    const std::string path = folder_ + "/notify";
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    child_ = fork();
    if (child_ == 0) {
      setenv("NOTIFY_SOCKET", path.c_str(), 1);
      setenv("WATCHDOG_USEC", "20000", 1);
      unsetenv("WATCHDOG_PID");
      BlockServiceSignals();
      const std::string file = folder_ + "/sick";
      _exit(RunService({.healthy = [&] {
        return access(file.c_str(), F_OK) == 0 ? Unavailable("sick") : absl::OkStatus();
      }}));
    }
  }
  ~ServiceTest() override {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    close(socket_);
    for (const char* name : {"/notify", "/sick"}) unlink((folder_ + name).c_str());
    rmdir(folder_.c_str());
  }

  // "" when nothing comes for so long.
  std::string Next(int milliseconds = 10'000) {
    pollfd ready{socket_, POLLIN, 0};
    if (poll(&ready, 1, milliseconds) <= 0) return "";
    char text[100];
    const ssize_t n = recv(socket_, text, sizeof(text), 0);
    return n < 0 ? "" : std::string(text, static_cast<size_t>(n));
  }
  void SetSick(bool sick) {
    const std::string file = folder_ + "/sick";
    if (sick) {
      fclose(fopen(file.c_str(), "w"));
    } else {
      unlink(file.c_str());
    }
  }

  std::string folder_;
  int socket_ = -1;
  pid_t child_ = -1;
};

TEST_F(ServiceTest, FeedsTheWatchdogWhileItIsHealthyAndSaysWhenItEnds) {
  EXPECT_EQ(Next(), "READY=1");
  EXPECT_EQ(Next(), "WATCHDOG=1");
  EXPECT_EQ(Next(), "WATCHDOG=1");
  SetSick(true);
  while (!Next(500).empty()) {
  }
  SetSick(false);
  EXPECT_EQ(Next(), "WATCHDOG=1");
  kill(child_, SIGHUP);
  EXPECT_EQ(Next(), "WATCHDOG=1");
  kill(child_, SIGTERM);
  std::string last;
  while ((last = Next()) == "WATCHDOG=1") {
  }
  EXPECT_EQ(last, "STOPPING=1");
  int status = 0;
  EXPECT_EQ(waitpid(child_, &status, 0), child_);
  EXPECT_EQ(WEXITSTATUS(status), SIGTERM);
}

}  // namespace
}  // namespace berth::base
