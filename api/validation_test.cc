// SPDX-License-Identifier: Apache-2.0
// Services, workloads, configuration, cluster kinds, metadata. Pods: validation_pod_test.cc.
#include "api/validation.h"

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/defaults.h"
#include "base/status.h"

namespace berth::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::unique_ptr<Message> Object(std::string json) {
  for (char& c : json) c = c == '\'' ? '"' : c;
  auto object = DecodeJsonObject(json);
  EXPECT_TRUE(object.ok()) << json << ": " << object.status();
  if (!object.ok()) return nullptr;
  ApplyDefaults(**object);
  return *std::move(object);
}

std::vector<std::string> Texts(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  for (const FieldError& error : errors) {
    std::string text = error.ToString();
    // The tails of syntax rules are long and tested once.
    texts.push_back(text.substr(0, text.find(" must consist of")));
  }
  return texts;
}

std::vector<std::string> Errors(const std::string& json) { return Texts(Validate(*Object(json))); }
std::vector<std::string> UpdateErrors(const std::string& before, const std::string& after) {
  return Texts(ValidateUpdate(*Object(after), *Object(before)));
}

constexpr char kMeta[] = "'metadata':{'name':'x','namespace':'n'},";
std::string Service(const std::string& spec) {
  return std::string("{'apiVersion':'v1','kind':'Service',") + kMeta + "'spec':{" + spec + "}}";
}

TEST(FieldError, TextsReadAsUpstreams) {
  const FieldError required{FieldError::Type::kRequired, "spec.containers[0].image", "", ""};
  const FieldError invalid{FieldError::Type::kInvalid, "spec.ports[0].port", "-1",
                           "must be between 1 and 65535, inclusive"};
  EXPECT_EQ(required.ToString(), "spec.containers[0].image: Required value");
  EXPECT_EQ(invalid.ToString(),
            "spec.ports[0].port: Invalid value: -1: must be between 1 and 65535, inclusive");
  EXPECT_EQ(invalid.Message(), "Invalid value: -1: must be between 1 and 65535, inclusive");
  EXPECT_EQ(invalid.Reason(), "FieldValueInvalid");
  EXPECT_EQ(InvalidText("Pod", "x", {required}),
            "Pod \"x\" is invalid: spec.containers[0].image: Required value");
  EXPECT_EQ(InvalidText("Deployment.apps", "x", {required, invalid, required}),
            "Deployment.apps \"x\" is invalid: [spec.containers[0].image: Required value, "
            "spec.ports[0].port: Invalid value: -1: must be between 1 and 65535, inclusive]");
}

TEST(Validation, Names) {
  EXPECT_EQ(Dns1123LabelProblem("a-1"), "");
  EXPECT_EQ(Dns1123LabelProblem("1a"), "");
  EXPECT_NE(Dns1123LabelProblem("-a"), "");
  EXPECT_NE(Dns1123LabelProblem("A"), "");
  EXPECT_NE(Dns1123LabelProblem("a.b"), "");
  EXPECT_EQ(Dns1123LabelProblem(std::string(64, 'a')), "must be no more than 63 bytes");
  EXPECT_EQ(Dns1123SubdomainProblem("a.b-c.1"), "");
  EXPECT_NE(Dns1123SubdomainProblem("a..b"), "");
  EXPECT_NE(Dns1123SubdomainProblem("a_b"), "");
  EXPECT_NE(Dns1035LabelProblem("1a"), "");
  EXPECT_EQ(Dns1035LabelProblem("a1"), "");
}

