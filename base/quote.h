// SPDX-License-Identifier: Apache-2.0
// Text in quotes, as Go writes it.
#ifndef BERTH_BASE_QUOTE_H_
#define BERTH_BASE_QUOTE_H_

#include <string>
#include <string_view>

namespace berth::base {

// As encoding/json does: HTML's <, > and & and U+2028/9 are escaped, invalid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);
// As the verb %q does, but that every valid UTF-8 sequence counts as printable.
void AppendGoQuoted(std::string& out, std::string_view text);

}  // namespace berth::base

#endif  // BERTH_BASE_QUOTE_H_
