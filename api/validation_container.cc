// SPDX-License-Identifier: Apache-2.0
#include "api/proto/core/v1/containers.pb.h"
#include "api/validation_names.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

template <class Ports>
void CheckPorts(const Ports& ports, const Path& path, PodNames& names, Findings& findings) {
  std::set<std::string> seen;
  for (int i = 0; i < ports.size(); ++i) {
    const core::v1::ContainerPort& port = ports[i];
    const Path at = path[i];
    if (!port.name().empty()) {
      const auto problems = PortNameProblems(port.name());
      findings.Check(at / "name", port.name(), problems);
      if (problems.empty() && !seen.insert(port.name()).second) {
        findings.Duplicate(at / "name", port.name());
      }
    }
    if (port.container_port() == 0) {
      findings.Required(at / "containerPort");
    } else {
      findings.CheckPort(at / "containerPort", port.container_port());
    }
    if (port.host_port() != 0) {
      findings.CheckPort(at / "hostPort", port.host_port());
      const std::string key =
          base::StrCat(port.protocol(), "/", port.host_ip(), "/", port.host_port());
      if (!names.host_ports.insert(key).second) findings.Duplicate(at / "hostPort", key);
    }
    findings.CheckOneOf(at / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
  }
}

void CheckFieldPath(const core::v1::ObjectFieldSelector& reference, const Path& path,
                    Findings& findings) {
  constexpr std::string_view kKnown[] = {"metadata.name",
                                         "metadata.namespace",
                                         "metadata.uid",
                                         "spec.nodeName",
                                         "spec.serviceAccountName",
                                         "status.hostIP",
                                         "status.hostIPs",
                                         "status.podIP",
                                         "status.podIPs"};
  const std::string& field = reference.field_path();
  if (field.empty()) return findings.Required(path / "fieldPath");
  if (std::find(std::begin(kKnown), std::end(kKnown), field) != std::end(kKnown)) return;
  if ((field.starts_with("metadata.annotations['") || field.starts_with("metadata.labels['")) &&
      field.ends_with("']")) {
    return;
  }
  findings.Invalid(path / "fieldPath", field,
                   base::StrCat("error converting fieldPath: field label not supported: ", field));
}

template <class Reference>
void CheckKeyRef(const Reference& reference, const Path& path, Findings& findings) {
  if (reference.local_object_reference().name().empty()) findings.Required(path / "name");
  if (reference.key().empty()) {
    findings.Required(path / "key");
  } else {
    findings.Check(path / "key", reference.key(), ConfigKeyProblems(reference.key()));
  }
}

void CheckValueFrom(const core::v1::EnvVar& env, const Path& path, Findings& findings) {
  const core::v1::EnvVarSource& source = env.value_from();
  const int kinds = source.has_field_ref() + source.has_resource_field_ref() +
                    source.has_config_map_key_ref() + source.has_secret_key_ref() +
                    source.has_file_key_ref();
  if (kinds == 0) {
    findings.Invalid(path, "",
                     "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
                     "`secretKeyRef` or `fileKeyRef`");
  } else if (!env.value().empty()) {
    findings.Invalid(path, "", "may not be specified when `value` is not empty");
  } else if (kinds > 1) {
    findings.Invalid(path, "", "may not have more than one field specified at a time");
  }
  if (source.has_field_ref()) CheckFieldPath(source.field_ref(), path / "fieldRef", findings);
  if (source.has_resource_field_ref() && source.resource_field_ref().resource().empty()) {
    findings.Required(path / "resourceFieldRef" / "resource");
  }
  if (source.has_config_map_key_ref()) {
    CheckKeyRef(source.config_map_key_ref(), path / "configMapKeyRef", findings);
  }
  if (source.has_secret_key_ref()) {
    CheckKeyRef(source.secret_key_ref(), path / "secretKeyRef", findings);
  }
}

template <class Container>
void CheckEnv(const Container& container, const Path& path, Findings& findings) {
  for (int i = 0; i < container.env_size(); ++i) {
    const auto& env = container.env(i);
    const Path at = (path / "env")[i];
    if (env.name().empty()) {
      findings.Required(at / "name");
    } else {
      findings.Check(at / "name", env.name(), EnvNameProblem(env.name()));
    }
    if (env.has_value_from()) CheckValueFrom(env, at / "valueFrom", findings);
  }
  for (int i = 0; i < container.env_from_size(); ++i) {
    const auto& from = container.env_from(i);
    const Path at = (path / "envFrom")[i];
    if (!from.prefix().empty()) {
      findings.Check(at / "prefix", from.prefix(), EnvNameProblem(from.prefix()));
    }
    if (from.has_config_map_ref() == from.has_secret_ref()) {
      findings.Invalid(at, "",
                       from.has_secret_ref()
                           ? "may not have more than one field specified at a time"
                           : "must specify one of: `configMapRef` or `secretRef`");
    }
    if (from.has_config_map_ref() &&
        from.config_map_ref().local_object_reference().name().empty()) {
      findings.Required(at / "configMapRef" / "name");
    }
    if (from.has_secret_ref() && from.secret_ref().local_object_reference().name().empty()) {
      findings.Required(at / "secretRef" / "name");
    }
  }
}

template <class Container>
void CheckMounts(const Container& container, const Path& path, const PodNames& names,
                 Findings& findings) {
  std::set<std::string> paths;
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    const auto& mount = container.volume_mounts(i);
    const Path at = path[i];
    if (mount.name().empty()) {
      findings.Required(at / "name");
    } else if (!names.volumes.contains(mount.name())) {
      findings.NotFound(at / "name", mount.name());
    }
    if (mount.mount_path().empty()) {
      findings.Required(at / "mountPath");
    } else if (!paths.insert(mount.mount_path()).second) {
      findings.Invalid(at / "mountPath", mount.mount_path(), "must be unique");
    }
    findings.Check(at / "subPath", mount.sub_path(), RelativePathProblem(mount.sub_path()));
    if (!mount.sub_path_expr().empty()) {
      if (!mount.sub_path().empty()) {
        findings.Invalid(at / "subPathExpr", mount.sub_path_expr(),
                         "subPathExpr and subPath are mutually exclusive");
      }
      findings.Check(at / "subPathExpr", mount.sub_path_expr(),
                     RelativePathProblem(mount.sub_path_expr()));
    }
    if (mount.has_mount_propagation()) {
      findings.CheckOneOf(at / "mountPropagation", mount.mount_propagation(),
                          {"Bidirectional", "HostToContainer", "None"});
      if (mount.mount_propagation() == "Bidirectional" &&
          !container.security_context().privileged()) {
        findings.Forbidden(
            at / "mountPropagation",
            "Bidirectional mount propagation is available only to privileged containers");
      }
    }
  }
}

