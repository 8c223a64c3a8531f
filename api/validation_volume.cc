// SPDX-License-Identifier: Apache-2.0
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/quantity.h"
#include "api/validation_names.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

constexpr int64_t kShortestToken = 600;
constexpr int64_t kLongestToken = int64_t{1} << 32;

void CheckMode(bool set, int mode, const Path& path, Findings& findings) {
  if (set && (mode < 0 || mode > 0777)) {
    findings.InvalidNumber(path, mode,
                           "must be a number between 0 and 0777 (octal), both inclusive");
  }
}

void CheckFilePath(const std::string& file, const Path& path, Findings& findings) {
  if (file.empty()) {
    findings.Required(path);
    return;
  }
  findings.Check(path, file, RelativePathProblem(file));
  if (file.starts_with("..") && !file.starts_with("../") && file != "..") {
    findings.Invalid(path, file, "must not start with '..'");
  }
}

template <class Items>
void CheckItems(const Items& items, const Path& path, Findings& findings) {
  for (int i = 0; i < items.size(); ++i) {
    if (items[i].key().empty()) findings.Required(path[i] / "key");
    CheckFilePath(items[i].path(), path[i] / "path", findings);
    CheckMode(items[i].has_mode(), items[i].mode(), path[i] / "mode", findings);
  }
}

template <class Items>
void CheckDownward(const Items& items, const Path& path, Findings& findings) {
  for (int i = 0; i < items.size(); ++i) {
    CheckFilePath(items[i].path(), path[i] / "path", findings);
    CheckMode(items[i].has_mode(), items[i].mode(), path[i] / "mode", findings);
    if (items[i].has_field_ref() && items[i].has_resource_field_ref()) {
      findings.Invalid(path[i], "resource",
                       "fieldRef and resourceFieldRef can not be specified simultaneously");
    } else if (!items[i].has_field_ref() && !items[i].has_resource_field_ref()) {
      findings.Required(path[i], "one of fieldRef and resourceFieldRef is required");
    }
  }
}

void CheckToken(const core::v1::ServiceAccountTokenProjection& token, const Path& path,
                Findings& findings) {
  const Path at = path / "expirationSeconds";
  if (token.expiration_seconds() < kShortestToken) {
    findings.InvalidNumber(at, token.expiration_seconds(),
                           "may not specify a duration less than 10 minutes");
  }
  if (token.expiration_seconds() > kLongestToken) {
    findings.InvalidNumber(at, token.expiration_seconds(),
                           "may not specify a duration larger than 2^32 seconds");
  }
  CheckFilePath(token.path(), path / "path", findings);
}

void CheckProjection(const core::v1::VolumeProjection& source, const Path& path,
                     Findings& findings) {
  const int kinds = source.has_secret() + source.has_config_map() + source.has_downward_api() +
                    source.has_service_account_token() + source.has_cluster_trust_bundle() +
                    source.has_pod_certificate();
  if (kinds > 1) findings.Forbidden(path, "may not specify more than 1 volume type");
  if (source.has_secret()) {
    const Path at = path / "secret";
    if (source.secret().local_object_reference().name().empty()) findings.Required(at / "name");
    CheckItems(source.secret().items(), at / "items", findings);
  }
  if (source.has_config_map()) {
    const Path at = path / "configMap";
    if (source.config_map().local_object_reference().name().empty()) {
      findings.Required(at / "name");
    }
    CheckItems(source.config_map().items(), at / "items", findings);
  }
  if (source.has_downward_api()) {
    CheckDownward(source.downward_api().items(), path / "downwardAPI" / "items", findings);
  }
  if (source.has_service_account_token()) {
    CheckToken(source.service_account_token(), path / "serviceAccountToken", findings);
  }
}

