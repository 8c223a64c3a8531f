// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/quote.h"
#include "base/status.h"

namespace berth::base {
namespace {

// The one process-wide state of base/: where log lines go.
std::atomic<LogLevel> g_level{LogLevel::kInfo};
std::atomic<LogFormat> g_format{LogFormat::kText};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> MakeLogger(const LogOptions& options) {
  spdlog::sink_ptr sink;
  if (options.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  }
  auto logger = std::make_shared<spdlog::logger>("berth", std::move(sink));
  logger->set_pattern(options.format == LogFormat::kJson ? "%v" : "%L%m%d %H:%M:%S.%f %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::debug);
  logger->flush_on(spdlog::level::debug);
  return logger;
}

std::shared_ptr<spdlog::logger>& Logger() {
  static auto& logger = *new std::shared_ptr<spdlog::logger>(MakeLogger({}));
  return logger;
}

std::string_view BaseName(std::string_view file) {
  const size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? file : file.substr(slash + 1);
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

absl::Status InitLog(const LogOptions& options) {
  g_level = options.level;
  g_format = options.format;
  try {
    Logger() = MakeLogger(options);
  } catch (const spdlog::spdlog_ex& e) {
    return Internal("opening the log ", options.file, ": ", e.what());
  }
  return absl::OkStatus();
}

bool LogEnabled(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }

void WriteLog(LogLevel level, std::string_view file, int line, std::string_view message,
              std::initializer_list<LogField> fields) {
  std::string out;
  if (g_format == LogFormat::kJson) {
    const std::string now = absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone());
    StrAppend(out, R"({"ts":")", now, R"(","level":")", LevelName(level), R"(","msg":)");
    AppendJsonString(out, message);
    for (const auto& field : fields) {
      out.push_back(',');
      AppendJsonString(out, field.key);
      out.push_back(':');
      AppendJsonString(out, field.value);
    }
    out.push_back('}');
  } else {
    StrAppend(out, BaseName(file), ":", line, "] ", message);
    for (const auto& field : fields) {
      StrAppend(out, " ", field.key, "=");
      AppendGoQuoted(out, field.value);
    }
  }
  Logger()->log(ToSpdlog(level), spdlog::string_view_t(out.data(), out.size()));
}

}  // namespace berth::base
