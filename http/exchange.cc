// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "http/wire.h"

namespace berth::http {

SocketExchange::SocketExchange(std::shared_ptr<Answer> answer, Request request, Facts facts)
    : answer_(std::move(answer)),
      request_(std::move(request)),
      facts_(std::move(facts)),
      head_(request_.method == "HEAD") {}

SocketExchange::~SocketExchange() {
  if (answer_->gone()) return;
  if (answer_->Begin()) {
    BERTH_ERROR("request was not answered by its handler", {"method", request_.method},
                {"target", request_.target});
    Headers headers{{"Content-Type", "text/plain; charset=utf-8"}, {"Connection", "close"}};
    const std::string_view body = "the handler failed\n";
    headers.Set("Content-Length", base::StrCat(body.size()));
    answer_->CloseAfter();
    answer_->Append(base::StrCat(ResponseHead(500, headers), head_ ? "" : body), false, true);
    return;
  }
  answer_->Abandon();
}

void SocketExchange::SetConnection(Headers& headers) {
  if (HasToken(headers.Get("Connection"), "close")) {
    answer_->CloseAfter();
  } else if (!facts_.keep_alive) {
    answer_->CloseAfter();
    headers.Set("Connection", "close");
  } else if (facts_.http10) {
    headers.Set("Connection", "keep-alive");
  }
}

void SocketExchange::Respond(Response response) {
  if (!answer_->Begin()) {
    BERTH_ERROR("request was answered twice", {"target", request_.target});
    return;
  }
  SetConnection(response.headers);
  const bool may_have_body = MayHaveBody(response.status);
  if (may_have_body && !(head_ && response.headers.Find("Content-Length"))) {
    response.headers.Set("Content-Length", base::StrCat(response.body.size()));
  }
  std::string out = ResponseHead(response.status, response.headers);
  if (may_have_body && !head_) out.append(response.body);
  answer_->Append(out, false, true);
}

void SocketExchange::Start(int status, Headers headers) {
  if (!answer_->Begin()) {
    BERTH_ERROR("request was answered twice", {"target", request_.target});
    return;
  }
  answer_->InPieces();
  no_body_ = head_ || !MayHaveBody(status);
  if (MayHaveBody(status) && !headers.Find("Content-Length")) {
    if (facts_.http10) {
      answer_->CloseAfter();
      headers.Set("Connection", "close");
    } else {
      headers.Set("Transfer-Encoding", "chunked");
      chunked_ = true;
    }
  }
  if (!HasToken(headers.Get("Connection"), "close")) SetConnection(headers);
  answer_->Append(ResponseHead(status, headers), false, false);
}

bool SocketExchange::Write(std::string_view data) {
  if (no_body_) data = {};
  return answer_->Append(data, chunked_ && !no_body_, false);
}

void SocketExchange::Finish() { answer_->Append("", chunked_ && !no_body_, true); }

absl::StatusOr<std::unique_ptr<Tunnel>> SocketExchange::Upgrade(Headers headers) {
  if (!headers.Find("Connection")) headers.Set("Connection", "Upgrade");
  return answer_->Upgrade(ResponseHead(101, headers));
}

void SocketExchange::StartRaw(Headers headers, std::string_view first, Answer::InputTask input) {
  if (!answer_->Begin()) {
    BERTH_ERROR("request was answered twice", {"target", request_.target});
    return;
  }
  answer_->InPieces();
  answer_->CloseAfter();
  answer_->Append(ResponseHead(101, headers).append(first), false, false);
  Answer::TakeInput(answer_, std::move(input));
}

void SocketExchange::OnDisconnect(absl::AnyInvocable<void()> callback) {
  answer_->OnDisconnect(std::move(callback));
}

}  // namespace berth::http
