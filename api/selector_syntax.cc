// SPDX-License-Identifier: Apache-2.0
#include "api/selector.h"
#include "base/strings.h"

namespace berth::api {
namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Alphanumeric at both ends; '-', '_' and '.' too within.
bool IsName(std::string_view s) {
  if (s.empty() || !IsAlnum(s.front()) || !IsAlnum(s.back())) return false;
  for (const char c : s) {
    if (!IsAlnum(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

bool IsSubdomain(std::string_view s) {
  if (s.size() > 253) return false;
  for (const std::string_view label : base::Split(s, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      if (c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9')) return false;
    }
  }
  return true;
}

constexpr std::string_view kNameText =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr std::string_view kValueText =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr std::string_view kSubdomainText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

}  // namespace

std::vector<std::string> QualifiedNameProblems(std::string_view key) {
  std::vector<std::string> problems;
  std::string_view name = key;
  if (const size_t slash = key.find('/'); slash != std::string_view::npos) {
    const std::string_view prefix = key.substr(0, slash);
    name = key.substr(slash + 1);
    if (name.find('/') != std::string_view::npos) {
      problems.push_back(
          "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must "
          "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
          "'123-abc', regex used for validation is "
          "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and "
          "'/' (e.g. 'example.com/MyName')");
      return problems;
    }
    if (prefix.empty()) {
      problems.push_back("prefix part must be non-empty");
    } else if (prefix.size() > 253) {
      problems.push_back("prefix part must be no more than 253 bytes");
    } else if (!IsSubdomain(prefix)) {
      problems.push_back(base::StrCat("prefix part ", kSubdomainText));
    }
  }
  if (name.empty()) problems.push_back("name part must be non-empty");
  if (name.size() > 63) problems.push_back("name part must be no more than 63 bytes");
  if (!IsName(name)) problems.push_back(base::StrCat("name part ", kNameText));
  return problems;
}

std::vector<std::string> LabelValueProblems(std::string_view value) {
  std::vector<std::string> problems;
  if (value.size() > 63) problems.push_back("must be no more than 63 bytes");
  if (!value.empty() && !IsName(value)) problems.push_back(std::string(kValueText));
  return problems;
}

}  // namespace berth::api
