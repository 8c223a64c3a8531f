// SPDX-License-Identifier: Apache-2.0
#include "api/wire_path.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>

#include "absl/container/flat_hash_map.h"
#include "api/field_plan.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;

constexpr int kMaxDepth = 100;  // protobuf's own limit

// Reads the content of one field; false when it is cut short or of an unknown wire type.
bool ReadField(CodedInputStream& in, uint32_t tag, std::string& content) {
  uint64_t number = 0;
  uint32_t length = 0, small = 0;
  switch (tag & 7) {
    case 0:
      return in.ReadVarint64(&number);
    case 1:
      return in.ReadLittleEndian64(&number);
    case 2:
      return in.ReadVarint32(&length) && length <= 0x7fffffff &&
             in.ReadString(&content, static_cast<int>(length));
    case 5:
      return in.ReadLittleEndian32(&small);
    default:
      return false;
  }
}

// True when `bytes` are whole; otherwise `path` has grown by the steps to the fault.
bool Walk(std::string_view bytes, const Descriptor& type, std::string& path, int depth) {
  if (depth > kMaxDepth) return false;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  absl::flat_hash_map<int, int> seen;  // how many of a repeated field came before
  while (const uint32_t tag = in.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
    std::string content;
    const size_t mark = path.size();
    if (field != nullptr) {
      base::StrAppend(path, path.empty() ? "" : ".", field->json_name());
      if (field->is_repeated()) base::StrAppend(path, "[", seen[field->number()]++, "]");
    }
    if (!ReadField(in, tag, content)) return false;
    if (field != nullptr && field->message_type() != nullptr && (tag & 7) == 2 &&
        !Walk(content, *field->message_type(), path, depth + 1)) {
      return false;
    }
    path.resize(mark);
  }
  return in.ConsumedEntireMessage();
}

}  // namespace

std::string FirstBadField(std::string_view bytes, const Descriptor& type) {
  std::string path;
  Walk(bytes, type, path, 0);
  return path;
}

}  // namespace berth::api
