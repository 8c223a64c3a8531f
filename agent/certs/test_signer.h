// SPDX-License-Identifier: Apache-2.0
// For tests: signs requests, as a cluster's signer does.
#ifndef BERTH_AGENT_CERTS_TEST_SIGNER_H_
#define BERTH_AGENT_CERTS_TEST_SIGNER_H_

#include <string>

#include "absl/time/time.h"

namespace berth::agent {

// A certificate for what `request_pem` asks for, by an authority that nobody knows.
std::string SignForTest(const std::string& request_pem, absl::Time from, absl::Time to);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_TEST_SIGNER_H_
