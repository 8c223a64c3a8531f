// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "api/proto/go_facts.pb.h"
#include "api/selector.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::FieldDescriptor;

// Splits at commas that no backslash stands before; the pieces keep their backslashes.
std::vector<std::string_view> SplitTerms(std::string_view text) {
  std::vector<std::string_view> terms;
  size_t start = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == ',') {
      terms.push_back(text.substr(start, at - start));
      start = at + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

absl::StatusOr<std::string> Unescape(std::string_view value) {
  std::string text;
  for (size_t at = 0; at < value.size(); ++at) {
    if (value[at] == ',' || value[at] == '=') {
      return base::InvalidArgument("invalid field selector: unescaped character in value: ",
                                   value[at]);
    }
    if (value[at] == '\\') {
      ++at;
      if (at == value.size() ||
          std::string_view("\\,=").find(value[at]) == std::string_view::npos) {
        return base::InvalidArgument("invalid field selector: invalid escape sequence: ",
                                     value.substr(at - 1));
      }
    }
    text.push_back(value[at]);
  }
  return text;
}

std::string Escape(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == ',' || c == '=') text.push_back('\\');
    text.push_back(c);
  }
  return text;
}

absl::StatusOr<FieldSelector::Term> ReadTerm(std::string_view text, std::string_view whole) {
  const size_t at = text.find_first_of("=!");
  if (at == std::string_view::npos || (text[at] == '!' && text.substr(at, 2) != "!=")) {
    return base::InvalidArgument("invalid selector: '", whole, "'; can't understand '", text, "'");
  }
  FieldSelector::Term term;
  term.path = std::string(text.substr(0, at));
  term.equal = text[at] == '=';
  const size_t length = text.substr(at, 2) == "==" || !term.equal ? 2 : 1;
  ASSIGN_OR_RETURN(term.value, Unescape(text.substr(at + length)));
  return term;
}

// The field by its JSON name, and the message that holds it (an inlined member, perhaps).
std::pair<const Message*, const FieldDescriptor*> Find(const Message& message,
                                                       std::string_view name) {
  const google::protobuf::Descriptor* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->options().GetExtension(go).inline_()) {
      const auto found = Find(message.GetReflection()->GetMessage(message, field), name);
      if (found.second != nullptr) return found;
    } else if (field->json_name() == name) {
      return {&message, field};
    }
  }
  return {nullptr, nullptr};
}

std::optional<std::string> ScalarText(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& fields = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return fields.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return fields.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return base::StrCat(fields.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return base::StrCat(fields.GetInt64(message, &field));
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> FieldText(const Message& object, std::string_view path) {
  const Message* message = &object;
  while (true) {
    const auto [name, rest] = base::SplitOnce(path, '.');
    const auto [holder, field] = Find(*message, name);
    if (field == nullptr || field->is_repeated()) return std::nullopt;
    if (!rest) return ScalarText(*holder, *field);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return std::nullopt;
    message = &holder->GetReflection()->GetMessage(*holder, field);
    path = *rest;
  }
}

absl::StatusOr<FieldSelector> FieldSelector::Parse(std::string_view text,
                                                   std::span<const std::string_view> allowed) {
  FieldSelector selector;
  for (const std::string_view piece : SplitTerms(text)) {
    if (piece.empty()) continue;
    ASSIGN_OR_RETURN(Term term, ReadTerm(piece, text));
    if (std::find(allowed.begin(), allowed.end(), term.path) == allowed.end()) {
      return base::InvalidArgument("field label not supported: ", term.path);
    }
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool FieldSelector::Matches(const Message& object) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return (FieldText(object, term.path).value_or("") == term.value) == term.equal;
  });
}

std::optional<std::string_view> FieldSelector::Required(std::string_view path) const {
  for (const Term& term : terms_) {
    if (term.equal && term.path == path) return term.value;
  }
  return std::nullopt;
}

std::string FieldSelector::ToString() const {
  std::string text;
  for (const Term& term : terms_) {
    base::StrAppend(text, text.empty() ? "" : ",", term.path,
                    term.equal ? "=" : "!=", Escape(term.value));
  }
  return text;
}

}  // namespace berth::api