TEST(Validation, Metadata) {
  const auto config = [](const std::string& meta) {
    return "{'apiVersion':'v1','kind':'ConfigMap','metadata':{" + meta + "}}";
  };
  EXPECT_THAT(
      Errors(config("'name':'a.b','namespace':'n','labels':{'k8s.io/a':'B_1'},"
                    "'annotations':{'Any':'thing at all'},'finalizers':['x.io/y','orphan']")),
      IsEmpty());
  EXPECT_THAT(Errors(config("'namespace':'n'")),
              ElementsAre("metadata.name: Required value: name or generateName is required"));
  EXPECT_THAT(Errors(config("'name':'A','generateName':'B-'")),
              ElementsAre("metadata.generateName: Invalid value: \"B-\": a lowercase RFC 1123 "
                          "subdomain",
                          "metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain",
                          "metadata.namespace: Required value"));
  EXPECT_THAT(Errors(config("'name':'a','namespace':'n','labels':{'-a':'b','c':'d e'}")),
              ElementsAre("metadata.labels: Invalid value: \"-a\": name part",
                          "metadata.labels: Invalid value: \"d e\": a valid label must be an empty "
                          "string or consist of alphanumeric characters, '-', '_' or '.', and must "
                          "start and end with an alphanumeric character (e.g. 'MyValue',  or "
                          "'my_value',  or '12345', regex used for validation is "
                          "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"));
  EXPECT_THAT(Errors(config("'name':'a','namespace':'n','annotations':{'a b':''}")),
              ElementsAre("metadata.annotations: Invalid value: \"a b\": name part"));
  EXPECT_THAT(Errors(config("'name':'a','namespace':'n','annotations':{'a':'" +
                            std::string(262144, 'x') + "'}")),
              ElementsAre("metadata.annotations: Too long: may not be more than 262144 bytes"));
  EXPECT_THAT(
      Errors(config("'name':'a','namespace':'n','finalizers':['mine']")),
      ElementsAre("metadata.finalizers: Invalid value: \"mine\": name is neither a standard "
                  "finalizer name nor is it fully qualified"));
  EXPECT_THAT(
      Errors(config("'name':'a','namespace':'n','ownerReferences':[{'apiVersion':'v1',"
                    "'kind':'Pod','name':'p','uid':''}]")),
      ElementsAre("metadata.ownerReferences[0].uid: Invalid value: \"\": must not be empty"));
  EXPECT_THAT(
      Errors("{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'a','namespace':'b'}}"),
      ElementsAre("metadata.namespace: Forbidden: not allowed on this type"));
  EXPECT_THAT(UpdateErrors(config("'name':'a','namespace':'n','uid':'1'"),
                           config("'name':'b','namespace':'m','uid':'2'")),
              ElementsAre("metadata.name: Invalid value: \"b\": field is immutable",
                          "metadata.namespace: Invalid value: \"m\": field is immutable",
                          "metadata.uid: Invalid value: \"2\": field is immutable"));
  EXPECT_THAT(
      UpdateErrors(config("'name':'a','namespace':'n','creationTimestamp':'2024-01-01T00:00:00Z'"),
                   config("'name':'a','namespace':'n','creationTimestamp':'2024-01-01T00:00:01Z'")),
      ElementsAre("metadata.creationTimestamp: Invalid value: 1704067201: field is immutable"));
  EXPECT_THAT(
      UpdateErrors(config("'name':'a','namespace':'n','deletionTimestamp':'2024-01-01T00:00:00Z'"),
                   config("'name':'a','namespace':'n','deletionTimestamp':'2024-01-01T00:00:00Z',"
                          "'finalizers':['a.b/c']")),
      ElementsAre("metadata.finalizers: Forbidden: no new finalizers can be added if the object is "
                  "being deleted, found new finalizers []string{\"a.b/c\"}"));
  EXPECT_THAT(Errors("{'apiVersion':'authentication.k8s.io/v1','kind':'TokenReview','spec':{}}"),
              IsEmpty());
}

