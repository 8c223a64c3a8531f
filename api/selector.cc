// SPDX-License-Identifier: Apache-2.0
#include "api/selector.h"

#include <google/protobuf/map.h>

#include <algorithm>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/selector_parser.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using Operator = LabelRequirement::Operator;

std::string TextOf(const LabelRequirement& r) {
  switch (r.op) {
    case Operator::kExists:
      return r.key;
    case Operator::kDoesNotExist:
      return base::StrCat("!", r.key);
    case Operator::kGreaterThan:
      return base::StrCat(r.key, ">", r.values[0]);
    case Operator::kLessThan:
      return base::StrCat(r.key, "<", r.values[0]);
    case Operator::kIn:
      if (r.values.size() == 1) return base::StrCat(r.key, "=", r.values[0]);
      return base::StrCat(r.key, " in (", base::Join(r.values, ","), ")");
    case Operator::kNotIn:
      if (r.values.size() == 1) return base::StrCat(r.key, "!=", r.values[0]);
      return base::StrCat(r.key, " notin (", base::Join(r.values, ","), ")");
  }
  return "";
}

void SortByKey(std::vector<LabelRequirement>& requirements) {
  std::stable_sort(requirements.begin(), requirements.end(),
                   [](const auto& a, const auto& b) { return a.key < b.key; });
}

// The object's own labels; null when it has no metadata.
const LabelMap* LabelsOf(const Message& object) {
  const google::protobuf::FieldDescriptor* field =
      object.GetDescriptor()->FindFieldByName("metadata");
  if (field == nullptr || field->message_type() != meta::v1::ObjectMeta::descriptor()) {
    return nullptr;
  }
  return &static_cast<const meta::v1::ObjectMeta&>(
              object.GetReflection()->GetMessage(object, field))
              .labels();
}

}  // namespace

bool LabelRequirement::Matches(const std::string* value) const {
  switch (op) {
    case Operator::kExists:
      return value != nullptr;
    case Operator::kDoesNotExist:
      return value == nullptr;
    case Operator::kIn:
      return value != nullptr && std::binary_search(values.begin(), values.end(), *value);
    case Operator::kNotIn:
      return value == nullptr || !std::binary_search(values.begin(), values.end(), *value);
    case Operator::kGreaterThan:
    case Operator::kLessThan: {
      if (value == nullptr) return false;
      const auto left = base::ParseInt<int64_t>(*value);
      const auto right = base::ParseInt<int64_t>(values[0]);
      if (!left || !right) return false;
      return op == Operator::kGreaterThan ? *left > *right : *left < *right;
    }
  }
  return false;
}

LabelSelector LabelSelector::Nothing() {
  LabelSelector selector;
  selector.nothing_ = true;
  return selector;
}

absl::StatusOr<LabelSelector> LabelSelector::Parse(std::string_view text) {
  LabelSelector selector;
  ASSIGN_OR_RETURN(selector.requirements_, internal::ParseLabelSelector(text));
  SortByKey(selector.requirements_);
  return selector;
}

absl::StatusOr<LabelSelector> LabelSelector::Of(const meta::v1::LabelSelector& message) {
  LabelSelector selector = OfLabels(message.match_labels());
  for (const auto& [key, value] : message.match_labels()) {
    RETURN_IF_ERROR(internal::CheckRequirement({key, Operator::kIn, {value}}));
  }
  for (const auto& expression : message.match_expressions()) {
    LabelRequirement r;
    r.key = expression.key();
    const std::string& op = expression.operator_();
    if (op == "In") {
      r.op = Operator::kIn;
    } else if (op == "NotIn") {
      r.op = Operator::kNotIn;
    } else if (op == "Exists") {
      r.op = Operator::kExists;
    } else if (op == "DoesNotExist") {
      r.op = Operator::kDoesNotExist;
    } else {
      return base::InvalidArgument("\"", op, "\" is not a valid label selector operator");
    }
    r.values.assign(expression.values().begin(), expression.values().end());
    std::sort(r.values.begin(), r.values.end());
    r.values.erase(std::unique(r.values.begin(), r.values.end()), r.values.end());
    RETURN_IF_ERROR(internal::CheckRequirement(r));
    selector.requirements_.push_back(std::move(r));
  }
  SortByKey(selector.requirements_);
  return selector;
}

LabelSelector LabelSelector::OfLabels(const LabelMap& labels) {
  LabelSelector selector;
  for (const auto& [key, value] : labels) {
    selector.requirements_.push_back({key, Operator::kIn, {value}});
  }
  SortByKey(selector.requirements_);
  return selector;
}

template <class Find>
bool LabelSelector::MatchesWith(const Find& find) const {
  if (nothing_) return false;
  return std::all_of(requirements_.begin(), requirements_.end(),
                     [&](const LabelRequirement& r) { return r.Matches(find(r.key)); });
}

bool LabelSelector::Matches(const LabelMap& labels) const {
  return MatchesWith([&](const std::string& key) -> const std::string* {
    const auto found = labels.find(key);
    return found == labels.end() ? nullptr : &found->second;
  });
}

bool LabelSelector::Matches(const std::map<std::string, std::string>& labels) const {
  return MatchesWith([&](const std::string& key) -> const std::string* {
    const auto found = labels.find(key);
    return found == labels.end() ? nullptr : &found->second;
  });
}

bool LabelSelector::Matches(const Message& object) const {
  const LabelMap* labels = LabelsOf(object);
  return labels == nullptr ? Matches(std::map<std::string, std::string>()) : Matches(*labels);
}

std::string LabelSelector::ToString() const {
  std::string text;
  for (const LabelRequirement& r : requirements_) {
    base::StrAppend(text, text.empty() ? "" : ",", TextOf(r));
  }
  return text;
}

}  // namespace berth::api
