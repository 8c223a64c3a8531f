// SPDX-License-Identifier: Apache-2.0
// Memory that a daemon at rest holds without using it.
#ifndef BERTH_BASE_RESIDENT_MEMORY_H_
#define BERTH_BASE_RESIDENT_MEMORY_H_

#include <cstddef>

namespace berth::base {

// Gives free heap back to the kernel, and unmaps the pages of the program's and its libraries'
// files that are only ever read: what starting and a burst of work needed. The page cache keeps
// them, so code that runs again costs a minor fault per 16 pages. Returns the bytes of files that
// were let go of, mapped or not. Any thread, at any time.
size_t ReleaseIdleMemory();

}  // namespace berth::base

#endif  // BERTH_BASE_RESIDENT_MEMORY_H_
