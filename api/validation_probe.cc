// SPDX-License-Identifier: Apache-2.0
#include "api/proto/core/v1/containers.pb.h"
#include "api/validation_names.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

// Counts handlers and reports what has more than one, or none.
class Handlers {
 public:
  Handlers(const Path& path, Findings& findings) : path_(path), findings_(findings) {}
  // True when this handler is there and the first.
  bool Has(bool set, std::string_view name) {
    if (!set) return false;
    if (any_) {
      findings_.Forbidden(path_ / name, "may not specify more than 1 handler type");
      return false;
    }
    return any_ = true;
  }
  void Finish() {
    if (!any_) findings_.Required(path_, "must specify a handler type");
  }

 private:
  const Path& path_;
  Findings& findings_;
  bool any_ = false;
};

void CheckHttpGet(const core::v1::HTTPGetAction& get, const Path& path, Findings& findings) {
  if (get.path().empty()) findings.Required(path / "path");
  CheckPortReference(get.port(), path / "port", findings);
  findings.CheckOneOf(path / "scheme", get.scheme(), {"HTTP", "HTTPS"});
  for (int i = 0; i < get.http_headers_size(); ++i) {
    if (get.http_headers(i).name().empty()) {
      findings.Invalid((path / "httpHeaders")[i] / "name", "",
                       "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
                       "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')");
    }
  }
}

template <class Handler>
void CheckCommonHandlers(const Handler& handler, const Path& path, Handlers& handlers,
                         Findings& findings) {
  if (handlers.Has(handler.has_exec(), "exec") && handler.exec().command_size() == 0) {
    findings.Required(path / "exec" / "command");
  }
  if (handlers.Has(handler.has_http_get(), "httpGet")) {
    CheckHttpGet(handler.http_get(), path / "httpGet", findings);
  }
  if (handlers.Has(handler.has_tcp_socket(), "tcpSocket")) {
    CheckPortReference(handler.tcp_socket().port(), path / "tcpSocket" / "port", findings);
  }
}

void CheckLifecycleHandler(const core::v1::LifecycleHandler& handler, const Path& path,
                           Findings& findings) {
  Handlers handlers(path, findings);
  CheckCommonHandlers(handler, path, handlers, findings);
  if (handlers.Has(handler.has_sleep(), "sleep") && handler.sleep().seconds() < 0) {
    findings.InvalidNumber(path / "sleep", handler.sleep().seconds(),
                           "must be greater than or equal to 0");
  }
  handlers.Finish();
}

}  // namespace

void CheckPortReference(const IntOrString& port, const Path& path, Findings& findings) {
  if (port.type() == 0) {
    findings.CheckPort(path, port.int_val());
  } else {
    findings.Check(path, port.str_val(), PortNameProblems(port.str_val()));
  }
}

void CheckProbe(const core::v1::Probe& probe, ProbeKind kind, const Path& path,
                Findings& findings) {
  Handlers handlers(path, findings);
  CheckCommonHandlers(probe.handler(), path, handlers, findings);
  if (handlers.Has(probe.handler().has_grpc(), "grpc")) {
    findings.CheckPort(path / "grpc" / "port", probe.handler().grpc().port());
  }
  handlers.Finish();
  findings.CheckNotNegative(path / "initialDelaySeconds", probe.initial_delay_seconds());
  findings.CheckNotNegative(path / "timeoutSeconds", probe.timeout_seconds());
  findings.CheckNotNegative(path / "periodSeconds", probe.period_seconds());
  findings.CheckNotNegative(path / "successThreshold", probe.success_threshold());
  findings.CheckNotNegative(path / "failureThreshold", probe.failure_threshold());
  const Path grace = path / "terminationGracePeriodSeconds";
  if (kind == ProbeKind::kReadiness) {
    if (probe.has_termination_grace_period_seconds()) {
      findings.InvalidNumber(grace, probe.termination_grace_period_seconds(),
                             "must not be set for readinessProbes");
    }
    return;
  }
  if (probe.success_threshold() != 1) {
    findings.InvalidNumber(path / "successThreshold", probe.success_threshold(), "must be 1");
  }
  if (probe.has_termination_grace_period_seconds() &&
      probe.termination_grace_period_seconds() <= 0) {
    findings.InvalidNumber(grace, probe.termination_grace_period_seconds(),
                           "must be greater than 0");
  }
}

void CheckLifecycle(const core::v1::Lifecycle& lifecycle, const Path& path, Findings& findings) {
  if (lifecycle.has_post_start()) {
    CheckLifecycleHandler(lifecycle.post_start(), path / "postStart", findings);
  }
  if (lifecycle.has_pre_stop()) {
    CheckLifecycleHandler(lifecycle.pre_stop(), path / "preStop", findings);
  }
}

}  // namespace berth::api::internal
