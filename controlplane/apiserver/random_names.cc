// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/random_names.h"

#include <openssl/rand.h>

#include <string_view>
#include <vector>

namespace berth::controlplane {
namespace {

std::vector<unsigned char> RandomBytes(int count) {
  std::vector<unsigned char> bytes(count);
  RAND_bytes(bytes.data(), count);
  return bytes;
}

}  // namespace

std::string NewUid() {
  constexpr char kHex[] = "0123456789abcdef";
  std::vector<unsigned char> bytes = RandomBytes(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  std::string out;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

std::string RandomSuffix(int length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (const unsigned char byte : RandomBytes(length)) out += kAlphabet[byte % kAlphabet.size()];
  return out;
}

}  // namespace berth::controlplane
