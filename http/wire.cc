// SPDX-License-Identifier: Apache-2.0
#include "http/wire.h"

#include <charconv>
#include <ctime>

#include "base/strings.h"

namespace berth::http {
namespace {

// A line break inside a field would let its author write further fields.
void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  out.append("\r\n");
}

std::string Date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  const size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, size);
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

std::string ResponseHead(int status, const Headers& headers) {
  std::string out = base::StrCat("HTTP/1.1 ", status, " ", ReasonPhrase(status), "\r\n");
  for (const auto& [name, value] : headers.fields()) AppendField(out, name, value);
  if (status >= 200 && !headers.Find("Date")) AppendField(out, "Date", Date());
  out.append("\r\n");
  return out;
}

std::string RequestHead(const Request& request, std::string_view host) {
  std::string out = base::StrCat(request.method, " ", request.target, " HTTP/1.1\r\n");
  if (!request.headers.Find("Host")) AppendField(out, "Host", host);
  for (const auto& [name, value] : request.headers.fields()) AppendField(out, name, value);
  const bool wants_length =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if ((wants_length || !request.body.empty()) && !request.headers.Find("Content-Length")) {
    AppendField(out, "Content-Length", base::StrCat(request.body.size()));
  }
  out.append("\r\n");
  return out;
}

void AppendChunk(std::string& out, std::string_view data) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, data.size(), 16).ptr;
  out.append(size, end).append("\r\n").append(data).append("\r\n");
}

bool HasToken(std::string_view field, std::string_view token) {
  for (const auto part : base::Split(field, ',')) {
    if (base::ToLower(base::Trim(part)) == token) return true;
  }
  return false;
}

bool MayHaveBody(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace berth::http
