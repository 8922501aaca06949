#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server {

/// What a token allows.
enum class scope : std::uint8_t {
  read,   ///< values, lists, watches, exports of keys with a prefix
  write,  ///< changes of keys with a prefix
  lock,   ///< named locks with a prefix; without a prefix also holds of the database's lock
  admin,  ///< settings, backups and everything about the lock, but no values
};

[[nodiscard]] std::string_view name_of(scope what) noexcept;

struct permission {
  scope what;
  std::string prefix;  ///< of keys or lock names; empty: all
};

/// Parses `read:users/`, `lock:` or `admin`. @return nullopt if it is not a permission.
[[nodiscard]] std::optional<permission> parse_permission(std::string_view text);
[[nodiscard]] std::string to_string(permission const& one);

/// A SHA-256 digest.
using digest = std::array<std::uint8_t, 32>;
[[nodiscard]] digest digest_of(std::string_view secret);
[[nodiscard]] std::string to_hexadecimal(digest const& sum);

/// A client's permissions. The server knows only the digest of the secret.
struct token {
  using instant = std::chrono::system_clock::time_point;

  std::string name;
  digest secret{};  ///< digest of the secret's text
  std::optional<instant> expires;
  std::vector<permission> permissions;

  /// True if the token allows this for all keys that begin with a prefix; a key is its own prefix.
  [[nodiscard]] bool allows(scope what, std::string_view prefix) const noexcept;
  [[nodiscard]] bool allows_any(scope what) const noexcept;
};

/// An immutable set of tokens. Any thread.
class token_set {
 public:
  token_set() = default;
  explicit token_set(std::vector<token> tokens) : tokens_(std::move(tokens)) {}

  /// The token with this secret, or null. The time it takes does not depend on the digests.
  [[nodiscard]] token const* find(std::string_view secret) const;
  [[nodiscard]] std::vector<token> const& all() const noexcept { return tokens_; }

 private:
  std::vector<token> tokens_;
};

/// Creates a secret of 256 random bits, as text that needs no escaping: `hf_` and 43 letters, digits, `-` and `_`.
/// @throws std::runtime_error if the system has no random bits.
[[nodiscard]] std::string make_secret();

}  // namespace holdfast::server
