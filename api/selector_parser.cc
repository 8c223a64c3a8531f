// SPDX-License-Identifier: Apache-2.0
#include "api/selector_parser.h"

#include <set>

#include "base/status.h"
#include "base/strings.h"

namespace berth::api::internal {
namespace {

using Operator = LabelRequirement::Operator;

// A token is its text, and whether it is a symbol. The end is a symbol with an empty text.
struct Token {
  std::string_view text;
  bool symbol = false;

  bool Is(std::string_view s) const { return symbol && text == s; }
  bool IsEnd() const { return Is(""); }
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsSpecial(char c) { return std::string_view("=!(),<>").find(c) != std::string_view::npos; }

std::vector<Token> Tokens(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = 0;
  while (at < text.size()) {
    if (IsSpace(text[at])) {
      ++at;
      continue;
    }
    size_t length = 0;
    const bool symbol = IsSpecial(text[at]);
    if (symbol) {
      const std::string_view two = text.substr(at, 2);
      length = two == "==" || two == "!=" ? 2 : 1;
    } else {
      while (at + length < text.size() && !IsSpace(text[at + length]) &&
             !IsSpecial(text[at + length])) {
        ++length;
      }
    }
    tokens.push_back({text.substr(at, length), symbol});
    at += length;
  }
  tokens.push_back({"", true});
  return tokens;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(Tokens(text)) {}

  absl::StatusOr<std::vector<LabelRequirement>> Parse() {
    std::vector<LabelRequirement> requirements;
    if (Peek().IsEnd()) return requirements;
    if (!StartsRequirement()) {
      return base::InvalidArgument("found '", Peek().text,
                                   "', expected: !, identifier, or 'end of string'");
    }
    while (true) {
      absl::StatusOr<LabelRequirement> requirement = Requirement();
      if (!requirement.ok()) {
        return base::InvalidArgument("unable to parse requirement: ",
                                     base::Message(requirement.status()));
      }
      requirements.push_back(*std::move(requirement));
      const Token next = Take();
      if (next.IsEnd()) return requirements;
      if (!next.Is(",")) {
        return base::InvalidArgument("found '", next.text, "', expected: ',' or 'end of string'");
      }
      if (!StartsRequirement()) {
        return base::InvalidArgument("found '", Peek().text, "', expected: identifier after ','");
      }
    }
  }

 private:
  const Token& Peek() const { return tokens_[at_]; }
  Token Take() {
    const Token token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool StartsRequirement() const { return !Peek().symbol || Peek().Is("!"); }

  absl::StatusOr<LabelRequirement> Requirement() {
    LabelRequirement r;
    const bool negated = Peek().Is("!");
    if (negated) Take();
    const Token key = Take();
    if (key.symbol) {
      return base::InvalidArgument("found '", key.text, "', expected: identifier");
    }
    r.key = std::string(key.text);
    if (Peek().IsEnd() || Peek().Is(",")) {
      r.op = negated ? Operator::kDoesNotExist : Operator::kExists;
    } else {
      RETURN_IF_ERROR(ReadOperator(r));
    }
    RETURN_IF_ERROR(CheckRequirement(r));
    return r;
  }

  absl::Status ReadOperator(LabelRequirement& r) {
    const Token op = Take();
    if (!op.symbol && (op.text == "in" || op.text == "notin")) {
      r.op = op.text == "in" ? Operator::kIn : Operator::kNotIn;
      return ReadSet(r);
    }
    if (op.Is("=") || op.Is("==")) {
      r.op = Operator::kIn;
    } else if (op.Is("!=")) {
      r.op = Operator::kNotIn;
    } else if (op.Is(">") || op.Is("<")) {
      r.op = op.Is(">") ? Operator::kGreaterThan : Operator::kLessThan;
    } else {
      return base::InvalidArgument("found '", op.text, "', expected: in, notin, =, ==, !=, gt, lt");
    }
    if (Peek().IsEnd() || Peek().Is(",")) {
      r.values = {""};
      return absl::OkStatus();
    }
    const Token value = Take();
    if (value.symbol) {
      return base::InvalidArgument("found '", value.text, "', expected: identifier");
    }
    r.values = {std::string(value.text)};
    return absl::OkStatus();
  }

  // "(a,b)"; "(,a)" and "(a,)" have the empty value in them.
  absl::Status ReadSet(LabelRequirement& r) {
    const Token open = Take();
    if (!open.Is("(")) return base::InvalidArgument("found '", open.text, "' expected: '('");
    std::set<std::string> values;
    if (Peek().Is(")")) {
      Take();
      return absl::OkStatus();
    }
    while (true) {
      if (!Peek().symbol) {
        values.insert(std::string(Take().text));
      } else if (Peek().Is(",") || (Peek().Is(")") && !values.empty())) {
        values.insert("");
      } else {
        return base::InvalidArgument("found '", Peek().text, "', expected: ',', ')' or identifier");
      }
      const Token next = Take();
      if (next.Is(")")) break;
      if (!next.Is(",")) {
        return base::InvalidArgument("found '", next.text, "', expected: ',' or ')'");
      }
    }
    r.values.assign(values.begin(), values.end());
    return absl::OkStatus();
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<LabelRequirement>> ParseLabelSelector(std::string_view text) {
  return Parser(text).Parse();
}

absl::Status CheckRequirement(const LabelRequirement& r) {
  if (const auto problems = QualifiedNameProblems(r.key); !problems.empty()) {
    return base::InvalidArgument("key: Invalid value: \"", r.key,
                                 "\": ", base::Join(problems, "; "));
  }
  switch (r.op) {
    case Operator::kIn:
    case Operator::kNotIn:
      if (r.values.empty()) {
        return base::InvalidArgument(
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
      }
      break;
    case Operator::kExists:
    case Operator::kDoesNotExist:
      if (!r.values.empty()) {
        return base::InvalidArgument("values: Invalid value: [\"", base::Join(r.values, "\",\""),
                                     "\"]: values set must be empty for exists and does not exist");
      }
      break;
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      if (r.values.size() != 1 || !base::ParseInt<int64_t>(r.values[0])) {
        return base::InvalidArgument("values[0]: Invalid value: \"", base::Join(r.values, ","),
                                     "\": for 'Gt', 'Lt' operators, the value must be an integer");
      }
      break;
  }
  for (size_t i = 0; i < r.values.size(); ++i) {
    if (const auto problems = LabelValueProblems(r.values[i]); !problems.empty()) {
      return base::InvalidArgument("values[", i, "][", r.key, "]: Invalid value: \"", r.values[i],
                                   "\": ", base::Join(problems, "; "));
    }
  }
  return absl::OkStatus();
}

}  // namespace berth::api::internal
