// SPDX-License-Identifier: Apache-2.0
// What each TCP connection of ours is set to, client's or server's.
#ifndef BERTH_HTTP_TCP_OPTIONS_H_
#define BERTH_HTTP_TCP_OPTIONS_H_

namespace berth::http {

// Nothing waits for a fuller packet. A peer that a lost network or machine took away is noticed
// after 45 s of silence: a watch only ever reads, and would wait for its events until its own
// timeout. (TCP_USER_TIMEOUT is not for us: it also cuts off who reads slowly.)
void SetTcpOptions(int fd);

}  // namespace berth::http

#endif  // BERTH_HTTP_TCP_OPTIONS_H_
