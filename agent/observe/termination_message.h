// SPDX-License-Identifier: Apache-2.0
// What a container left as its last words.
#ifndef BERTH_AGENT_OBSERVE_TERMINATION_MESSAGE_H_
#define BERTH_AGENT_OBSERVE_TERMINATION_MESSAGE_H_

#include <string>
#include <string_view>

namespace berth::agent {

// Up to 4096 bytes of the file. When it is empty or absent and `log_path` is not "": the end of the
// log, at most 80 lines and 2048 bytes, without the runtime's prefixes. "" when there is nothing.
std::string ReadTerminationMessage(std::string_view path, std::string_view log_path);

}  // namespace berth::agent

#endif  // BERTH_AGENT_OBSERVE_TERMINATION_MESSAGE_H_
