// SPDX-License-Identifier: Apache-2.0
#include "api/validation_findings.h"

#include <algorithm>

namespace berth::api {
namespace {

struct TypeText {
  std::string_view text;
  std::string_view reason;
  bool has_value;
};

TypeText TextOf(FieldError::Type type) {
  switch (type) {
    case FieldError::Type::kRequired:
      return {"Required value", "FieldValueRequired", false};
    case FieldError::Type::kInvalid:
      return {"Invalid value", "FieldValueInvalid", true};
    case FieldError::Type::kNotSupported:
      return {"Unsupported value", "FieldValueNotSupported", true};
    case FieldError::Type::kDuplicate:
      return {"Duplicate value", "FieldValueDuplicate", true};
    case FieldError::Type::kForbidden:
      return {"Forbidden", "FieldValueForbidden", false};
    case FieldError::Type::kTooLong:
      return {"Too long", "FieldValueTooLong", false};
    case FieldError::Type::kNotFound:
      return {"Not found", "FieldValueNotFound", true};
  }
  return {"Invalid value", "FieldValueInvalid", true};
}

}  // namespace

std::string FieldError::Message() const {
  const TypeText kind = TextOf(type);
  std::string text(kind.text);
  if (kind.has_value) base::StrAppend(text, ": ", value);
  if (!detail.empty()) base::StrAppend(text, ": ", detail);
  return text;
}

std::string FieldError::ToString() const { return base::StrCat(path, ": ", Message()); }

std::string_view FieldError::Reason() const { return TextOf(type).reason; }

std::string InvalidText(std::string_view kind, std::string_view name,
                        const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  for (const FieldError& error : errors) {
    std::string text = error.ToString();
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) {
      texts.push_back(std::move(text));
    }
  }
  std::string out = base::StrCat(kind, " ", internal::Quote(name), " is invalid");
  if (texts.empty()) return out;
  const bool several = texts.size() > 1;
  base::StrAppend(out, ": ", several ? "[" : "", base::Join(texts, ", "), several ? "]" : "");
  return out;
}

namespace internal {

std::string Quote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '\t') {
      out.append("\\t");
    } else if (c == '\r') {
      out.append("\\r");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out.append("\\x");
      out.push_back(kHex[static_cast<size_t>(c) >> 4 & 15]);
      out.push_back(kHex[static_cast<size_t>(c) & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

void Findings::NotSupported(const Path& path, std::string_view text,
                            std::initializer_list<std::string_view> supported) {
  std::string detail = "supported values: ";
  bool first = true;
  for (const std::string_view value : supported) {
    base::StrAppend(detail, first ? "" : ", ", Quote(value));
    first = false;
  }
  Put(FieldError::Type::kNotSupported, path, Quote(text), detail);
}

void Findings::CheckOneOf(const Path& path, std::string_view text,
                          std::initializer_list<std::string_view> supported) {
  if (text.empty()) {
    Required(path);
  } else if (std::find(supported.begin(), supported.end(), text) == supported.end()) {
    NotSupported(path, text, supported);
  }
}

}  // namespace internal
}  // namespace berth::api
