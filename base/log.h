// SPDX-License-Identifier: Apache-2.0
// Structured log lines: one per decision or failure, keyed by the object.
//
//   BERTH_INFO("container started", {"pod", key}, {"container", name});
//
// From any thread. Secrets have types without a conversion to Field.
#ifndef BERTH_BASE_LOG_H_
#define BERTH_BASE_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/strings.h"

namespace berth::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, absl::string_view v) : key(k), value(Sv(v)) {}
  LogField(std::string_view k, const absl::Status& v) : key(k), value(v.ToString()) {}
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  LogField(std::string_view k, Number v) : key(k), value(StrCat(v)) {}

  std::string_view key;
  std::string value;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::string file;  // "" is stderr
};

// Once, early in main(). Before it, lines go to stderr as text.
absl::Status InitLog(const LogOptions& options);
bool LogEnabled(LogLevel level);
void WriteLog(LogLevel level, std::string_view file, int line, std::string_view message,
              std::initializer_list<LogField> fields);

}  // namespace berth::base

#define BERTH_LOG(level, message, ...)                                            \
  do {                                                                            \
    if (::berth::base::LogEnabled(level)) {                                       \
      ::berth::base::WriteLog(level, __FILE__, __LINE__, message, {__VA_ARGS__}); \
    }                                                                             \
  } while (false)
#define BERTH_DEBUG(...) BERTH_LOG(::berth::base::LogLevel::kDebug, __VA_ARGS__)
#define BERTH_INFO(...) BERTH_LOG(::berth::base::LogLevel::kInfo, __VA_ARGS__)
#define BERTH_WARNING(...) BERTH_LOG(::berth::base::LogLevel::kWarning, __VA_ARGS__)
#define BERTH_ERROR(...) BERTH_LOG(::berth::base::LogLevel::kError, __VA_ARGS__)

#endif  // BERTH_BASE_LOG_H_
