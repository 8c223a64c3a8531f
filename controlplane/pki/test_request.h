// SPDX-License-Identifier: Apache-2.0
// For tests: certificate requests, made on the spot.
#ifndef BERTH_CONTROLPLANE_PKI_TEST_REQUEST_H_
#define BERTH_CONTROLPLANE_PKI_TEST_REQUEST_H_

#include <string>
#include <vector>

namespace berth::controlplane {

// PEM. `names` as OpenSSL writes alternative names: "DNS:n1,IP:192.0.2.1"; "" is none. With
// `forged` the signature is another key's.
std::string TestRequest(const std::string& common_name,
                        const std::vector<std::string>& organizations,
                        const std::string& names = "", bool forged = false);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PKI_TEST_REQUEST_H_
