// SPDX-License-Identifier: Apache-2.0
// The syntax of names, ports, keys and addresses. Each function says what is wrong, in upstream's
// words; an empty text means nothing is. For validation*.cc.
#ifndef BERTH_API_VALIDATION_NAMES_H_
#define BERTH_API_VALIDATION_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

namespace berth::api::internal {

// "http", "metrics-2": what ports of containers are called.
std::vector<std::string> PortNameProblems(std::string_view name);
std::string EnvNameProblem(std::string_view name);
// Keys of configMaps and secrets.
std::vector<std::string> ConfigKeyProblems(std::string_view key);
// Names of kinds without a stricter rule: one segment of a URL path.
std::string PathSegmentProblem(std::string_view name);
// Paths below a volume: relative and never upwards.
std::string RelativePathProblem(std::string_view path);

bool IsIpv4(std::string_view text);
bool IsIpv6(std::string_view text);
// Empty for 4 and 6.
std::string IpProblem(std::string_view text);
bool IsCidr(std::string_view text);
// Addresses that no endpoint may have.
std::string EndpointIpProblem(std::string_view text);

}  // namespace berth::api::internal

#endif  // BERTH_API_VALIDATION_NAMES_H_
