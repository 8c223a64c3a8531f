// SPDX-License-Identifier: Apache-2.0
#include "api/validation_meta.h"

#include <algorithm>
#include <map>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/validation_names.h"

namespace berth::api::internal {
namespace {

constexpr int64_t kMaxAnnotations = 256 * 1024;

std::string NameProblem(std::string_view name, NameRule rule) {
  switch (rule) {
    case NameRule::kSubdomain:
      return Dns1123SubdomainProblem(name);
    case NameRule::kLabel:
      return Dns1123LabelProblem(name);
    case NameRule::k1035Label:
      return Dns1035LabelProblem(name);
    case NameRule::kPathSegment:
      return PathSegmentProblem(name);
  }
  return "";
}

void CheckName(const meta::v1::ObjectMeta& meta, NameRule rule, Scope scope, const Path& path,
               Findings& findings) {
  if (!meta.generate_name().empty()) {
    std::string prefix = meta.generate_name();
    // What is appended makes a trailing dash harmless.
    if (prefix.size() > 1 && prefix.back() == '-') prefix.back() = 'a';
    findings.Check(path / "generateName", meta.generate_name(), NameProblem(prefix, rule));
  }
  if (!meta.name().empty()) {
    findings.Check(path / "name", meta.name(), NameProblem(meta.name(), rule));
  } else if (scope != Scope::kUnknown) {
    findings.Required(path / "name", "name or generateName is required");
  }
}

void CheckOwners(const meta::v1::ObjectMeta& meta, const Path& path, Findings& findings) {
  const meta::v1::OwnerReference* controller = nullptr;
  for (int i = 0; i < meta.owner_references_size(); ++i) {
    const auto& owner = meta.owner_references(i);
    const Path at = path[i];
    if (owner.api_version().empty()) {
      findings.Invalid(at / "apiVersion", "", "version must not be empty");
    }
    if (owner.kind().empty()) findings.Invalid(at / "kind", "", "must not be empty");
    if (owner.name().empty()) findings.Invalid(at / "name", "", "must not be empty");
    if (owner.uid().empty()) findings.Invalid(at / "uid", "", "must not be empty");
    if (!owner.controller()) continue;
    if (controller != nullptr) {
      findings.InvalidJson(
          path, base::StrCat("[", Quote(controller->name()), ",", Quote(owner.name()), "]"),
          base::StrCat("Only one reference can have Controller set to true. Found \"true\" in "
                       "references for ",
                       controller->name(), " and ", owner.name()));
    }
    controller = &owner;
  }
}

void CheckFinalizers(const meta::v1::ObjectMeta& meta, const Path& path, Findings& findings) {
  for (const std::string& finalizer : meta.finalizers()) {
    findings.Check(path, finalizer, QualifiedNameProblems(finalizer));
    if (finalizer.find('/') == std::string::npos && finalizer != "kubernetes" &&
        finalizer != "orphan" && finalizer != "foregroundDeletion") {
      findings.Invalid(path, finalizer,
                       "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
}

}  // namespace

void CheckMeta(const meta::v1::ObjectMeta& meta, NameRule rule, Scope scope, Findings& findings) {
  const Path path("metadata");
  CheckName(meta, rule, scope, path, findings);
  if (scope == Scope::kNamespaced) {
    if (meta.namespace_().empty()) {
      findings.Required(path / "namespace");
    } else {
      findings.Check(path / "namespace", meta.namespace_(), Dns1123LabelProblem(meta.namespace_()));
    }
  } else if (scope == Scope::kCluster && !meta.namespace_().empty()) {
    findings.Forbidden(path / "namespace", "not allowed on this type");
  }
  findings.CheckNotNegative(path / "generation", meta.generation());
  CheckLabels(meta.labels(), path / "labels", findings);
  CheckAnnotations(meta.annotations(), path / "annotations", findings);
  CheckOwners(meta, path / "ownerReferences", findings);
  CheckFinalizers(meta, path / "finalizers", findings);
}

void CheckMetaUpdate(const meta::v1::ObjectMeta& meta, const meta::v1::ObjectMeta& old,
                     Findings& findings) {
  const Path path("metadata");
  constexpr std::string_view kImmutable = "field is immutable";
  if (meta.name() != old.name()) findings.Invalid(path / "name", meta.name(), kImmutable);
  if (meta.namespace_() != old.namespace_()) {
    findings.Invalid(path / "namespace", meta.namespace_(), kImmutable);
  }
  if (meta.uid() != old.uid()) findings.Invalid(path / "uid", meta.uid(), kImmutable);
  if (meta.creation_timestamp().seconds() != old.creation_timestamp().seconds()) {
    findings.InvalidNumber(path / "creationTimestamp", meta.creation_timestamp().seconds(),
                           kImmutable);
  }
  if (old.has_deletion_timestamp() &&
      meta.deletion_timestamp().seconds() != old.deletion_timestamp().seconds()) {
    findings.InvalidNumber(path / "deletionTimestamp", meta.deletion_timestamp().seconds(),
                           kImmutable);
  }
  if (meta.generation() < old.generation()) {
    findings.InvalidNumber(path / "generation", meta.generation(), "must not be decremented");
  }
  if (!old.has_deletion_timestamp()) return;
  for (const std::string& finalizer : meta.finalizers()) {
    if (std::find(old.finalizers().begin(), old.finalizers().end(), finalizer) ==
        old.finalizers().end()) {
      findings.Forbidden(path / "finalizers",
                         base::StrCat("no new finalizers can be added if the object is being "
                                      "deleted, found new finalizers []string{",
                                      Quote(finalizer), "}"));
    }
  }
}

void CheckLabels(const LabelMap& labels, const Path& path, Findings& findings) {
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  for (const auto& [key, value] : sorted) {
    findings.Check(path, key, QualifiedNameProblems(key));
    findings.Check(path, value, LabelValueProblems(value));
  }
}

void CheckAnnotations(const LabelMap& annotations, const Path& path, Findings& findings) {
  int64_t size = 0;
  const std::map<std::string, std::string> sorted(annotations.begin(), annotations.end());
  for (const auto& [key, value] : sorted) {
    findings.Check(path, key, QualifiedNameProblems(base::ToLower(key)));
    size += static_cast<int64_t>(key.size() + value.size());
  }
  if (size > kMaxAnnotations) findings.TooLong(path, kMaxAnnotations);
}

std::string LabelsText(const LabelMap& labels) {
  std::string text = "{";
  for (const auto& [key, value] :
       std::map<std::string, std::string>(labels.begin(), labels.end())) {
    base::StrAppend(text, text.size() == 1 ? "" : ",", Quote(key), ":", Quote(value));
  }
  return text + "}";
}

void CheckLabelSelector(const meta::v1::LabelSelector& selector, const Path& path,
                        Findings& findings) {
  CheckLabels(selector.match_labels(), path / "matchLabels", findings);
  for (int i = 0; i < selector.match_expressions_size(); ++i) {
    const auto& expression = selector.match_expressions(i);
    const Path at = (path / "matchExpressions")[i];
    const std::string& op = expression.operator_();
    if (op == "In" || op == "NotIn") {
      if (expression.values_size() == 0) {
        findings.Required(at / "values", "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (expression.values_size() > 0) {
        findings.Forbidden(at / "values",
                           "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else {
      findings.Invalid(at / "operator", op, "not a valid selector operator");
    }
    findings.Check(at / "key", expression.key(), QualifiedNameProblems(expression.key()));
    for (int j = 0; j < expression.values_size(); ++j) {
      findings.Check((at / "values")[j], expression.values(j),
                     LabelValueProblems(expression.values(j)));
    }
  }
}

}  // namespace berth::api::internal