template <class Container>
void CheckCommon(const Container& container, const Path& path, PodNames& names,
                 Findings& findings) {
  if (container.name().empty()) {
    findings.Required(path / "name");
  } else {
    findings.Check(path / "name", container.name(), Dns1123LabelProblem(container.name()));
    if (!names.containers.insert(container.name()).second) {
      findings.Duplicate(path / "name", container.name());
    }
  }
  const std::string& image = container.image();
  if (image.empty()) {
    findings.Required(path / "image");
  } else if (base::Trim(image).size() != image.size()) {
    findings.Invalid(path / "image", image, "must not have leading or trailing whitespace");
  }
  findings.CheckOneOf(path / "terminationMessagePolicy", container.termination_message_policy(),
                      {"FallbackToLogsOnError", "File"});
  findings.CheckOneOf(path / "imagePullPolicy", container.image_pull_policy(),
                      {"Always", "IfNotPresent", "Never"});
  CheckPorts(container.ports(), path / "ports", names, findings);
  CheckEnv(container, path, findings);
  CheckMounts(container, path / "volumeMounts", names, findings);
  CheckResources(container.resources(), path / "resources", findings);
}

void CheckProbes(const core::v1::Container& container, const Path& path, Findings& findings) {
  if (container.has_liveness_probe()) {
    CheckProbe(container.liveness_probe(), ProbeKind::kLiveness, path / "livenessProbe", findings);
  }
  if (container.has_readiness_probe()) {
    CheckProbe(container.readiness_probe(), ProbeKind::kReadiness, path / "readinessProbe",
               findings);
  }
  if (container.has_startup_probe()) {
    CheckProbe(container.startup_probe(), ProbeKind::kStartup, path / "startupProbe", findings);
  }
  if (container.has_lifecycle()) {
    CheckLifecycle(container.lifecycle(), path / "lifecycle", findings);
  }
}

}  // namespace

void CheckContainer(const core::v1::Container& container, const Path& path, PodNames& names,
                    Findings& findings) {
  CheckCommon(container, path, names, findings);
  CheckProbes(container, path, findings);
  if (container.has_restart_policy()) {
    findings.CheckOneOf(path / "restartPolicy", container.restart_policy(),
                        {"Always", "Never", "OnFailure"});
  }
}

void CheckInitContainer(const core::v1::Container& container, const Path& path, PodNames& names,
                        Findings& findings) {
  CheckCommon(container, path, names, findings);
  if (container.has_restart_policy()) {
    findings.CheckOneOf(path / "restartPolicy", container.restart_policy(),
                        {"Always", "Never", "OnFailure"});
  }
  if (container.restart_policy() == "Always") return CheckProbes(container, path, findings);
  const auto forbid = [&](bool set, std::string_view name) {
    if (set) {
      findings.Forbidden(path / name,
                         "may not be set for init containers without restartPolicy=Always");
    }
  };
  forbid(container.has_lifecycle(), "lifecycle");
  forbid(container.has_liveness_probe(), "livenessProbe");
  forbid(container.has_readiness_probe(), "readinessProbe");
  forbid(container.has_startup_probe(), "startupProbe");
}

void CheckEphemeralContainer(const core::v1::EphemeralContainerCommon& container, const Path& path,
                             PodNames& names, Findings& findings) {
  CheckCommon(container, path, names, findings);
  const auto forbid = [&](bool set, const Path& at) {
    if (set) findings.Forbidden(at, "cannot be set for an Ephemeral Container");
  };
  forbid(container.ports_size() > 0, path / "ports");
  forbid(container.resources().ByteSizeLong() > 0, path / "resources");
  forbid(container.resize_policy_size() > 0, path / "resizePolicy");
  forbid(container.has_restart_policy(), path / "restartPolicy");
  forbid(container.restart_policy_rules_size() > 0, path / "restartPolicyRules");
  forbid(container.has_lifecycle(), path / "lifecycle");
  forbid(container.has_liveness_probe(), path / "livenessProbe");
  forbid(container.has_readiness_probe(), path / "readinessProbe");
  forbid(container.has_startup_probe(), path / "startupProbe");
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    const Path at = (path / "volumeMounts")[i];
    forbid(!container.volume_mounts(i).sub_path().empty(), at / "subPath");
    forbid(!container.volume_mounts(i).sub_path_expr().empty(), at / "subPathExpr");
  }
}

}  // namespace berth::api::internal