void CheckHostPath(const core::v1::HostPathVolumeSource& source, const Path& path,
                   Findings& findings) {
  if (source.path().empty()) {
    findings.Required(path / "path");
  } else if (const auto parts = base::Split(source.path(), '/');
             std::find(parts.begin(), parts.end(), "..") != parts.end()) {
    findings.Invalid(path / "path", source.path(), "must not contain '..'");
  }
  if (source.type().empty()) return;
  findings.CheckOneOf(path / "type", source.type(),
                      {"BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",
                       "FileOrCreate", "Socket"});
}

void CheckFiles(const core::v1::VolumeSource& source, const Path& path, Findings& findings) {
  if (source.has_secret()) {
    const Path at = path / "secret";
    if (source.secret().secret_name().empty()) findings.Required(at / "secretName");
    CheckMode(source.secret().has_default_mode(), source.secret().default_mode(),
              at / "defaultMode", findings);
    CheckItems(source.secret().items(), at / "items", findings);
  }
  if (source.has_config_map()) {
    const Path at = path / "configMap";
    if (source.config_map().local_object_reference().name().empty()) {
      findings.Required(at / "name");
    }
    CheckMode(source.config_map().has_default_mode(), source.config_map().default_mode(),
              at / "defaultMode", findings);
    CheckItems(source.config_map().items(), at / "items", findings);
  }
  if (source.has_downward_api()) {
    const Path at = path / "downwardAPI";
    CheckMode(source.downward_api().has_default_mode(), source.downward_api().default_mode(),
              at / "defaultMode", findings);
    CheckDownward(source.downward_api().items(), at / "items", findings);
  }
  if (source.has_projected()) {
    const Path at = path / "projected";
    CheckMode(source.projected().has_default_mode(), source.projected().default_mode(),
              at / "defaultMode", findings);
    for (int i = 0; i < source.projected().sources_size(); ++i) {
      CheckProjection(source.projected().sources(i), (at / "sources")[i], findings);
    }
  }
}

void CheckSource(const core::v1::VolumeSource& source, const Path& path, Findings& findings) {
  std::vector<const google::protobuf::FieldDescriptor*> set;
  source.GetReflection()->ListFields(source, &set);
  if (set.empty()) findings.Required(path, "must specify a volume type");
  for (size_t i = 1; i < set.size(); ++i) {
    findings.Forbidden(path / set[i]->json_name(), "may not specify more than 1 volume type");
  }
  if (source.has_host_path()) CheckHostPath(source.host_path(), path / "hostPath", findings);
  CheckFiles(source, path, findings);
  if (source.has_empty_dir() && source.empty_dir().has_size_limit() &&
      AmountOf(source.empty_dir().size_limit()).Sign() < 0) {
    findings.Forbidden(path / "emptyDir" / "sizeLimit",
                       "SizeLimit field must be a valid resource quantity");
  }
  if (source.has_persistent_volume_claim() &&
      source.persistent_volume_claim().claim_name().empty()) {
    findings.Required(path / "persistentVolumeClaim" / "claimName");
  }
  if (source.has_nfs()) {
    if (source.nfs().server().empty()) findings.Required(path / "nfs" / "server");
    if (source.nfs().path().empty()) {
      findings.Required(path / "nfs" / "path");
    } else if (!source.nfs().path().starts_with('/')) {
      findings.Invalid(path / "nfs" / "path", source.nfs().path(), "must be an absolute path");
    }
  }
  if (source.has_csi() && source.csi().driver().empty()) {
    findings.Required(path / "csi" / "driver");
  }
}

}  // namespace

void CheckVolumes(const core::v1::PodSpec& spec, const Path& path, PodNames& names,
                  Findings& findings) {
  for (int i = 0; i < spec.volumes_size(); ++i) {
    const std::string& name = spec.volumes(i).name();
    if (name.empty()) {
      findings.Required(path[i] / "name");
    } else {
      findings.Check(path[i] / "name", name, Dns1123LabelProblem(name));
      if (!names.volumes.insert(name).second) findings.Duplicate(path[i] / "name", name);
    }
    CheckSource(spec.volumes(i).volume_source(), path[i], findings);
  }
}

}  // namespace berth::api::internal
