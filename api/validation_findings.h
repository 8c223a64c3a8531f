// SPDX-License-Identifier: Apache-2.0
// Collecting what is wrong with an object. For validation*.cc.
#ifndef BERTH_API_VALIDATION_FINDINGS_H_
#define BERTH_API_VALIDATION_FINDINGS_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "api/validation.h"
#include "base/strings.h"

namespace berth::api::internal {

// A field's path. Cheap enough: one string per object and level.
class Path {
 public:
  explicit Path(std::string_view text) : text_(text) {}
  Path operator/(std::string_view child) const {
    return Path(base::StrCat(text_, text_.empty() ? "" : ".", child));
  }
  Path operator[](int index) const { return Path(base::StrCat(text_, "[", index, "]")); }
  Path Key(std::string_view key) const { return Path(base::StrCat(text_, "[", key, "]")); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string Quote(std::string_view text);

class Findings {
 public:
  void Required(const Path& path, std::string_view detail = "") {
    Put(FieldError::Type::kRequired, path, "", detail);
  }
  void Forbidden(const Path& path, std::string_view detail) {
    Put(FieldError::Type::kForbidden, path, "", detail);
  }
  void Invalid(const Path& path, std::string_view text, std::string_view detail) {
    Put(FieldError::Type::kInvalid, path, Quote(text), detail);
  }
  void InvalidNumber(const Path& path, int64_t number, std::string_view detail) {
    Put(FieldError::Type::kInvalid, path, base::StrCat(number), detail);
  }
  // `json` is printed as it is.
  void InvalidJson(const Path& path, std::string_view json, std::string_view detail) {
    Put(FieldError::Type::kInvalid, path, json, detail);
  }
  void Duplicate(const Path& path, std::string_view text) {
    Put(FieldError::Type::kDuplicate, path, Quote(text), "");
  }
  void NotFound(const Path& path, std::string_view text) {
    Put(FieldError::Type::kNotFound, path, Quote(text), "");
  }
  void NotSupported(const Path& path, std::string_view text,
                    std::initializer_list<std::string_view> supported);
  void TooLong(const Path& path, int64_t limit) {
    Put(FieldError::Type::kTooLong, path, "",
        base::StrCat("may not be more than ", limit, " bytes"));
  }

  // An Invalid for `problem` unless it is empty.
  void Check(const Path& path, std::string_view text, std::string_view problem) {
    if (!problem.empty()) Invalid(path, text, problem);
  }
  void Check(const Path& path, std::string_view text, const std::vector<std::string>& problems) {
    for (const std::string& problem : problems) Invalid(path, text, problem);
  }
  void CheckNotNegative(const Path& path, int64_t number) {
    if (number < 0) InvalidNumber(path, number, "must be greater than or equal to 0");
  }
  void CheckPort(const Path& path, int64_t port) {
    if (port < 1 || port > 65535) {
      InvalidNumber(path, port, "must be between 1 and 65535, inclusive");
    }
  }
  // Required when empty, NotSupported when it is none of `supported`.
  void CheckOneOf(const Path& path, std::string_view text,
                  std::initializer_list<std::string_view> supported);

  std::vector<FieldError> Take() && { return std::move(errors_); }

 private:
  void Put(FieldError::Type type, const Path& path, std::string_view value,
           std::string_view detail) {
    errors_.push_back({type, path.text(), std::string(value), std::string(detail)});
  }

  std::vector<FieldError> errors_;
};

}  // namespace berth::api::internal

#endif  // BERTH_API_VALIDATION_FINDINGS_H_
