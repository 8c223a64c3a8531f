// SPDX-License-Identifier: Apache-2.0
#include "api/field_plan.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "api/object.h"
#include "api/proto/go_facts.pb.h"
#include "base/mutex.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

class PlanCache {
 public:
  const TypePlan& Get(const Descriptor& type) {
    base::MutexLock l(mu_);
    return Make(type);
  }

 private:
  TypePlan& Make(const Descriptor& type) BERTH_REQUIRES(mu_) {
    const auto [it, fresh] = plans_.try_emplace(&type, nullptr);
    if (!fresh) return *it->second;
    TypePlan& plan = storage_.emplace_back();
    it->second = &plan;  // before the fields: a type may hold itself
    plan.type = &type;
    const GoMessage& facts = type.options().GetExtension(message);
    plan.shape = facts.shape();
    plan.kind = facts.kind();
    if (plan.kind) {
      const GroupVersionKind kind = KindOf(type);
      plan.kind_prefix =
          base::StrCat(R"("kind":")", kind.kind, R"(","apiVersion":")", kind.ApiVersion(), "\"");
    }
    plan.fields.reserve(type.field_count());
    for (int i = 0; i < type.field_count(); ++i) plan.fields.push_back(MakeField(*type.field(i)));
    if (plan.kind) MarkLists(plan);
    for (const FieldPlan& field : plan.fields) {
      plan.by_number.push_back(&field);
      AddMembers(field, plan);
    }
    std::sort(plan.by_number.begin(), plan.by_number.end(),
              [](auto* a, auto* b) { return a->field->number() < b->field->number(); });
    return plan;
  }

  FieldPlan MakeField(const FieldDescriptor& field) BERTH_REQUIRES(mu_) {
    const GoField& facts = field.options().GetExtension(go);
    FieldPlan plan;
    plan.field = &field;
    plan.inline_ = facts.inline_();
    plan.omitempty = facts.omitempty();
    plan.omitzero = facts.omitzero();
    plan.pointer = facts.pointer();
    plan.json_name = field.json_name();
    plan.json_prefix = base::StrCat("\"", plan.json_name, "\":");
    const Descriptor* type = field.message_type();
    if (field.is_map()) {
      plan.shape = FieldShape::kMap;
      plan.map_key = type->map_key();
      plan.map_value = type->map_value();
      type = plan.map_value->message_type();
    } else if (field.is_repeated()) {
      plan.shape = FieldShape::kList;
    } else if (type != nullptr) {
      plan.shape = FieldShape::kMessage;
    }
    if (type != nullptr) plan.type = &Make(*type);
    return plan;
  }

  // The items of a list, and what discovery lists.
  static void MarkLists(TypePlan& plan) {
    const bool is_meta = plan.type->file()->package() == "berth.api.meta.v1";
    for (FieldPlan& field : plan.fields) {
      const bool made = !field.omitempty && (is_meta || field.json_name == "items");
      field.never_null = field.shape == FieldShape::kList && made;
    }
  }

  static void AddMembers(const FieldPlan& field, TypePlan& plan) {
    if (!field.inline_) {
      plan.members[field.json_name] = MemberPlan{{}, &field};
      return;
    }
    for (const auto& [name, inner] : field.type->members) {
      MemberPlan member = inner;
      member.inlined.insert(member.inlined.begin(), field.field);
      plan.members[name] = std::move(member);
    }
  }

  base::Mutex mu_;
  absl::flat_hash_map<const Descriptor*, TypePlan*> plans_ BERTH_GUARDED_BY(mu_);
  std::deque<TypePlan> storage_ BERTH_GUARDED_BY(mu_);
};

}  // namespace

const TypePlan& PlanOf(const Descriptor& type) {
  // Each thread remembers what it has seen, so that the lock is taken once per type and thread.
  thread_local absl::flat_hash_map<const Descriptor*, const TypePlan*> seen;
  const TypePlan*& plan = seen[&type];
  if (plan == nullptr) {
    static auto& cache = *new PlanCache;
    plan = &cache.Get(type);
  }
  return *plan;
}

}  // namespace berth::api
