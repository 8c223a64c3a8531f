// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/defaults.h"
#include "api/validation.h"
#include "base/strings.h"

namespace berth::api {
namespace {

// A valid Pod with `container` inside its only container and `spec` inside its spec.
std::unique_ptr<Message> Pod(const std::string& container, const std::string& spec) {
  std::string json =
      "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','namespace':'n'},'spec':{'containers'"
      ":[{'name':'c','image':'i:1'" +
      (container.empty() ? "" : "," + container) + "}]" + (spec.empty() ? "" : "," + spec) + "}}";
  for (char& c : json) c = c == '\'' ? '"' : c;
  auto object = DecodeJsonObject(json);
  EXPECT_TRUE(object.ok()) << json << ": " << object.status();
  if (!object.ok()) return nullptr;
  ApplyDefaults(**object);
  return *std::move(object);
}

std::string Join(const std::vector<FieldError>& errors) {
  std::string text;
  for (const FieldError& error : errors) {
    base::StrAppend(text, text.empty() ? "" : " | ", error.ToString());
  }
  return text.substr(0, text.find(" must consist of"));
}

struct Case {
  std::string text;
  std::string_view error;  // "" for a valid one
};

TEST(PodValidation, Containers) {
  const Case cases[] = {
      {"", ""},
      {"'imagePullPolicy':'X'",
       "spec.containers[0].imagePullPolicy: Unsupported value: \"X\": supported values: "
       "\"Always\", \"IfNotPresent\", \"Never\""},
      {"'terminationMessagePolicy':'X'",
       "spec.containers[0].terminationMessagePolicy: Unsupported value: \"X\": supported values: "
       "\"FallbackToLogsOnError\", \"File\""},
      {"'ports':[{'containerPort':0}]",
       "spec.containers[0].ports[0].containerPort: Required value"},
      {"'ports':[{'containerPort':70000}]",
       "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
       "65535, inclusive"},
      {"'ports':[{'containerPort':1,'name':'a'},{'containerPort':2,'name':'a'}]",
       "spec.containers[0].ports[1].name: Duplicate value: \"a\""},
      {"'ports':[{'containerPort':1,'name':'1'}]",
       "spec.containers[0].ports[0].name: Invalid value: \"1\": must contain at least one letter "
       "(a-z)"},
      {"'ports':[{'containerPort':1,'hostPort':9},{'containerPort':2,'hostPort':9}]",
       "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//9\""},
      {"'ports':[{'containerPort':1,'hostPort':9},{'containerPort':2,'hostPort':9,'protocol':"
       "'UDP'}]",
       ""},
      {"'env':[{'name':''}]", "spec.containers[0].env[0].name: Required value"},
      {"'env':[{'name':'a=b'}]",
       "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name "
       "must consist only of printable ASCII characters other than '='"},
      {"'env':[{'name':'A','valueFrom':{}}]",
       "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, "
       "`resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"},
      {"'env':[{'name':'A','value':'x','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}}]",
       "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when "
       "`value` is not empty"},
      {"'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027a\\u0027]'"
       "}}}]",
       ""},
      {"'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'spec.x'}}}]",
       "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.x\": error "
       "converting fieldPath: field label not supported: spec.x"},
      {"'env':[{'name':'A','valueFrom':{'secretKeyRef':{'key':'k'}}}]",
       "spec.containers[0].env[0].valueFrom.secretKeyRef.name: Required value"},
      {"'envFrom':[{}]",
       "spec.containers[0].envFrom[0]: Invalid value: \"\": must specify one of: `configMapRef` or "
       "`secretRef`"},
      {"'volumeMounts':[{'name':'v','mountPath':'/x'}]",
       "spec.containers[0].volumeMounts[0].name: Not found: \"v\""},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(Join(Validate(*Pod(text, ""))), error) << text;
}

TEST(PodValidation, ProbesAndLifecycle) {
  const Case cases[] = {
      {"'livenessProbe':{'httpGet':{'port':80}},'readinessProbe':{'tcpSocket':{'port':'http'},"
       "'successThreshold':2},'startupProbe':{'grpc':{'port':1}}",
       ""},
      {"'livenessProbe':{}",
       "spec.containers[0].livenessProbe: Required value: must specify a handler type"},
      {"'livenessProbe':{'exec':{'command':['a']},'tcpSocket':{'port':1}}",
       "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler "
       "type"},
      {"'livenessProbe':{'exec':{}}",
       "spec.containers[0].livenessProbe.exec.command: Required value"},
      {"'livenessProbe':{'exec':{'command':['a']},'successThreshold':2}",
       "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"},
      {"'livenessProbe':{'exec':{'command':['a']},'periodSeconds':-1}",
       "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or "
       "equal to 0"},
      {"'readinessProbe':{'exec':{'command':['a']},'terminationGracePeriodSeconds':5}",
       "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must "
       "not "
       "be set for readinessProbes"},
      {"'readinessProbe':{'httpGet':{'port':0,'scheme':'FTP'}}",
       "spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and "
       "65535, inclusive | spec.containers[0].readinessProbe.httpGet.scheme: Unsupported value: "
       "\"FTP\": supported values: \"HTTP\", \"HTTPS\""},
      {"'lifecycle':{'preStop':{}}",
       "spec.containers[0].lifecycle.preStop: Required value: must specify a handler type"},
      {"'lifecycle':{'preStop':{'sleep':{'seconds':3}}}", ""},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(Join(Validate(*Pod(text, ""))), error) << text;
}

TEST(PodValidation, Resources) {
  const Case cases[] = {
      {"'limits':{'cpu':'1','memory':'1Gi','x.io/gpu':'2'},'requests':{'cpu':'100m'}", ""},
      {"'limits':{'cpu':'1'},'requests':{'cpu':'2'}",
       "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to "
       "cpu limit of 1"},
      {"'requests':{'memory':'-1'}",
       "spec.containers[0].resources.requests[memory]: Invalid value: \"-1\": must be greater than "
       "or equal to 0"},
      {"'requests':{'disk':'1'},'limits':{'disk':'1'}",
       "spec.containers[0].resources.limits[disk]: Invalid value: \"disk\": must be a standard "
       "resource type or fully qualified | spec.containers[0].resources.limits[disk]: Invalid "
       "value: \"disk\": must be a standard resource for containers | "
       "spec.containers[0].resources.requests[disk]: Invalid value: \"disk\": must be a standard "
       "resource type or fully qualified | spec.containers[0].resources.requests[disk]: Invalid "
       "value: \"disk\": must be a standard resource for containers"},
      {"'limits':{'x.io/gpu':'500m'}",
       "spec.containers[0].resources.limits[x.io/gpu]: Invalid value: \"500m\": must be an integer "
       "| spec.containers[0].resources.requests[x.io/gpu]: Invalid value: \"500m\": must be an "
       "integer"},
      {"'requests':{'x.io/gpu':'1'}",
       "spec.containers[0].resources.limits: Required value: Limit must be set for non "
       "overcommitable resources"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(Join(Validate(*Pod("'resources':{" + text + "}", ""))), error) << text;
  }
}

TEST(PodValidation, Spec) {
  const Case cases[] = {
      {"'restartPolicy':'X'",
       "spec.restartPolicy: Unsupported value: \"X\": supported values: \"Always\", \"OnFailure\", "
       "\"Never\""},
      {"'dnsPolicy':'X'",
       "spec.dnsPolicy: Unsupported value: \"X\": supported values: \"ClusterFirstWithHostNet\", "
       "\"ClusterFirst\", \"Default\", \"None\""},
      {"'dnsPolicy':'None'",
       "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when "
       "`dnsPolicy` is None"},
      {"'activeDeadlineSeconds':0",
       "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"},
      {"'terminationGracePeriodSeconds':-1",
       "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"},
      {"'nodeSelector':{'a b':'c'}", "spec.nodeSelector: Invalid value: \"a b\": name part"},
      {"'hostname':'A'", "spec.hostname: Invalid value: \"A\": a lowercase RFC 1123 label"},
      {"'tolerations':[{'operator':'Exists'},{'key':'a','value':'b'}]", ""},
      {"'tolerations':[{'value':'b'}]",
       "spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is "
       "empty, which means \"match all values and all keys\""},
      {"'tolerations':[{'key':'a','effect':'X'}]",
       "spec.tolerations[0].effect: Unsupported value: \"X\": supported values: \"NoSchedule\", "
       "\"PreferNoSchedule\", \"NoExecute\""},
      {"'tolerations':[{'key':'a','effect':'NoSchedule','tolerationSeconds':1}]",
       "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when "
       "`tolerationSeconds` is set"},
      {"'tolerations':[{'key':'a','operator':'X'}]",
       "spec.tolerations[0].operator: Unsupported value: \"X\": supported values: \"Equal\", "
       "\"Exists\""},
      {"'initContainers':[{'name':'c','image':'i'}]",
       "spec.initContainers[0].name: Duplicate value: \"c\""},
      {"'initContainers':[{'name':'d','livenessProbe':{'exec':{'command':['a']}}}]",
       "spec.initContainers[0].image: Required value | spec.initContainers[0].livenessProbe: "
       "Forbidden: may not be set for init containers without restartPolicy=Always"},
      {"'initContainers':[{'name':'d','image':'i','restartPolicy':'Always','livenessProbe':{'exec':"
       "{'command':['a']}}}]",
       ""},
      {"'hostPID':true,'shareProcessNamespace':true",
       "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and "
       "HostPID cannot both be enabled"},
      {"'securityContext':{'runAsUser':-1}",
       "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, "
       "inclusive"},
      {"'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{"
       "'nodeSelectorTerms':[]}}}",
       "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
       ": Required value: must have at least one node selector term"},
      {"'topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'z','whenUnsatisfiable':"
       "'DoNotSchedule'}]",
       "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(Join(Validate(*Pod("", text))), error) << text;
}

TEST(PodValidation, HostNetworkPortsMatch) {
  EXPECT_EQ(Join(Validate(*Pod("'ports':[{'containerPort':80}]", "'hostNetwork':true"))), "");
  EXPECT_EQ(
      Join(Validate(*Pod("'ports':[{'containerPort':80,'hostPort':81}]", "'hostNetwork':true"))),
      "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` "
      "when `hostNetwork` is true");
}

TEST(PodValidation, Volumes) {
  const Case cases[] = {
      {"{'name':'v'}", ""},
      {"{'name':'v','hostPath':{'path':'/x'}},{'name':'v'}",
       "spec.volumes[1].name: Duplicate value: \"v\""},
      {"{'name':'V'}", "spec.volumes[0].name: Invalid value: \"V\": a lowercase RFC 1123 label"},
      {"{'name':'v','emptyDir':{},'hostPath':{'path':'/x'}}",
       "spec.volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type"},
      {"{'name':'v','hostPath':{'path':'/a/../b'}}",
       "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"},
      {"{'name':'v','hostPath':{'path':'/a','type':'X'}}",
       "spec.volumes[0].hostPath.type: Unsupported value: \"X\": supported values: "
       "\"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", "
       "\"FileOrCreate\", \"Socket\""},
      {"{'name':'v','secret':{}}", "spec.volumes[0].secret.secretName: Required value"},
      {"{'name':'v','configMap':{'name':'a','defaultMode':512}}",
       "spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and "
       "0777 (octal), both inclusive"},
      {"{'name':'v','configMap':{'name':'a','items':[{'key':'k','path':'/p'}]}}",
       "spec.volumes[0].configMap.items[0].path: Invalid value: \"/p\": must be a relative path"},
      {"{'name':'v','projected':{'sources':[{'serviceAccountToken':{'path':'t',"
       "'expirationSeconds':5}}]}}",
       "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: "
       "5: may not specify a duration less than 10 minutes"},
      {"{'name':'v','downwardAPI':{'items':[{'path':'p'}]}}",
       "spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef "
       "is required"},
      {"{'name':'v','persistentVolumeClaim':{'claimName':''}}",
       "spec.volumes[0].persistentVolumeClaim.claimName: Required value"},
      {"{'name':'v','nfs':{'server':'s','path':'p'}}",
       "spec.volumes[0].nfs.path: Invalid value: \"p\": must be an absolute path"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(Join(Validate(*Pod("", "'volumes':[" + text + "]"))), error) << text;
  }
  EXPECT_EQ(Join(Validate(*Pod("'volumeMounts':[{'name':'v','mountPath':'/x'},{'name':'v',"
                               "'mountPath':'/x','subPath':'../y'}]",
                               "'volumes':[{'name':'v'}]"))),
            "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/x\": must be unique | "
            "spec.containers[0].volumeMounts[1].subPath: Invalid value: \"../y\": must not contain "
            "'..'");
}

TEST(PodValidation, Updates) {
  const auto update = [](const std::string& before, const std::string& after) {
    return Join(ValidateUpdate(*Pod("", after), *Pod("", before)));
  };
  const std::string others =
      "spec: Forbidden: pod updates may not change fields other than "
      "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
      "`spec.tolerations` (only additions to existing tolerations),"
      "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
      "negative)";
  EXPECT_EQ(update("'nodeName':'a'", "'nodeName':'a'"), "");
  EXPECT_EQ(update("'nodeName':'a'", "'nodeName':'b'"), others);
  EXPECT_EQ(update("", "'activeDeadlineSeconds':5"), "");
  EXPECT_EQ(update("'activeDeadlineSeconds':5", "'activeDeadlineSeconds':6"),
            "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous "
            "value");
  EXPECT_EQ(update("'activeDeadlineSeconds':5", ""),
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive "
            "integer to nil value");
  EXPECT_EQ(update("'tolerations':[{'key':'a'}]", "'tolerations':[{'key':'b'},{'key':'a'}]"), "");
  EXPECT_EQ(update("'tolerations':[{'key':'a'}]", "'tolerations':[{'key':'b'}]"),
            "spec.tolerations: Forbidden: existing toleration can not be modified except its "
            "tolerationSeconds");
  EXPECT_EQ(update("", "'initContainers':[{'name':'i','image':'i'}]"),
            "spec.initContainers: Forbidden: pod updates may not add or remove containers");
  EXPECT_EQ(update("'schedulingGates':[{'name':'a'}]", ""), "");
  EXPECT_EQ(update("", "'schedulingGates':[{'name':'a'}]"),
            "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling "
            "gate 'a'");
  EXPECT_EQ(Join(ValidateUpdate(*Pod("'imagePullPolicy':'IfNotPresent'", ""), *Pod("", ""))), "");
  EXPECT_EQ(Join(ValidateUpdate(*Pod("'command':['x']", ""), *Pod("", ""))), others);
}

TEST(PodValidation, EphemeralContainersOnlyBecomeMore) {
  const auto change = [](const std::string& before, const std::string& after) {
    const auto list = [](const std::string& all) { return "'ephemeralContainers':[" + all + "]"; };
    return Join(ValidateEphemeralContainers(*Pod("", list(after)), *Pod("", list(before))));
  };
  const std::string one = "{'name':'d','image':'x'}";
  EXPECT_EQ(change("", one), "");
  EXPECT_EQ(change(one, one + ",{'name':'e','image':'x','targetContainerName':'c'}"), "");
  EXPECT_EQ(change(one, ""),
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be "
            "removed\n");
  EXPECT_EQ(change(one, "{'name':'d','image':'y'}"),
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be "
            "changed\n");
  EXPECT_EQ(change("", "{'name':'c','image':'x'}"),
            "spec.ephemeralContainers[0].name: Duplicate value: \"c\"");
  EXPECT_EQ(change("", "{'name':'d','image':'x','targetContainerName':'d'}"),
            "spec.ephemeralContainers[0].targetContainerName: Not found: \"d\"");
  EXPECT_EQ(
      change("",
             "{'name':'d','image':'x','ports':[{'containerPort':1}],'resources':{'limits':"
             "{'cpu':'1'}},'livenessProbe':{'tcpSocket':{'port':1}}}"),
      "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container "
      "| spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral "
      "Container | spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an "
      "Ephemeral Container");
}

// The wire writes zeros that JSON leaves out; they are no change.
TEST(PodValidation, TheSamePodFromTheWireIsNoUpdate) {
  const std::string container =
      "'ports':[{'containerPort':80}],'env':[{'name':'A'}],'livenessProbe':{'httpGet':{'port':80}},"
      "'resources':{'limits':{'cpu':'1'}},'volumeMounts':[{'name':'v','mountPath':'/x'}]";
  const std::string spec = "'volumes':[{'name':'v'}],'tolerations':[{'operator':'Exists'}]";
  const auto pod = Pod(container, spec);
  const auto wired = DecodeProtoObject(EncodeProto(*pod));
  ASSERT_TRUE(wired.ok()) << wired.status();
  ApplyDefaults(**wired);
  EXPECT_EQ(Join(Validate(**wired)), "");
  EXPECT_EQ(Join(ValidateUpdate(**wired, *pod)), "");
  EXPECT_EQ(Join(ValidateUpdate(*pod, **wired)), "");
}

}  // namespace
}  // namespace berth::api
