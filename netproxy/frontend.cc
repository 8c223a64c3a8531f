// SPDX-License-Identifier: Apache-2.0
#include "netproxy/frontend.h"

#include "base/strings.h"

namespace berth::netproxy {

std::string FrontendKey::ToString() const {
  const std::string_view name = protocol == Protocol::kTcp   ? "TCP"
                                : protocol == Protocol::kUdp ? "UDP"
                                                             : "SCTP";
  const std::string host = ip.is_v6() ? base::StrCat("[", ip.ToString(), "]") : ip.ToString();
  return base::StrCat(host, ":", port, "/", name);
}

std::string FrontendKey::Encode() const {
  std::string out(ip.bytes());
  out.push_back(static_cast<char>(protocol));
  out.append(3, '\0');
  out.push_back(static_cast<char>(port >> 8));
  out.push_back(static_cast<char>(port & 0xff));
  out.append(2, '\0');
  return out;
}

}  // namespace berth::netproxy
