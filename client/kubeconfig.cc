// SPDX-License-Identifier: Apache-2.0
#include "client/kubeconfig.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "api/codec.h"
#include "base/status.h"
#include "client/token_file.h"

namespace berth::client {
namespace {

using Json = nlohmann::json;

absl::StatusOr<std::string> ReadText(std::string_view path) {
  std::ifstream in{std::string(path)};
  std::ostringstream out;
  if (!in || !(out << in.rdbuf())) return base::NotFound("cannot read ", path);
  return out.str();
}

// One mapping of the file, and how errors call it.
class Section {
 public:
  Section(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  absl::StatusOr<std::string> Text(const char* field) const {
    const auto it = json_.find(field);
    if (it == json_.end() || it->is_null()) return std::string();
    if (!it->is_string()) return base::InvalidArgument(path_, ".", field, ": want a string");
    return it->get<std::string>();
  }
  absl::StatusOr<bool> Flag(const char* field) const {
    const auto it = json_.find(field);
    if (it == json_.end() || it->is_null()) return false;
    if (!it->is_boolean()) return base::InvalidArgument(path_, ".", field, ": want a boolean");
    return it->get<bool>();
  }
  // What `field`-data holds in base64, or else the file that `field` names.
  absl::StatusOr<std::string> Data(const std::string& field, std::string_view folder) const {
    const std::string data_field = field + "-data";
    ASSIGN_OR_RETURN(const std::string data, Text(data_field.c_str()));
    std::string out;
    if (!data.empty()) {
      if (!absl::Base64Unescape(base::Av(data), &out)) {
        return base::InvalidArgument(path_, ".", data_field, ": malformed base64");
      }
      return out;
    }
    ASSIGN_OR_RETURN(const std::string file, Text(field.c_str()));
    if (file.empty()) return out;
    ASSIGN_OR_RETURN(out, ReadText(Absolute(file, folder)), path_, ".", field);
    return out;
  }
  static std::string Absolute(const std::string& file, std::string_view folder) {
    return file.empty() || file.starts_with('/') ? file : base::StrCat(folder, "/", file);
  }
  const std::string& path() const { return path_; }
  const Json& json() const { return json_; }

 private:
  const Json& json_;
  const std::string path_;
};

// The entry of `list` with this name: its part `part`.
absl::StatusOr<Section> Named(const Json& config, const char* list, const char* part,
                              const std::string& name) {
  const auto entries = config.find(list);
  if (entries != config.end() && entries->is_array()) {
    for (const Json& entry : *entries) {
      if (!entry.is_object()) continue;
      const auto found = entry.find("name");
      if (found == entry.end() || !found->is_string() || found->get<std::string>() != name)
        continue;
      const auto it = entry.find(part);
      if (it != entry.end() && it->is_object()) {
        return Section(*it, base::StrCat(list, "[", name, "].", part));
      }
      return base::InvalidArgument(list, "[", name, "].", part, ": missing");
    }
  }
  return base::InvalidArgument(list, ": no entry named \"", name, "\"");
}

absl::Status ParseServer(const Section& cluster, Kubeconfig& out) {
  ASSIGN_OR_RETURN(const std::string server, cluster.Text("server"));
  std::string_view rest = server;
  const auto bad = [&](std::string_view why) {
    return base::InvalidArgument(cluster.path(), ".server: ", why, ": \"", server, "\"");
  };
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    out.https = false;
  } else {
    return bad("want https://host:port");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) return bad("a path is not supported");
  out.port = out.https ? 443 : 80;
  std::string_view port;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return bad("no ] after the address");
    out.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    out.host = rest.substr(0, rest.find(':'));
    port = rest.substr(out.host.size());
  }
  if (out.host.empty()) return bad("no host");
  if (port.empty()) return absl::OkStatus();
  const auto number = base::ParseInt<uint16_t>(port.substr(1));
  if (!port.starts_with(':') || !number) return bad("bad port");
  out.port = *number;
  return absl::OkStatus();
}

absl::Status ParseUser(const Section& user, std::string_view folder, Kubeconfig& out) {
  for (const char* field : {"exec", "auth-provider", "username", "password"}) {
    if (user.json().contains(field)) {
      return base::InvalidArgument(user.path(), ".", field, ": not supported");
    }
  }
  ASSIGN_OR_RETURN(out.tls.certificate_pem, user.Data("client-certificate", folder));
  ASSIGN_OR_RETURN(out.tls.key_pem, user.Data("client-key", folder));
  if (out.tls.certificate_pem.empty() != out.tls.key_pem.empty()) {
    return base::InvalidArgument(user.path(), ": client-certificate and client-key go together");
  }
  for (const auto& [field, file] : {std::pair("client-certificate", &out.certificate_file),
                                    std::pair("client-key", &out.key_file)}) {
    if (user.json().contains(base::StrCat(field, "-data"))) continue;
    ASSIGN_OR_RETURN(*file, user.Text(field));
    *file = Section::Absolute(*file, folder);
  }
  ASSIGN_OR_RETURN(out.token, user.Text("token"));
  ASSIGN_OR_RETURN(const std::string token_file, user.Text("tokenFile"));
  out.token_file = Section::Absolute(token_file, folder);
  return absl::OkStatus();
}

absl::StatusOr<Kubeconfig> ParseConfig(const Json& config, std::string_view folder) {
  const Section top(config, "kubeconfig");
  ASSIGN_OR_RETURN(const std::string current, top.Text("current-context"));
  if (current.empty()) return base::InvalidArgument("current-context: missing");
  ASSIGN_OR_RETURN(const Section context, Named(config, "contexts", "context", current));
  ASSIGN_OR_RETURN(const std::string cluster_name, context.Text("cluster"));
  ASSIGN_OR_RETURN(const std::string user_name, context.Text("user"));
  ASSIGN_OR_RETURN(const std::string namespace_, context.Text("namespace"));

  Kubeconfig out;
  if (!namespace_.empty()) out.namespace_ = namespace_;
  ASSIGN_OR_RETURN(const Section cluster, Named(config, "clusters", "cluster", cluster_name));
  RETURN_IF_ERROR(ParseServer(cluster, out));
  ASSIGN_OR_RETURN(out.tls.ca_pem, cluster.Data("certificate-authority", folder));
  ASSIGN_OR_RETURN(out.tls.server_name, cluster.Text("tls-server-name"));
  ASSIGN_OR_RETURN(out.tls.insecure_skip_verify, cluster.Flag("insecure-skip-tls-verify"));
  if (user_name.empty()) return out;
  ASSIGN_OR_RETURN(const Section user, Named(config, "users", "user", user_name));
  RETURN_IF_ERROR(ParseUser(user, folder, out));
  return out;
}

std::string Base64(std::string_view text) { return absl::Base64Escape(base::Av(text)); }

}  // namespace

