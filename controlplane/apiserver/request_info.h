// SPDX-License-Identifier: Apache-2.0
// What a request wants, read from its method and target: the attributes that authorization judges.
#ifndef BERTH_CONTROLPLANE_APISERVER_REQUEST_INFO_H_
#define BERTH_CONTROLPLANE_APISERVER_REQUEST_INFO_H_

#include <string>
#include <string_view>

#include "http/message.h"

namespace berth::controlplane {

struct RequestInfo {
  // get, list, watch, create, update, patch, delete, deletecollection; the method in lower case
  // for what is no resource.
  std::string verb;
  std::string path;
  bool is_resource = false;
  std::string group;
  std::string version;
  std::string namespace_;
  std::string resource;
  std::string subresource;
  std::string name;
};

RequestInfo ParseRequestInfo(std::string_view method, const http::Target& target);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_REQUEST_INFO_H_
