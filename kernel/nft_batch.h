// SPDX-License-Identifier: Apache-2.0
// One atomic nf_tables transaction, written by hand as netlink messages: the libraries that do this
// are GPL. Everything takes effect together in NftSocket::Commit, or nothing does. A batch is about
// the one table it was made for. Single-threaded.
#ifndef BERTH_KERNEL_NFT_BATCH_H_
#define BERTH_KERNEL_NFT_BATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "kernel/netlink.h"
#include "kernel/netlink_message.h"
#include "kernel/nft_rule.h"

namespace berth::kernel {

enum class NftHook { kPrerouting = 0, kInput = 1, kForward = 2, kOutput = 3, kPostrouting = 4 };

struct NftChain {
  std::string name;
  // A base chain has these; an ordinary one has none.
  std::string type;  // "filter", "nat"
  NftHook hook = NftHook::kPrerouting;
  int priority = 0;
};

// nft's numbers for what a key or a datum is made of, so that `nft list` shows it well.
enum class NftType : uint32_t {
  kInteger = 4,
  kIp4 = 7,
  kIp6 = 8,
  kProtocol = 12,
  kPort = 13,
  kMark = 19
};
uint32_t NftTypeLength(NftType type);  // without the padding to a register

struct NftSet {
  std::string name;
  std::vector<NftType> key;   // several: a concatenation, each part padded to 4 bytes
  std::vector<NftType> data;  // a map's; empty for a set
  bool verdicts = false;      // a map to verdicts
  bool intervals = false;     // elements are ranges
  bool dynamic = false;       // rules add elements
  absl::Duration timeout = absl::ZeroDuration();
  uint32_t max_elements = 0;
  std::string userdata;  // what nft keeps there; see nft_typeof.h
};

// An element in the kernel's layout.
struct NftElement {
  std::string_view key;
  std::string_view key_end = {};  // a range's last key
  std::string_view data = {};
};

class NftBatch {
 public:
  NftBatch(NftFamily family, std::string table);

  void AddTable();
  void DeleteTable();
  void DeleteOtherTable(std::string_view table);  // of the same family; it has to be there
  void AddChain(const NftChain& chain);
  void DeleteChain(std::string_view name);
  void FlushChain(std::string_view name);  // of its rules
  void AddRule(std::string_view chain, const NftRule& rule);
  void AddSet(const NftSet& set);
  void DeleteSet(std::string_view name);
  // Neighbouring elements of one set share a message, up to its size limit.
  void AddElement(std::string_view set, const NftElement& element);
  void DeleteElement(std::string_view set, const NftElement& element);

  bool empty() const { return objects_.size() <= 1; }
  // What the kernel's complaint is about: `element 0a600001... of set svc-4`.
  std::string Describe(const NetlinkError& error) const;
  // Ends the batch. Sequence numbers are 0 to last_sequence(), which asks for the acknowledgement.
  std::string_view Finish();
  uint32_t last_sequence() const { return last_sequence_; }
  size_t bytes() const { return buffer_.size(); }

 private:
  void Begin(uint16_t message, uint16_t flags, std::string what);
  void End() { buffer_.EndMessage(); }
  void Element(uint16_t message, uint16_t flags, std::string_view set, const NftElement& element);
  void CloseElements();

  const NftFamily family_;
  const std::string table_;
  NetlinkBuffer buffer_;
  struct Object {
    size_t offset;
    std::string what;
  };
  std::vector<Object> objects_;  // by sequence number
  uint32_t set_id_ = 0;
  bool finished_ = false;
  uint32_t last_sequence_ = 0;

  // The element message that is open.
  std::string open_set_;
  uint16_t open_message_ = 0;
  std::optional<size_t> open_list_;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NFT_BATCH_H_
