// SPDX-License-Identifier: Apache-2.0
// Kubernetes objects to and from bytes: exact Kubernetes JSON, YAML in, and the native protobuf
// wire ("k8s\0" + runtime.Unknown). Driven by descriptors and the options of
// api/proto/go_facts.proto. Thread-safe: no state.
//
// Errors are InvalidArgument and name the path of the bad field:
//   spec.containers[0].ports[1].containerPort: want a number, got a string
// Malformed input never crashes and never leaves more than a partly filled message.
#ifndef BERTH_API_CODEC_H_
#define BERTH_API_CODEC_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/object.h"

namespace berth::api {

struct DecodeOptions {
  // What the schema does not know, and duplicate keys: refused (fieldValidation=Strict), collected
  // in `unknown` (Warn), or dropped when neither is asked for (Ignore). Texts read as
  // `unknown field "spec.replcas"` and `duplicate field "metadata.name"`.
  bool strict = false;
  std::vector<std::string>* unknown = nullptr;
};

enum class JsonStyle { kCompact, kPretty };

// JSON as upstream prints it: apiVersion and kind first as "kind","apiVersion", fields in the
// schema's order, maps by key, omitempty honoured.
std::string EncodeJson(const Message& object, JsonStyle style = JsonStyle::kCompact);
void AppendJson(const Message& object, std::string& out);

// Fills `object`, whose type says what to expect. apiVersion and kind may be absent; when they are
// there they must fit the type.
absl::Status DecodeJson(std::string_view json, Message& object, const DecodeOptions& options = {});
absl::Status DecodeYaml(std::string_view yaml, Message& object, const DecodeOptions& options = {});
// The wire with its envelope.
absl::Status DecodeProto(std::string_view bytes, Message& object);

// The type comes from apiVersion and kind in the text.
absl::StatusOr<std::unique_ptr<Message>> DecodeJsonObject(std::string_view json,
                                                          const DecodeOptions& options = {});
absl::StatusOr<std::unique_ptr<Message>> DecodeYamlObject(std::string_view yaml,
                                                          const DecodeOptions& options = {});
absl::StatusOr<std::unique_ptr<Message>> DecodeProtoObject(std::string_view bytes);
// Every document of a YAML stream ("---"), as JSON text.
absl::StatusOr<std::vector<std::string>> YamlToJson(std::string_view yaml);

// The wire, with the same bytes as upstream's encoder: every value that is no Go pointer is written
// even when zero, map entries by key.
std::string EncodeProto(const Message& object);
// The same without the envelope.
std::string EncodeProtoBody(const Message& object);

}  // namespace berth::api

#endif  // BERTH_API_CODEC_H_
