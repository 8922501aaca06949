#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace holdfast::tests {

/// A directory with an authority's certificate, in which it issues others. Made anew for each test, so that no key is
/// kept anywhere.
class tls_files {
 public:
  tls_files();
  ~tls_files();
  tls_files(tls_files const&) = delete;
  tls_files& operator=(tls_files const&) = delete;

  struct identity {
    std::string certificate, key;  ///< the files
  };

  /// Issues a certificate for `names`, as subjectAltName has them, and writes NAME.pem and NAME.key, each put in the
  /// place of one of that name that was there. @param expires_in negative: it has expired
  identity issue(std::string const& name, std::string const& names = "DNS:localhost,IP:127.0.0.1",
                 std::chrono::seconds expires_in = std::chrono::hours(1));

  [[nodiscard]] std::string authority() const { return path("authority.pem"); }
  [[nodiscard]] std::string path(std::string const& file) const { return (directory_ / file).string(); }
  /// Puts a file in the place of one that is there.
  void write(std::string const& file, std::string const& text) const;

 private:
  class authority_keys;

  std::filesystem::path directory_;
  std::unique_ptr<authority_keys> keys_;
  long last_serial_ = 1;
};

}  // namespace holdfast::tests
