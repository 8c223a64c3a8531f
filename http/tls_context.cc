// SPDX-License-Identifier: Apache-2.0
#include "http/tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace berth::http {
namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(GENERAL_NAMES* p) const { GENERAL_NAMES_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

constexpr unsigned char kAlpn[] = "\x08http/1.1";
constexpr unsigned int kAlpnSize = sizeof kAlpn - 1;

std::string QueuedError() {
  std::string out;
  while (const unsigned long code = ERR_get_error()) {
    if (!out.empty()) continue;  // the first is the cause
    const char* reason = ERR_reason_error_string(code);
    out = reason != nullptr ? reason : "TLS error";
  }
  return out;
}

Owned<BIO> Text(std::string_view pem) {
  return Owned<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::vector<Owned<X509>> Certificates(std::string_view pem) {
  std::vector<Owned<X509>> out;
  const auto bio = Text(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(certificate);
  }
  ERR_clear_error();  // the end of the text counts as an error
  return out;
}

absl::Status UseIdentity(SSL_CTX* context, std::string_view certificate, std::string_view key) {
  const auto chain = Certificates(certificate);
  if (chain.empty()) return base::InvalidArgument("certificate: no PEM certificate found");
  const auto bio = Text(key);
  const Owned<EVP_PKEY> private_key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (private_key == nullptr) return base::InvalidArgument("key: ", QueuedError());
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, private_key.get()) != 1) {
    return base::InvalidArgument("certificate and key: ", QueuedError());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    SSL_CTX_add1_chain_cert(context, chain[i].get());
  }
  return absl::OkStatus();
}

absl::Status TrustOnly(SSL_CTX* context, std::string_view ca, bool tell_peer) {
  const auto roots = Certificates(ca);
  if (roots.empty()) return base::InvalidArgument("CA: no PEM certificate found");
  for (const auto& root : roots) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get());
    if (tell_peer) SSL_CTX_add_client_CA(context, root.get());
  }
  return absl::OkStatus();
}

absl::StatusOr<SslContext> NewContext(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr) return base::Internal("making a TLS context: ", QueuedError());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  // Idle connections give their 34 KB of buffers back.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, kAlpnSize, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::string NameText(const X509_NAME* name) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::vector<std::string> Entries(const X509_NAME* name, int nid) {
  std::vector<std::string> out;
  for (int i = X509_NAME_get_index_by_NID(name, nid, -1); i >= 0;
       i = X509_NAME_get_index_by_NID(name, nid, i)) {
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    if (size < 0) continue;
    out.emplace_back(reinterpret_cast<char*>(text), static_cast<size_t>(size));
    OPENSSL_free(text);
  }
  return out;
}

// The names and addresses that a certificate stands for.
std::string ValidFor(const X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                         ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      const int size = ASN1_STRING_length(name->d.iPAddress);
      char text[INET6_ADDRSTRLEN] = "";
      inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
                sizeof text);
      names.emplace_back(text);
    }
  }
  return names.empty() ? "no name" : base::Join(names, ", ");
}

// The session forgets a certificate that does not verify, so the error's text needs it kept aside.
int RefusedIndex() {
  static const int kIndex =
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr,
                           [](void*, void* certificate, CRYPTO_EX_DATA*, int, long, void*) {
                             X509_free(static_cast<X509*>(certificate));
                           });
  return kIndex;
}

int Verified(int ok, X509_STORE_CTX* store) {
  if (ok == 1) return ok;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  if (ssl == nullptr || certificate == nullptr) return ok;
  X509_up_ref(certificate);
  X509_free(static_cast<X509*>(SSL_get_ex_data(ssl, RefusedIndex())));
  SSL_set_ex_data(ssl, RefusedIndex(), certificate);
  return ok;
}

std::string VerifyError(const SSL* ssl, long result, std::string_view server_name) {
  const X509* certificate = static_cast<X509*>(SSL_get_ex_data(ssl, RefusedIndex()));
  const std::string subject =
      certificate != nullptr ? NameText(X509_get_subject_name(certificate)) : "unknown";
  switch (result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return base::StrCat("certificate signed by unknown authority: ", subject);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return base::StrCat("certificate is valid for ",
                          certificate != nullptr ? ValidFor(certificate) : "no name", ", not ",
                          server_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return base::StrCat("certificate has expired or is not yet valid: ", subject);
    default:
      return base::StrCat("certificate: ", X509_verify_cert_error_string(result), ": ", subject);
  }
}

}  // namespace

absl::StatusOr<SslContext> MakeServerContext(const TlsServerOptions& options) {
  ASSIGN_OR_RETURN(SslContext context, NewContext(TLS_server_method()));
  RETURN_IF_ERROR(UseIdentity(context.get(), options.certificate_pem, options.key_pem),
                  "server TLS");
  SSL_CTX_set_alpn_select_cb(context.get(), SelectAlpn, nullptr);
  if (!options.client_ca_pem.empty()) {
    RETURN_IF_ERROR(TrustOnly(context.get(), options.client_ca_pem, /*tell_peer=*/true),
                    "server TLS: client ");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, Verified);
  }
  return context;
}

absl::StatusOr<SslContext> MakeClientContext(const TlsClientOptions& options) {
  ASSIGN_OR_RETURN(SslContext context, NewContext(TLS_client_method()));
  if (!options.certificate_pem.empty()) {
    RETURN_IF_ERROR(UseIdentity(context.get(), options.certificate_pem, options.key_pem),
                    "client TLS");
  }
  if (options.insecure_skip_verify) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  } else {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, Verified);
    if (options.ca_pem.empty()) {
      SSL_CTX_set_default_verify_paths(context.get());
    } else {
      RETURN_IF_ERROR(TrustOnly(context.get(), options.ca_pem, /*tell_peer=*/false), "client TLS");
    }
  }
  SSL_CTX_set_alpn_protos(context.get(), kAlpn, kAlpnSize);
  return context;
}

absl::StatusOr<SslPtr> NewServerSession(const SslContext& context) {
  SslPtr ssl(SSL_new(context.get()));
  if (ssl == nullptr) return base::Internal("making a TLS session: ", QueuedError());
  SSL_set_accept_state(ssl.get());
  return ssl;
}

absl::StatusOr<SslPtr> NewClientSession(const SslContext& context, const std::string& server_name) {
  SslPtr ssl(SSL_new(context.get()));
  if (ssl == nullptr) return base::Internal("making a TLS session: ", QueuedError());
  SSL_set_connect_state(ssl.get());
  unsigned char address[16];
  const bool is_address = inet_pton(AF_INET, server_name.c_str(), address) == 1 ||
                          inet_pton(AF_INET6, server_name.c_str(), address) == 1;
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), server_name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
    X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(ssl.get()),
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl.get()), server_name.data(), server_name.size());
  }
  return ssl;
}

std::optional<PeerCertificate> PeerOf(const SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  PeerCertificate out;
  auto names = Entries(subject, NID_commonName);
  if (!names.empty()) out.common_name = std::move(names.back());
  out.organizations = Entries(subject, NID_organizationName);
  return out;
}

std::string TlsError(SSL* ssl, std::string_view server_name) {
  std::string queued = QueuedError();
  const long result = SSL_get_verify_result(ssl);
  if (!SSL_is_init_finished(ssl) && result != X509_V_OK) {
    return VerifyError(ssl, result, server_name);
  }
  return queued.empty() ? "connection broke" : queued;
}

}  // namespace berth::http