absl::StatusOr<Kubeconfig> LoadKubeconfig(std::string_view path) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(path), "kubeconfig");
  const size_t slash = path.rfind('/');
  const std::string_view folder =
      slash == std::string_view::npos ? std::string_view(".") : path.substr(0, slash);
  ASSIGN_OR_RETURN(Kubeconfig config, ParseKubeconfig(text, folder), "kubeconfig ", path);
  return config;
}

absl::StatusOr<Kubeconfig> ParseKubeconfig(std::string_view text, std::string_view folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> documents, api::YamlToJson(text));
  if (documents.empty()) return base::InvalidArgument("the file is empty");
  const Json config = Json::parse(documents[0], nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return base::InvalidArgument("want a mapping at the top");
  return ParseConfig(config, folder);
}

std::string WriteKubeconfig(const Kubeconfig& config, std::string_view cluster,
                            std::string_view user, std::string_view server) {
  const bool is_v6 = config.host.find(':') != std::string::npos;
  const std::string own =
      base::StrCat(config.https ? "https://" : "http://",
                   is_v6 ? base::StrCat("[", config.host, "]") : config.host, ":", config.port);
  Json cluster_json = {{"server", server.empty() ? own : std::string(server)}};
  const auto put = [](Json& json, const char* field, const std::string& value) {
    if (!value.empty()) json[field] = value;
  };
  put(cluster_json, "certificate-authority-data", Base64(config.tls.ca_pem));
  put(cluster_json, "tls-server-name", config.tls.server_name);
  if (config.tls.insecure_skip_verify) cluster_json["insecure-skip-tls-verify"] = true;
  Json user_json = Json::object();
  put(user_json, "client-certificate", config.certificate_file);
  put(user_json, "client-key", config.key_file);
  if (config.certificate_file.empty()) {
    put(user_json, "client-certificate-data", Base64(config.tls.certificate_pem));
  }
  if (config.key_file.empty()) put(user_json, "client-key-data", Base64(config.tls.key_pem));
  put(user_json, "token", config.token);
  put(user_json, "tokenFile", config.token_file);
  const std::string context = base::StrCat(user, "@", cluster);
  const std::string cluster_name(cluster);
  const std::string user_name(user);
  Json context_json = {{"cluster", cluster_name}, {"user", user_name}};
  if (config.namespace_ != "default") context_json["namespace"] = config.namespace_;
  const Json out = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"current-context", context},
      {"contexts", Json::array({{{"name", context}, {"context", context_json}}})},
      {"clusters", Json::array({{{"name", cluster_name}, {"cluster", cluster_json}}})},
      {"users", Json::array({{{"name", user_name}, {"user", user_json}}})},
  };
  return out.dump(2) + "\n";  // JSON is YAML
}

absl::StatusOr<std::unique_ptr<RenewableTransport>> MakeTransport(http::IoContext& io,
                                                                  const Kubeconfig& config) {
  http::ClientOptions options;
  options.host = config.host;
  options.port = config.port;
  if (config.https) options.tls = config.tls;
  ASSIGN_OR_RETURN(auto client, http::MakeClient(io, std::move(options)), "API server ",
                   config.host);
  std::function<std::string()> token;
  if (!config.token_file.empty()) {
    token = [file = std::make_shared<TokenFile>(config.token_file)] { return file->Read(); };
  } else if (!config.token.empty()) {
    token = [text = config.token] { return text; };
  }
  return MakeRenewableTransport(std::move(client), std::move(token));
}

}  // namespace berth::client
