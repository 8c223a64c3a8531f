// SPDX-License-Identifier: Apache-2.0
// The rules of metadata. For validation*.cc.
#ifndef BERTH_API_VALIDATION_META_H_
#define BERTH_API_VALIDATION_META_H_

#include <string>
#include <string_view>

#include "api/selector.h"
#include "api/validation_findings.h"

namespace berth::api::internal {

enum class NameRule { kSubdomain, kLabel, k1035Label, kPathSegment };
// kUnknown: of a kind that may have no name and whose scope is not known here.
enum class Scope { kNamespaced, kCluster, kUnknown };

void CheckMeta(const meta::v1::ObjectMeta& meta, NameRule rule, Scope scope, Findings& findings);
void CheckMetaUpdate(const meta::v1::ObjectMeta& meta, const meta::v1::ObjectMeta& old,
                     Findings& findings);
void CheckLabels(const LabelMap& labels, const Path& path, Findings& findings);
void CheckAnnotations(const LabelMap& annotations, const Path& path, Findings& findings);
// As upstream prints maps and lists of strings: sorted JSON.
std::string LabelsText(const LabelMap& labels);
void CheckLabelSelector(const meta::v1::LabelSelector& selector, const Path& path,
                        Findings& findings);

}  // namespace berth::api::internal

#endif  // BERTH_API_VALIDATION_META_H_
