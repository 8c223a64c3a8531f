// SPDX-License-Identifier: Apache-2.0
// Inside http/: heads and chunks as they go over the wire.
#ifndef BERTH_HTTP_WIRE_H_
#define BERTH_HTTP_WIRE_H_

#include <string>
#include <string_view>

#include "http/message.h"

namespace berth::http {

std::string_view ReasonPhrase(int status);
// A status line, the fields without line breaks in them, and the empty line.
std::string ResponseHead(int status, const Headers& headers);
std::string RequestHead(const Request& request, std::string_view host);
void AppendChunk(std::string& out, std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// Whether a comma-separated field has this token, without case.
bool HasToken(std::string_view field, std::string_view token);
bool MayHaveBody(int status);

}  // namespace berth::http

#endif  // BERTH_HTTP_WIRE_H_
