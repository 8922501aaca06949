#include "server/access/token.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>

namespace holdfast::server {
namespace {

constexpr std::array<std::string_view, 4> scope_names{"read", "write", "lock", "admin"};

}  // namespace

std::string_view name_of(scope what) noexcept {
  return scope_names[static_cast<std::size_t>(what)];
}

std::optional<permission> parse_permission(std::string_view text) {
  if (text == name_of(scope::admin)) return permission{scope::admin, {}};
  for (auto const what : {scope::read, scope::write, scope::lock}) {
    auto const name = name_of(what);
    if (text.starts_with(name) && text.substr(name.size()).starts_with(':'))
      return permission{what, std::string(text.substr(name.size() + 1))};
  }
  return std::nullopt;
}

std::string to_string(permission const& one) {
  std::string text(name_of(one.what));
  if (one.what != scope::admin) (text += ':') += one.prefix;
  return text;
}

digest digest_of(std::string_view secret) {
  // Looked up once: the look-up takes longer than the digest.
  static std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> const sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                                      EVP_MD_free);
  digest sum{};
  if (!sha256 || EVP_Digest(secret.data(), secret.size(), sum.data(), nullptr, sha256.get(), nullptr) != 1)
    throw std::bad_alloc();
  return sum;
}

std::string to_hexadecimal(digest const& sum) {
  constexpr auto digits = "0123456789abcdef";
  std::string text;
  for (auto const byte : sum) (text += digits[byte >> 4U]) += digits[byte & 15U];
  return text;
}

bool token::allows(scope what, std::string_view prefix) const noexcept {
  return std::any_of(permissions.begin(), permissions.end(),
                     [&](permission const& one) { return one.what == what && prefix.starts_with(one.prefix); });
}

bool token::allows_any(scope what) const noexcept {
  return std::any_of(permissions.begin(), permissions.end(), [&](permission const& one) { return one.what == what; });
}

token const* token_set::find(std::string_view secret) const {
  auto const sum = digest_of(secret);
  token const* found = nullptr;
  for (auto const& one : tokens_)
    if (CRYPTO_memcmp(one.secret.data(), sum.data(), sum.size()) == 0) found = &one;
  return found;
}

std::string make_secret() {
  constexpr std::size_t secret_bytes = 32;
  std::array<std::uint8_t, secret_bytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("the system has no random bits for a secret");
  // base64url without padding (RFC 4648 §5).
  constexpr auto letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text = "hf_";
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (auto const byte : bytes) {
    bits = (bits << 8U) | byte;
    for (count += 8; count >= 6; count -= 6) text += letters[(bits >> (count - 6)) & 63U];
  }
  text += letters[(bits << (6 - count)) & 63U];
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return text;
}

}  // namespace holdfast::server
