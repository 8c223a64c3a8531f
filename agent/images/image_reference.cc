// SPDX-License-Identifier: Apache-2.0
#include "agent/images/image_reference.h"

#include <algorithm>

#include "base/status.h"

namespace berth::agent {
namespace {

using base::InvalidArgument;
using base::StrCat;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsWord(char c) { return IsDigit(c) || IsLower(c) || IsUpper(c) || c == '_'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

// Runs of letters and digits, joined by ".", "_", "__" or dashes.
bool IsPathComponent(std::string_view part) {
  auto alnum = [](char c) { return IsDigit(c) || IsLower(c); };
  if (part.empty() || !alnum(part.front()) || !alnum(part.back())) return false;
  for (size_t i = 0; i < part.size();) {
    if (alnum(part[i])) {
      ++i;
      continue;
    }
    const size_t end = std::find_if(part.begin() + i, part.end(), alnum) - part.begin();
    const std::string_view joint = part.substr(i, end - i);
    const bool dashes = joint.find_first_not_of('-') == joint.npos;
    if (joint != "." && joint != "_" && joint != "__" && !dashes) return false;
    i = end;
  }
  return true;
}

bool IsRegistry(std::string_view text) {
  auto [host, port] = base::SplitOnce(text, ':');
  if (text.starts_with('[')) {  // an IPv6 address
    const size_t end = text.find(']');
    if (end == text.npos) return false;
    const std::string_view rest = text.substr(end + 1);
    return rest.empty() || (rest[0] == ':' && base::ParseInt<uint16_t>(rest.substr(1)).has_value());
  }
  if (port && !base::ParseInt<uint16_t>(*port)) return false;
  for (std::string_view label : base::Split(host, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    for (char c : label) {
      if (!IsDigit(c) && !IsLower(c) && !IsUpper(c) && c != '-') return false;
    }
  }
  return true;
}

bool IsTag(std::string_view tag) {
  if (tag.empty() || tag.size() > 128 || !IsWord(tag.front())) return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

bool IsDigest(std::string_view digest) {
  const auto [algorithm, hex] = base::SplitOnce(digest, ':');
  if (algorithm.empty() || !hex || hex->size() < 32) return false;
  if (!std::all_of(hex->begin(), hex->end(), IsHex)) return false;
  return algorithm != "sha256" || hex->size() == 64;
}

absl::Status BadFormat() { return InvalidArgument("invalid reference format"); }

}  // namespace

absl::StatusOr<ImageReference> ImageReference::Parse(std::string_view text) {
  if (text.size() == 64 && std::all_of(text.begin(), text.end(), IsHex)) {
    return InvalidArgument("invalid repository name (", text,
                           "), cannot specify 64-byte hexadecimal strings");
  }
  ImageReference out;
  if (const size_t at = text.find('@'); at != text.npos) {
    out.digest = text.substr(at + 1);
    if (!IsDigest(out.digest)) return BadFormat();
    text = text.substr(0, at);
  }
  const size_t slash = text.rfind('/');
  const size_t colon = text.rfind(':');
  if (colon != text.npos && (slash == text.npos || colon > slash)) {
    out.tag = text.substr(colon + 1);
    if (!IsTag(out.tag)) return BadFormat();
    text = text.substr(0, colon);
  }
  const auto [first, rest] = base::SplitOnce(text, '/');
  const bool names_registry =
      rest && (first.find_first_of(".:") != first.npos || first == "localhost" ||
               std::any_of(first.begin(), first.end(), IsUpper));
  out.registry = names_registry ? std::string(first) : "docker.io";
  out.repository = names_registry ? std::string(*rest) : std::string(text);
  if (out.registry == "index.docker.io") out.registry = "docker.io";
  if (names_registry && !IsRegistry(out.registry)) return BadFormat();
  if (std::any_of(out.repository.begin(), out.repository.end(), IsUpper)) {
    return InvalidArgument("invalid reference format: repository name (", out.repository,
                           ") must be lowercase");
  }
  for (std::string_view part : base::Split(out.repository, '/')) {
    if (!IsPathComponent(part)) return BadFormat();
  }
  if (out.registry == "docker.io" && out.repository.find('/') == std::string::npos) {
    out.repository = "library/" + out.repository;
  }
  if (out.repository.size() > 255) {
    return InvalidArgument("repository name must not be more than 255 characters");
  }
  return out;
}

std::string ImageReference::Full() const {
  std::string out = StrCat(registry, "/", repository);
  if (!tag.empty() || digest.empty()) base::StrAppend(out, ":", tag.empty() ? "latest" : tag);
  if (!digest.empty()) base::StrAppend(out, "@", digest);
  return out;
}

absl::StatusOr<std::string> WithDefaultTag(std::string_view image) {
  ASSIGN_OR_RETURN(const ImageReference reference, ImageReference::Parse(image),
                   "couldn't parse image name \"", image, "\"");
  if (!reference.tag.empty() || !reference.digest.empty()) return std::string(image);
  return StrCat(image, ":latest");
}

}  // namespace berth::agent
