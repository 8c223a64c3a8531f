// SPDX-License-Identifier: Apache-2.0
// Reads a configuration type from YAML. What the type does not have, and values of another type,
// are errors that name file, line and field.
#ifndef BERTH_AGENT_CONFIG_FIELD_READER_H_
#define BERTH_AGENT_CONFIG_FIELD_READER_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/config/field_visitor.h"
#include "agent/config/yaml_document.h"
#include "base/strings.h"

namespace berth::agent {

struct ReadFields {
  // The fields that the file gives, by path ("authentication.anonymous.enabled"), with their line.
  base::StringMap<int> lines;
};

// `document` is the map at the top; apiVersion and kind are known fields of it. Errors read
// "<file>:<line>: <field>: <what is wrong>"; the first one is returned.
absl::Status ReadDocument(const YamlNode& document, std::string_view file,
                          const std::function<void(FieldVisitor&)>& visit, ReadFields& read);

// The error for a field that was read: "<file>:<line>: <field>: <message>", without a line when the
// file does not give the field.
absl::Status FieldError(std::string_view file, const ReadFields& read, std::string_view field,
                        std::string_view message);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_FIELD_READER_H_
