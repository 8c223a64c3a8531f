// SPDX-License-Identifier: Apache-2.0
#include "agent/server/streaming_proxy.h"

#include <algorithm>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "http/tunnel.h"

namespace berth::agent {
namespace {

constexpr absl::Duration kUpgradeTimeout = absl::Seconds(30);

// What concerns this hop only, or is not the runtime's business.
bool StaysHere(std::string_view name) {
  static constexpr std::string_view kNames[] = {"host", "authorization", "content-length",
                                                "transfer-encoding", "x-forwarded-for"};
  const std::string lower = base::ToLower(name);
  for (std::string_view known : kNames) {
    if (known == lower) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<StreamingUrl> StreamingUrl::Parse(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    return base::InvalidArgument("the runtime's streaming URL has an unknown scheme");
  }
  url.remove_prefix(kScheme.size());
  const size_t slash = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, slash);
  StreamingUrl out;
  out.target = slash == url.size() ? "/" : std::string(url.substr(slash));
  const size_t colon = authority.rfind(':');
  if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
    const auto port = base::ParseInt<uint16_t>(authority.substr(colon + 1));
    if (!port) return base::InvalidArgument("the runtime's streaming URL has no valid port");
    out.port = *port;
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  if (authority.empty()) return base::InvalidArgument("the runtime's streaming URL has no host");
  out.host = authority;
  return out;
}

absl::StatusOr<std::shared_ptr<http::Client>> StreamingProxy::ClientFor(const StreamingUrl& url) {
  const std::string key = base::StrCat(url.host, ":", url.port);
  base::MutexLock lock(mu_);
  auto& slot = clients_[key];
  if (slot == nullptr) {
    http::ClientOptions options;
    options.host = url.host;
    options.port = url.port;
    ASSIGN_OR_RETURN(slot, http::MakeClient(io_, options));
  }
  return slot;
}

void StreamingProxy::Pass(std::string_view url, std::shared_ptr<http::Exchange> exchange) {
  const auto refuse = [&exchange](int status, std::string_view text) {
    exchange->Respond({status, {{"Content-Type", "text/plain"}}, base::StrCat(text, "\n")});
  };
  const auto parsed = StreamingUrl::Parse(url);
  if (!parsed.ok()) return refuse(500, base::Message(parsed.status()));
  const auto client = ClientFor(*parsed);
  if (!client.ok()) return refuse(500, base::Message(client.status()));

  const http::Request& asked = exchange->request();
  http::Request request{asked.method, parsed->target, {}, ""};
  for (const auto& [name, value] : asked.headers.fields()) {
    if (!StaysHere(name)) request.headers.Add(name, value);
  }
  int status = 0;
  auto upgraded = (*client)->Upgrade(request, kUpgradeTimeout, &status);
  if (!upgraded.ok()) {
    BERTH_WARNING("the runtime refused to stream", {"status", status},
                  {"error", upgraded.status()});
    return refuse(status >= 400 ? status : 502, base::Message(upgraded.status()));
  }
  auto tunnel = exchange->Upgrade(upgraded->headers);
  if (!tunnel.ok()) return;  // the caller has gone; the runtime's side closes with its tunnel
  http::Splice(*std::move(tunnel), std::move(upgraded->tunnel));
}

}  // namespace berth::agent
