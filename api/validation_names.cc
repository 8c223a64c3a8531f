// SPDX-License-Identifier: Apache-2.0
#include "api/validation_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "api/validation.h"
#include "base/strings.h"

namespace berth::api {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerOrDigit(char c) { return IsLower(c) || IsDigit(c); }

bool IsLabel(std::string_view s) {
  return !s.empty() && IsLowerOrDigit(s.front()) && IsLowerOrDigit(s.back()) &&
         std::all_of(s.begin(), s.end(), [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

constexpr std::string_view kLabelText =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kSubdomainText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view k1035Text =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kConfigKeyText =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

std::string TooLong(size_t limit) { return base::StrCat("must be no more than ", limit, " bytes"); }

}  // namespace

std::string Dns1123LabelProblem(std::string_view name) {
  if (name.size() > 63) return TooLong(63);
  return IsLabel(name) ? "" : std::string(kLabelText);
}

std::string Dns1123SubdomainProblem(std::string_view name) {
  if (name.size() > 253) return TooLong(253);
  const auto labels = base::Split(name, '.');
  return std::all_of(labels.begin(), labels.end(), IsLabel) ? "" : std::string(kSubdomainText);
}

std::string Dns1035LabelProblem(std::string_view name) {
  if (name.size() > 63) return TooLong(63);
  return IsLabel(name) && IsLower(name.front()) ? "" : std::string(k1035Text);
}

namespace internal {

std::vector<std::string> PortNameProblems(std::string_view name) {
  std::vector<std::string> problems;
  if (name.size() > 15) problems.push_back("must be no more than 15 bytes");
  if (name.empty() || !std::all_of(name.begin(), name.end(),
                                   [](char c) { return IsLowerOrDigit(c) || c == '-'; })) {
    problems.push_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!std::any_of(name.begin(), name.end(), IsLower)) {
    problems.push_back("must contain at least one letter (a-z)");
  }
  if (name.find("--") != std::string_view::npos) {
    problems.push_back("must not contain consecutive hyphens");
  }
  if (!name.empty() && (name.front() == '-' || name.back() == '-')) {
    problems.push_back("must not begin or end with a hyphen");
  }
  return problems;
}

std::string EnvNameProblem(std::string_view name) {
  const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '=';
  });
  return good ? ""
              : "a valid environment variable name must consist only of printable ASCII "
                "characters other than '='";
}

std::vector<std::string> ConfigKeyProblems(std::string_view key) {
  std::vector<std::string> problems;
  if (key.size() > 253) problems.push_back(TooLong(253));
  const bool good = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
  });
  if (!good) problems.push_back(std::string(kConfigKeyText));
  if (key == ".") {
    problems.push_back("must not be '.'");
  } else if (key == "..") {
    problems.push_back("must not be '..'");
  } else if (key.starts_with("..")) {
    problems.push_back("must not start with '..'");
  }
  return problems;
}

std::string PathSegmentProblem(std::string_view name) {
  if (name == "." || name == "..") return base::StrCat("may not be '", name, "'");
  if (name.find('/') != std::string_view::npos) return "may not contain '/'";
  if (name.find('%') != std::string_view::npos) return "may not contain '%'";
  return "";
}

std::string RelativePathProblem(std::string_view path) {
  if (path.starts_with('/')) return "must be a relative path";
  const auto parts = base::Split(path, '/');
  if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return "must not contain '..'";
  return "";
}

bool IsIpv4(std::string_view text) {
  in_addr address{};
  return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

bool IsIpv6(std::string_view text) {
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

std::string IpProblem(std::string_view text) {
  if (IsIpv4(text) || IsIpv6(text)) return "";
  return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

bool IsCidr(std::string_view text) {
  const auto [address, length] = base::SplitOnce(text, '/');
  const auto bits = base::ParseInt<int>(length.value_or(""));
  if (!bits || *bits < 0) return false;
  return (IsIpv4(address) && *bits <= 32) || (IsIpv6(address) && *bits <= 128);
}

std::string EndpointIpProblem(std::string_view text) {
  std::string problem = IpProblem(text);
  if (!problem.empty()) return problem;
  in6_addr six{};
  if (inet_pton(AF_INET6, std::string(text).c_str(), &six) == 1) {
    if (IN6_IS_ADDR_UNSPECIFIED(&six)) return "may not be unspecified (0.0.0.0 or ::)";
    if (IN6_IS_ADDR_LOOPBACK(&six)) {
      return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
    }
    if (IN6_IS_ADDR_LINKLOCAL(&six)) {
      return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
    }
    if (IN6_IS_ADDR_MC_LINKLOCAL(&six)) {
      return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
    }
    return "";
  }
  in_addr four{};
  inet_pton(AF_INET, std::string(text).c_str(), &four);
  const uint32_t address = ntohl(four.s_addr);
  if (address == 0) return "may not be unspecified (0.0.0.0 or ::)";
  if (address >> 24 == 127) return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
  if (address >> 16 == 0xa9fe) {
    return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
  }
  if (address >> 8 == 0xe00000) {
    return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
  }
  return "";
}

}  // namespace internal
}  // namespace berth::api