TEST(Validation, Services) {
  EXPECT_THAT(Errors(Service("'ports':[{'port':80}]")), IsEmpty());
  EXPECT_THAT(Errors(Service("'clusterIP':'None'")), IsEmpty());
  EXPECT_THAT(Errors(Service("'type':'ExternalName','externalName':'a.example.com.'")), IsEmpty());
  EXPECT_THAT(Errors(Service("'type':'NodePort','ports':[{'port':80,'nodePort':30080}]")),
              IsEmpty());
  EXPECT_THAT(Errors(Service("")), ElementsAre("spec.ports: Required value"));
  EXPECT_THAT(Errors(Service("'ports':[{'port':80},{'name':'b','port':81}]")),
              ElementsAre("spec.ports[0].name: Required value"));
  EXPECT_THAT(Errors(Service("'ports':[{'name':'a','port':-1,'targetPort':5},{'name':'a','port':7,"
                             "'protocol':'X'}]")),
              ElementsAre("spec.ports[0].port: Invalid value: -1: must be between 1 and 65535, "
                          "inclusive",
                          "spec.ports[1].name: Duplicate value: \"a\"",
                          "spec.ports[1].protocol: Unsupported value: \"X\": supported values: "
                          "\"SCTP\", \"TCP\", \"UDP\""));
  EXPECT_THAT(Errors(Service("'ports':[{'name':'a','port':8},{'name':'b','port':8}]")),
              ElementsAre("spec.ports[1]: Duplicate value: \"TCP/8\""));
  EXPECT_THAT(Errors(Service("'ports':[{'port':80,'nodePort':30080}]")),
              ElementsAre("spec.ports[0].nodePort: Forbidden: may not be used when `type` is "
                          "'ClusterIP'"));
  EXPECT_THAT(Errors(Service("'type':'NodePort','ports':[{'port':80,'nodePort':80}]")),
              ElementsAre("spec.ports[0].nodePort: Invalid value: 80: provided port is not in the "
                          "valid range. The range of valid ports is 30000-32767"));
  EXPECT_THAT(Errors(Service("'type':'X','ports':[{'port':80}]")),
              ElementsAre("spec.type: Unsupported value: \"X\": supported values: \"ClusterIP\", "
                          "\"ExternalName\", \"LoadBalancer\", \"NodePort\""));
  EXPECT_THAT(Errors(Service("'sessionAffinity':'X','ports':[{'port':80}]")),
              ElementsAre("spec.sessionAffinity: Unsupported value: \"X\": supported values: "
                          "\"ClientIP\", \"None\""));
  EXPECT_THAT(Errors(Service("'sessionAffinity':'ClientIP','sessionAffinityConfig':{'clientIP':{"
                             "'timeoutSeconds':86401}},'ports':[{'port':80}]")),
              ElementsAre("spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: "
                          "86401: must be greater than 0 and less than 86400"));
  EXPECT_THAT(Errors(Service("'type':'ExternalName'")),
              ElementsAre("spec.externalName: Required value"));
  EXPECT_THAT(Errors(Service("'type':'NodePort','clusterIP':'None','ports':[{'port':80}]")),
              ElementsAre("spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' "
                          "for NodePort services"));
  EXPECT_THAT(Errors(Service("'clusterIP':'1.2.3','ports':[{'port':80,'targetPort':'a--b'}]")),
              ElementsAre("spec.ports[0].targetPort: Invalid value: \"a--b\": must not contain "
                          "consecutive hyphens",
                          "spec.clusterIPs[0]: Invalid value: \"1.2.3\": must be a valid IP "
                          "address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
  EXPECT_THAT(Errors(Service("'externalTrafficPolicy':'Local','ports':[{'port':80}]")),
              ElementsAre("spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set "
                          "for externally-accessible services"));
  EXPECT_THAT(UpdateErrors(Service("'clusterIP':'10.0.0.1','ports':[{'port':80}]"),
                           Service("'clusterIP':'10.0.0.2','ports':[{'port':80}]")),
              ElementsAre("spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once "
                          "set"));
  EXPECT_THAT(Errors("{'apiVersion':'v1','kind':'Service','metadata':{'name':'1x','namespace':'n'},"
                     "'spec':{'clusterIP':'None'}}"),
              ElementsAre("metadata.name: Invalid value: \"1x\": a DNS-1035 label"));
}

std::string Deployment(const std::string& selector, const std::string& labels,
                       const std::string& more = "", const std::string& pod_more = "") {
  return std::string("{'apiVersion':'apps/v1','kind':'Deployment',") + kMeta + "'spec':{" +
         selector + "'template':{'metadata':{'labels':{" + labels + "}},'spec':{" + pod_more +
         "'containers':[{'name':'c','image':'i'}]}}" + more + "}}";
}

TEST(Validation, Workloads) {
  const std::string selector = "'selector':{'matchLabels':{'app':'a'}},";
  EXPECT_THAT(Errors(Deployment(selector, "'app':'a'")), IsEmpty());
  EXPECT_THAT(Errors(Deployment("", "'app':'a'")), ElementsAre("spec.selector: Required value"));
  EXPECT_THAT(Errors(Deployment("'selector':{},", "'app':'a'")),
              ElementsAre("spec.selector: Invalid value: {}: empty selector is invalid for "
                          "deployment"));
  EXPECT_THAT(Errors(Deployment(selector, "'app':'b','x':'y'")),
              ElementsAre("spec.template.metadata.labels: Invalid value: "
                          "{\"app\":\"b\",\"x\":\"y\"}: `selector` does not match template "
                          "`labels`"));
  EXPECT_THAT(Errors(Deployment(selector, "'app':'a'", ",'replicas':-1")),
              ElementsAre("spec.replicas: Invalid value: -1: must be greater than or equal to 0"));
  EXPECT_THAT(Errors(Deployment(selector, "'app':'a'", "", "'restartPolicy':'Never',")),
              ElementsAre("spec.template.spec.restartPolicy: Unsupported value: \"Never\": "
                          "supported values: \"Always\""));
  EXPECT_THAT(Errors(Deployment(selector, "'app':'a'",
                                ",'strategy':{'type':'Recreate','rollingUpdate':{}}")),
              ElementsAre("spec.strategy.rollingUpdate: Forbidden: may not be specified when "
                          "strategy `type` is 'Recreate'"));
  EXPECT_THAT(Errors(Deployment(selector, "'app':'a'",
                                ",'strategy':{'rollingUpdate':{'maxSurge':0,'maxUnavailable':"
                                "'0%'}}")),
              ElementsAre("spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may "
                          "not be 0 when `maxSurge` is 0"));
  EXPECT_THAT(
      Errors(Deployment(selector, "'app':'a'", ",'progressDeadlineSeconds':5,'minReadySeconds':5")),
      ElementsAre("spec.progressDeadlineSeconds: Invalid value: 5: must be greater than "
                  "minReadySeconds"));
  EXPECT_THAT(UpdateErrors(Deployment(selector, "'app':'a'"),
                           Deployment("'selector':{'matchLabels':{'app':'b'}},", "'app':'b'")),
              ElementsAre("spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field "
                          "is immutable"));
  EXPECT_THAT(Errors(std::string("{'apiVersion':'apps/v1','kind':'ReplicaSet',") + kMeta +
                     "'spec':{'selector':{'matchExpressions':[{'key':'a','operator':'In'}]}}}"),
              ElementsAre("spec.selector.matchExpressions[0].values: Required value: must be "
                          "specified when `operator` is 'In' or 'NotIn'",
                          "spec.template.spec.containers: Required value"));
}

TEST(Validation, ConfigMapsAndSecrets) {
  const auto config = [](const std::string& rest) {
    return std::string("{'apiVersion':'v1','kind':'ConfigMap',") + kMeta + rest + "}";
  };
  EXPECT_THAT(Errors(config("'data':{'a.b_C-1':'x'},'binaryData':{'b':'AA=='}")), IsEmpty());
  EXPECT_THAT(Errors(config("'data':{'a b':'x'}")),
              ElementsAre("data[a b]: Invalid value: \"a b\": a valid config key"));
  EXPECT_THAT(Errors(config("'data':{'..a':'x'}")),
              ElementsAre("data[..a]: Invalid value: \"..a\": must not start with '..'"));
  EXPECT_THAT(Errors(config("'data':{'a':'x'},'binaryData':{'a':'AA=='}")),
              ElementsAre("data[a]: Invalid value: \"a\": duplicate of key present in binaryData"));
  EXPECT_THAT(Errors(config("'data':{'a':'" + std::string(1048577, 'x') + "'}")),
              ElementsAre("[]: Too long: may not be more than 1048576 bytes"));
  EXPECT_THAT(UpdateErrors(config("'immutable':true,'data':{'a':'x'}"), config("'data':{'a':'y'}")),
              ElementsAre("immutable: Forbidden: field is immutable when `immutable` is set",
                          "data: Forbidden: field is immutable when `immutable` is set"));
  const auto secret = [](const std::string& rest) {
    return std::string("{'apiVersion':'v1','kind':'Secret',") + kMeta + rest + "}";
  };
  EXPECT_THAT(Errors(secret("'stringData':{'a':'x'}")), IsEmpty());
  EXPECT_THAT(Errors(secret("'type':'kubernetes.io/tls','data':{'tls.crt':''}")),
              ElementsAre("data[tls.key]: Required value"));
  EXPECT_THAT(Errors(secret("'type':'kubernetes.io/dockerconfigjson'")),
              ElementsAre("data[.dockerconfigjson]: Required value"));
  EXPECT_THAT(UpdateErrors(secret("'type':'a'"), secret("'type':'b'")),
              ElementsAre("type: Invalid value: \"b\": field is immutable"));
  EXPECT_THAT(UpdateErrors(secret("'immutable':true"), secret("'immutable':true,'data':{'a':''}")),
              ElementsAre("data: Forbidden: field is immutable when `immutable` is set"));
}

TEST(Validation, NodesAndSmallKinds) {
  const auto node = [](const std::string& spec) {
    return "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n1'},'spec':{" + spec + "}}";
  };
  EXPECT_THAT(Errors(node("'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24']")), IsEmpty());
  EXPECT_THAT(Errors(node("'podCIDRs':['x']")),
              ElementsAre("spec.podCIDRs[0]: Invalid value: \"x\": must be a valid CIDR value, "
                          "(e.g. 10.9.8.0/24 or 2001:db8::/64)"));
  EXPECT_THAT(Errors(node("'taints':[{'key':'a','effect':'X'},{'key':'b','effect':'NoSchedule'},"
                          "{'key':'b','effect':'NoSchedule'}]")),
              ElementsAre("spec.taints[0].effect: Unsupported value: \"X\": supported values: "
                          "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                          "spec.taints[2]: Duplicate value: \"b:NoSchedule\""));
  EXPECT_THAT(UpdateErrors(node(""), node("'podCIDR':'10.0.0.0/24','providerID':'x'")), IsEmpty());
  EXPECT_THAT(UpdateErrors(node("'podCIDR':'10.0.0.0/24','providerID':'x'"),
                           node("'podCIDR':'10.0.1.0/24'")),
              ElementsAre("spec.podCIDRs: Forbidden: node updates may not change podCIDR except "
                          "from \"\" to valid",
                          "spec.providerID: Forbidden: node updates may not change providerID "
                          "except from \"\" to valid"));
  const auto lease = [](const std::string& spec) {
    return std::string("{'apiVersion':'coordination.k8s.io/v1','kind':'Lease',") + kMeta +
           "'spec':{" + spec + "}}";
  };
  EXPECT_THAT(Errors(lease("'leaseDurationSeconds':40,'holderIdentity':'n1'")), IsEmpty());
  EXPECT_THAT(Errors(lease("'leaseDurationSeconds':0,'leaseTransitions':-1")),
              ElementsAre("spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                          "spec.leaseTransitions: Invalid value: -1: must be greater than or equal "
                          "to 0"));
  EXPECT_THAT(Errors("{'apiVersion':'v1','kind':'Binding','target':{'kind':'Pod'}}"),
              ElementsAre("target.kind: Unsupported value: \"Pod\": supported values: \"Node\", "
                          "\"<empty>\"",
                          "target.name: Required value"));
  const auto event = [](const std::string& involved) {
    return std::string("{'apiVersion':'v1','kind':'Event',") + kMeta + "'involvedObject':{" +
           involved + "}}";
  };
  EXPECT_THAT(Errors(event("'namespace':'n'")), IsEmpty());
  EXPECT_THAT(Errors(event("'namespace':'m'")),
              ElementsAre("involvedObject.namespace: Invalid value: \"m\": does not match "
                          "event.namespace"));
}

TEST(Validation, Endpoints) {
  const auto slice = [](const std::string& rest) {
    return std::string("{'apiVersion':'discovery.k8s.io/v1','kind':'EndpointSlice',") + kMeta +
           rest + "}";
  };
  EXPECT_THAT(Errors(slice("'addressType':'IPv4','endpoints':[{'addresses':['10.1.1.1']}],"
                           "'ports':[{'port':80}]")),
              IsEmpty());
  EXPECT_THAT(Errors(slice("'addressType':'IPv4','endpoints':[{'addresses':['::1']},{'addresses':"
                           "[]},{'addresses':['127.0.0.1']}],'ports':[{'name':'a','port':0},"
                           "{'name':'a'}]")),
              ElementsAre("endpoints[0].addresses[0]: Invalid value: \"::1\": must be a valid IPv4 "
                          "address",
                          "endpoints[1].addresses: Required value: must contain at least 1 address",
                          "endpoints[2].addresses[0]: Invalid value: \"127.0.0.1\": may not be in "
                          "the loopback range (127.0.0.0/8, ::1/128)",
                          "ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                          "ports[1].name: Duplicate value: \"a\""));
  EXPECT_THAT(UpdateErrors(slice("'addressType':'IPv4'"), slice("'addressType':'IPv6'")),
              ElementsAre("addressType: Invalid value: \"IPv6\": field is immutable"));
  EXPECT_THAT(Errors(std::string("{'apiVersion':'v1','kind':'Endpoints',") + kMeta +
                     "'subsets':[{},{'addresses':[{'ip':'169.254.1.1'}],'ports':[{'port':0},"
                     "{'name':'b','port':1}]}]}"),
              UnorderedElementsAre(
                  "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
                  "subsets[1].addresses[0].ip: Invalid value: \"169.254.1.1\": may not be in the "
                  "link-local range (169.254.0.0/16, fe80::/10)",
                  "subsets[1].ports[0].name: Required value",
                  "subsets[1].ports[0].port: Invalid value: 0: must be between 1 and 65535, "
                  "inclusive"));
}

TEST(Validation, Jobs) {
  const auto job = [](const std::string& restart, const std::string& more = "") {
    return std::string("{'apiVersion':'batch/v1','kind':'Job',") + kMeta +
           "'spec':{'template':{'spec':{'containers':[{'name':'c','image':'x'}]" + restart + "}}" +
           more + "}}";
  };
  const std::string never = ",'restartPolicy':'Never'";
  EXPECT_THAT(Errors(job(never)), IsEmpty());
  EXPECT_THAT(Errors(job("")),
              ElementsAre("spec.template.spec.restartPolicy: Required value: valid values: "
                          "\"OnFailure\", \"Never\""));
  EXPECT_THAT(Errors(job(never, ",'completionMode':'Indexed','parallelism':2")),
              ElementsAre("spec.completions: Required value: when completion mode is Indexed"));
  EXPECT_THAT(Errors(job(never, ",'parallelism':-1")), ElementsAre(HasSubstr("parallelism")));
  EXPECT_THAT(UpdateErrors(job(never, ",'completions':2"), job(never, ",'completions':3")),
              ElementsAre(HasSubstr("spec.completions: Invalid value: 3: field is immutable")));
  EXPECT_THAT(UpdateErrors(job(never), job(",'restartPolicy':'OnFailure'")),
              ElementsAre(HasSubstr("spec.template: Invalid value")));
}

TEST(Validation, DisruptionBudgets) {
  const auto budget = [](const std::string& spec) {
    return std::string("{'apiVersion':'policy/v1','kind':'PodDisruptionBudget',") + kMeta +
           "'spec':{" + spec + "}}";
  };
  EXPECT_THAT(Errors(budget("'minAvailable':'50%','selector':{}")), IsEmpty());
  EXPECT_THAT(Errors(budget("'maxUnavailable':0")), IsEmpty());
  EXPECT_THAT(Errors(budget("'minAvailable':-1")),
              ElementsAre("spec.minAvailable: Invalid value: -1: must be greater than or equal to "
                          "0"));
  EXPECT_THAT(Errors(budget("'minAvailable':1,'maxUnavailable':1")),
              ElementsAre(HasSubstr("minAvailable and maxUnavailable cannot be both set")));
  EXPECT_THAT(Errors(budget("'unhealthyPodEvictionPolicy':'Never'")),
              ElementsAre(HasSubstr("Unsupported value: \"Never\"")));
}

}  // namespace
}  // namespace berth::api
