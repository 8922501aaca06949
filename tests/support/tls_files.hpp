#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace holdfast::tests {

/// A directory with the certificate of an authority, which issues others. Created for each test, so that no key is
/// stored permanently.
class tls_files {
 public:
  tls_files();
  ~tls_files();
  tls_files(tls_files const&) = delete;
  tls_files& operator=(tls_files const&) = delete;

  struct identity {
    std::string certificate, key;  ///< the files
  };

  /// Issues a certificate for `names`, in the format of subjectAltName, and writes NAME.pem and NAME.key, replacing
  /// existing files. @param expires_in negative for an expired certificate
  identity issue(std::string const& name, std::string const& names = "DNS:localhost,IP:127.0.0.1",
                 std::chrono::seconds expires_in = std::chrono::hours(1));

  [[nodiscard]] std::string authority() const { return path("authority.pem"); }
  [[nodiscard]] std::string path(std::string const& file) const { return (directory_ / file).string(); }
  [[nodiscard]] std::string content_of(std::string const& file) const;
  /// Replaces an existing file.
  void write(std::string const& file, std::string const& text) const;

 private:
  class authority_keys;

  std::filesystem::path directory_;
  std::unique_ptr<authority_keys> keys_;
  long last_serial_ = 1;
};

}  // namespace holdfast::tests
