// SPDX-License-Identifier: Apache-2.0
// For tests: certificate authorities and certificates, made on the spot.
#ifndef BERTH_HTTP_TEST_CERTS_H_
#define BERTH_HTTP_TEST_CERTS_H_

#include <memory>
#include <string>
#include <vector>

namespace berth::http {

struct TestIdentity {
  std::string certificate_pem;
  std::string key_pem;
};

class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "test-ca");
  ~TestCa();
  const std::string& pem() const { return pem_; }
  // `sans` as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1". Valid from an hour ago for
  // `hours`; a negative value makes an expired certificate.
  TestIdentity Server(const std::string& sans = "DNS:localhost,IP:127.0.0.1", int hours = 24) const;
  TestIdentity Client(const std::string& common_name,
                      const std::vector<std::string>& organizations = {}) const;

 private:
  TestIdentity Sign(const std::string& common_name, const std::vector<std::string>& organizations,
                    const std::string& sans, const char* usage, int hours) const;
  struct Rep;
  std::unique_ptr<Rep> rep_;
  std::string pem_;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_TEST_CERTS_H_
