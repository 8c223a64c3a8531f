// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/openapi_v2_wire.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

namespace berth::controlplane {
namespace {

using nlohmann::json;

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

// A string, or a message that is encoded already.
void Put(int number, std::string_view bytes, std::string& out) {
  AppendVarint(static_cast<uint64_t>(number) << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out += bytes;
}

std::string Wrap(int number, std::string_view bytes) {
  std::string out;
  Put(number, bytes, out);
  return out;
}

void PutText(int number, const json& object, const char* member, std::string& out) {
  if (const auto it = object.find(member); it != object.end()) {
    Put(number, it->get_ref<const std::string&>(), out);
  }
}

void PutFlag(int number, const json& object, const char* member, std::string& out) {
  if (!object.value(member, false)) return;
  AppendVarint(static_cast<uint64_t>(number) << 3, out);
  out += '\1';
}

void PutTexts(int number, const json& object, const char* member, std::string& out) {
  if (const auto it = object.find(member); it != object.end()) {
    for (const json& text : *it) Put(number, text.get_ref<const std::string&>(), out);
  }
}

// A map is a list of {1: name, 2: value}.
std::string Named(std::string_view name, std::string_view value) {
  std::string out = Wrap(1, name);
  Put(2, value, out);
  return out;
}

// Members "x-..." as {1: name, 2: {2: YAML}}; JSON is YAML.
void PutExtensions(int number, const json& object, std::string& out) {
  for (const auto& [name, value] : object.items()) {
    if (name.starts_with("x-")) Put(number, Named(name, Wrap(2, value.dump())), out);
  }
}

std::string Schema(const json& schema) {
  std::string out;
  PutText(1, schema, "$ref", out);
  PutText(2, schema, "format", out);
  PutText(4, schema, "description", out);
  if (const auto it = schema.find("additionalProperties"); it != schema.end()) {
    Put(21, Wrap(1, Schema(*it)), out);
  }
  if (const auto it = schema.find("type"); it != schema.end()) {
    Put(22, Wrap(1, it->get_ref<const std::string&>()), out);
  }
  if (const auto it = schema.find("items"); it != schema.end()) {
    Put(23, Wrap(1, Schema(*it)), out);
  }
  if (const auto it = schema.find("properties"); it != schema.end()) {
    std::string properties;
    for (const auto& [name, value] : it->items()) Put(1, Named(name, Schema(value)), properties);
    Put(25, properties, out);
  }
  PutExtensions(31, schema, out);
  return out;
}

std::string BodyParameter(const json& parameter) {
  std::string out;
  PutText(2, parameter, "name", out);
  PutText(3, parameter, "in", out);
  PutFlag(4, parameter, "required", out);
  Put(5, Schema(parameter.at("schema")), out);
  return out;
}

// Of a query or of a path, which lack one field in common.
std::string PlainParameter(const json& parameter, bool in_path) {
  std::string out;
  PutFlag(1, parameter, "required", out);
  PutText(2, parameter, "in", out);
  PutText(4, parameter, "name", out);
  PutText(in_path ? 5 : 6, parameter, "type", out);
  PutFlag(in_path ? 19 : 20, parameter, "uniqueItems", out);
  return out;
}

std::string Parameter(const json& parameter) {
  const std::string& in = parameter.at("in").get_ref<const std::string&>();
  if (in == "body") return Wrap(1, Wrap(1, BodyParameter(parameter)));
  const bool in_path = in == "path";
  return Wrap(1, Wrap(2, Wrap(in_path ? 4 : 3, PlainParameter(parameter, in_path))));
}

void PutParameters(int number, const json& owner, std::string& out) {
  if (const auto it = owner.find("parameters"); it != owner.end()) {
    for (const json& parameter : *it) Put(number, Parameter(parameter), out);
  }
}

std::string Response(const json& response) {
  std::string out;
  PutText(1, response, "description", out);
  Put(2, Wrap(1, Schema(response.at("schema"))), out);
  return out;
}

std::string Operation(const json& operation) {
  std::string out;
  PutTexts(6, operation, "produces", out);
  PutTexts(7, operation, "consumes", out);
  PutParameters(8, operation, out);
  std::string responses;
  for (const auto& [code, response] : operation.at("responses").items()) {
    Put(1, Named(code, Wrap(1, Response(response))), responses);
  }
  Put(9, responses, out);
  PutExtensions(13, operation, out);
  return out;
}

std::string PathItem(const json& item) {
  constexpr struct {
    const char* method;
    int number;
  } kMethods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};
  std::string out;
  for (const auto& [method, number] : kMethods) {
    if (const auto it = item.find(method); it != item.end()) Put(number, Operation(*it), out);
  }
  PutParameters(9, item, out);
  return out;
}

}  // namespace

std::string OpenApiV2Wire(const json& document) {
  std::string info, paths, definitions, out;
  PutText(1, document.at("info"), "title", info);
  PutText(2, document.at("info"), "version", info);
  for (const auto& [path, item] : document.at("paths").items()) {
    Put(2, Named(path, PathItem(item)), paths);
  }
  for (const auto& [name, schema] : document.at("definitions").items()) {
    Put(1, Named(name, Schema(schema)), definitions);
  }
  PutText(1, document, "swagger", out);
  Put(2, info, out);
  Put(8, paths, out);
  Put(9, definitions, out);
  return out;
}

}  // namespace berth::controlplane
