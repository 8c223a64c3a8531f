// SPDX-License-Identifier: Apache-2.0
// Namespaces, secrets and nodes.
#include <algorithm>
#include <set>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/strategies/strategies.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Namespace;
using api::core::v1::Node;
using api::core::v1::Secret;
using base::StrCat;

// A namespace goes when its content is gone: the "kubernetes" finalizer of its spec says so.
class NamespaceStrategy : public Strategy {
 public:
  absl::Status PrepareForCreate(const WriteContext&, api::Message& object) override {
    auto& namespace_ = static_cast<Namespace&>(object);
    namespace_.mutable_status()->set_phase("Active");
    if (namespace_.spec().finalizers().empty()) {
      namespace_.mutable_spec()->add_finalizers("kubernetes");
    }
    Label(namespace_);
    return absl::OkStatus();
  }
  absl::Status PrepareForUpdate(const WriteContext&, const api::Message& old,
                                api::Message& object) override {
    auto& namespace_ = static_cast<Namespace&>(object);
    *namespace_.mutable_spec()->mutable_finalizers() =
        static_cast<const Namespace&>(old).spec().finalizers();
    Label(namespace_);
    return absl::OkStatus();
  }
  absl::Status MayDelete(const api::Message& object) override {
    const std::string& name = static_cast<const Namespace&>(object).metadata().name();
    if (name != "default" && name != "kube-system" && name != "kube-public") {
      return absl::OkStatus();
    }
    return ForbiddenError({"", "namespaces", "Namespace", name},
                          "this namespace may not be deleted");
  }
  void MarkDeleted(api::Message& object) override {
    static_cast<Namespace&>(object).mutable_status()->set_phase("Terminating");
  }
  bool Held(const api::Message& object) override {
    return !static_cast<const Namespace&>(object).spec().finalizers().empty();
  }

 private:
  static void Label(Namespace& namespace_) {
    (*namespace_.mutable_metadata()->mutable_labels())["kubernetes.io/metadata.name"] =
        namespace_.metadata().name();
  }
};

class SecretStrategy : public Strategy {
 public:
  absl::Status PrepareForCreate(const WriteContext&, api::Message& object) override {
    auto& secret = static_cast<Secret&>(object);
    TakeStrings(secret);
    if (secret.type().empty()) secret.set_type("Opaque");
    return absl::OkStatus();
  }
  absl::Status PrepareForUpdate(const WriteContext&, const api::Message& old,
                                api::Message& object) override {
    auto& secret = static_cast<Secret&>(object);
    TakeStrings(secret);
    if (secret.type().empty()) secret.set_type(static_cast<const Secret&>(old).type());
    return absl::OkStatus();
  }

 private:
  // stringData is for writing only.
  static void TakeStrings(Secret& secret) {
    for (const auto& [key, value] : secret.string_data()) (*secret.mutable_data())[key] = value;
    secret.clear_string_data();
  }
};

// Labels of kubernetes.io that a node may set on itself. The others, node roles above all, and
// those of node-restriction.kubernetes.io are for administrators to place pods by.
bool IsNodesOwnLabel(std::string_view label) {
  static constexpr std::string_view kOwn[] = {
      "kubernetes.io/hostname",
      "kubernetes.io/os",
      "kubernetes.io/arch",
      "beta.kubernetes.io/os",
      "beta.kubernetes.io/arch",
      "beta.kubernetes.io/instance-type",
      "node.kubernetes.io/instance-type",
      "node.kubernetes.io/windows-build",
      "topology.kubernetes.io/region",
      "topology.kubernetes.io/zone",
      "failure-domain.beta.kubernetes.io/region",
      "failure-domain.beta.kubernetes.io/zone",
  };
  const size_t slash = label.find('/');
  if (slash == std::string_view::npos) return true;
  const std::string_view prefix = label.substr(0, slash);
  const auto within = [&](std::string_view domain) {
    return prefix == domain ||
           (prefix.ends_with(domain) && prefix[prefix.size() - domain.size() - 1] == '.');
  };
  if (within("node-restriction.kubernetes.io")) return false;
  if (within("kubelet.kubernetes.io") || within("node.kubernetes.io")) return true;
  if (!within("kubernetes.io") && !within("k8s.io")) return true;
  return std::find(std::begin(kOwn), std::end(kOwn), label) != std::end(kOwn);
}

// The labels that differ and that the node may not change, sorted, as "a, b".
std::string ForbiddenLabelChanges(const Node& was, const Node& now) {
  std::set<std::string> changed;
  const auto compare = [&](const Node& one, const Node& other) {
    for (const auto& [name, value] : one.metadata().labels()) {
      const auto found = other.metadata().labels().find(name);
      if (found != other.metadata().labels().end() && found->second == value) continue;
      if (!IsNodesOwnLabel(name)) changed.insert(name);
    }
  };
  compare(was, now);
  compare(now, was);
  return base::Join(changed, ", ");
}

absl::Status CheckNodesOwnLabels(std::string_view self, const Node& was, const Node& now) {
  const std::string labels = ForbiddenLabelChanges(was, now);
  if (labels.empty()) return absl::OkStatus();
  return ForbiddenError({"", "nodes", "Node", now.metadata().name()},
                        StrCat("node \"", self, "\" is not allowed to modify labels: ", labels));
}

// A node writes its own Node object only, and not the fields by which others steer it.
class NodeStrategy : public Strategy {
 public:
  absl::Status PrepareForCreate(const WriteContext& context, api::Message& object) override {
    const auto& node = static_cast<const Node&>(object);
    const std::string_view self = context.user.Node();
    if (!self.empty() && node.metadata().name() != self) {
      return ForbiddenError({"", "nodes", "Node", node.metadata().name()},
                            StrCat("node \"", self, "\" is not allowed to modify node \"",
                                   node.metadata().name(), "\""));
    }
    return self.empty() ? absl::OkStatus() : CheckNodesOwnLabels(self, Node(), node);
  }
  absl::Status PrepareForUpdate(const WriteContext& context, const api::Message& old,
                                api::Message& object) override {
    const auto& was = static_cast<const Node&>(old);
    auto& node = static_cast<Node&>(object);
    // A podCIDR is given once.
    if (!was.spec().pod_cidr().empty() && node.spec().pod_cidr().empty()) {
      node.mutable_spec()->set_pod_cidr(was.spec().pod_cidr());
      *node.mutable_spec()->mutable_pod_cidrs() = was.spec().pod_cidrs();
    }
    if (context.user.Node().empty()) return absl::OkStatus();
    const bool taints_changed =
        was.spec().taints_size() != node.spec().taints_size() ||
        !std::equal(was.spec().taints().begin(), was.spec().taints().end(),
                    node.spec().taints().begin(), [](const auto& a, const auto& b) {
                      return a.key() == b.key() && a.value() == b.value() &&
                             a.effect() == b.effect();
                    });
    if (taints_changed) {
      return ForbiddenError(
          {"", "nodes", "Node", was.metadata().name()},
          StrCat("node \"", context.user.Node(), "\" is not allowed to modify taints"));
    }
    return CheckNodesOwnLabels(context.user.Node(), was, node);
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeNamespaceStrategy() { return std::make_unique<NamespaceStrategy>(); }
std::unique_ptr<Strategy> MakeSecretStrategy() { return std::make_unique<SecretStrategy>(); }
std::unique_ptr<Strategy> MakeNodeStrategy() { return std::make_unique<NodeStrategy>(); }

}  // namespace berth::controlplane
