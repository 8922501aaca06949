#include "server/store/outcome_codec.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

#include "server/store/answered_requests.hpp"

namespace holdfast::server {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr char version = 1;

/// The kinds of outcome in the bytes; never change a number.
enum class tag : char {
  value_found = 1,
  not_modified = 2,
  value_stored = 3,
  value_deleted = 4,
  value_touched = 5,
  no_such_key = 6,
  condition_failed = 7,
  value_refused = 8,
  listing = 9,
  range_deleted = 10,
  transaction = 11,
  lock_lost = 12,
  listing_without_values = 13,
};

/// The bytes are not a result of encode_outcome().
class unknown_bytes : public std::exception {};

class writer {
 public:
  explicit writer(moment const& now) : now_(now) {}

  void number(std::uint64_t one) {
    constexpr int bits = 7;
    for (; one >= 1u << bits; one >>= bits) out += static_cast<char>((one & ((1u << bits) - 1)) | 1u << bits);
    out += static_cast<char>(one);
  }
  void flag(bool one) { out += one ? '\1' : '\0'; }
  void text(std::string_view one) {
    number(one.size());
    out += one;
  }
  void value(json_text const& one) {
    flag(one != nullptr);
    if (one) text(*one);
  }
  void expiry(expiry_time one) {
    flag(one != no_expiry);
    if (one == no_expiry) return;
    auto const at = now_.wall + std::chrono::duration_cast<system_clock::duration>(one - now_.steady);
    number(static_cast<std::uint64_t>(std::chrono::duration_cast<nanoseconds>(at.time_since_epoch()).count()));
  }
  void index(std::optional<std::size_t> one) { number(one ? *one + 1 : 0); }
  void optional_text(std::optional<std::string> const& one) {
    flag(one.has_value());
    if (one) text(*one);
  }

  void outcome(data_outcome const& one) { std::visit(*this, one); }

  void operator()(value_found const& one) {
    begin(tag::value_found);
    value(one.value);
    number(one.revision);
    expiry(one.expires);
  }
  void operator()(not_modified const& one) {
    begin(tag::not_modified);
    number(one.revision);
    expiry(one.expires);
  }
  void operator()(value_stored const& one) {
    begin(tag::value_stored);
    number(one.revision);
    flag(one.created);
    value(one.value);
    expiry(one.expires);
  }
  void operator()(value_deleted const& one) {
    begin(tag::value_deleted);
    number(one.revision);
    value(one.removed);
  }
  void operator()(value_touched const& one) {
    begin(tag::value_touched);
    value(one.value);
    number(one.revision);
    expiry(one.expires);
  }
  void operator()(no_such_key const&) { begin(tag::no_such_key); }
  void operator()(condition_failed const& one) {
    begin(tag::condition_failed);
    number(one.revision);
    flag(one.must_be_new);
    flag(one.had_weak_tag);
  }
  void operator()(value_refused const& one) {
    begin(tag::value_refused);
    text(protocol::traits_of(one.code).code);
    text(one.detail);
  }
  void operator()(listing const& one) {
    auto const has_values =
        std::all_of(one.entries.begin(), one.entries.end(), [](auto const& each) { return each.value != nullptr; });
    begin(has_values ? tag::listing : tag::listing_without_values);
    number(one.entries.size());
    for (auto const& each : one.entries) {
      text(one.key_of(each));
      number(each.revision);
      if (has_values) {
        value(each.value);
      } else {
        number(each.bytes);
      }
      expiry(each.expires);
    }
    number(one.groups.size());
    for (auto const& each : one.groups) text(one.key_of(each));
    optional_text(one.next);
  }
  void operator()(range_deleted const& one) {
    begin(tag::range_deleted);
    number(one.count);
    optional_text(one.next);
  }
  void operator()(transaction_done const& one) {
    begin(tag::transaction);
    number(one->failed_checks.size());
    for (auto const& each : one->failed_checks) {
      number(each.index);
      number(each.revision);
    }
    number(one->results.size());
    for (auto const& each : one->results) outcome(each);
    index(one->failed_step);
  }
  void operator()(lock_lost const& one) {
    begin(tag::lock_lost);
    text(one.grant.lock);
    number(one.grant.token);
  }
  template <class Other>
  void operator()(Other const&) {
    throw std::logic_error("no outcome of an idempotent operation");
  }

  std::string out;

 private:
  void begin(tag one) { out += static_cast<char>(one); }

  moment const& now_;
};

class reader {
 public:
  reader(std::string_view bytes, moment const& now) : bytes_(bytes), now_(now) {}

  std::uint64_t number() {
    constexpr unsigned bits = 7;
    std::uint64_t one = 0;
    for (unsigned shift = 0; shift < 64; shift += bits) {
      auto const next = static_cast<unsigned char>(byte());
      one |= std::uint64_t(next & ((1u << bits) - 1)) << shift;
      if (next < 1u << bits) return one;
    }
    throw unknown_bytes();
  }
  bool flag() { return byte() != '\0'; }
  std::string_view text() { return take(number()); }
  json_text value() { return flag() ? std::make_shared<std::string const>(text()) : nullptr; }
  expiry_time expiry() {
    if (!flag()) return no_expiry;
    nanoseconds const since(static_cast<std::int64_t>(number()));
    auto const at = system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(since));
    return now_.steady + std::chrono::duration_cast<steady_clock::duration>(at - now_.wall);
  }
  std::optional<std::size_t> index() {
    auto const one = number();
    return one != 0 ? std::optional<std::size_t>(one - 1) : std::nullopt;
  }
  std::optional<std::string> optional_text() { return flag() ? std::optional<std::string>(text()) : std::nullopt; }
  /// Number of parts that follow; each has at least one byte.
  std::size_t count() {
    auto const one = number();
    if (one > bytes_.size()) throw unknown_bytes();
    return one;
  }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) throw unknown_bytes();
    auto const taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  [[nodiscard]] bool is_at_end() const noexcept { return bytes_.empty(); }

  // Members are read in order: a braced list is evaluated from left to right.
  data_outcome outcome() {
    switch (static_cast<tag>(byte())) {
      case tag::value_found:
        return value_found{value(), number(), expiry()};
      case tag::not_modified:
        return not_modified{number(), expiry()};
      case tag::value_stored:
        return value_stored{number(), flag(), value(), nullptr, expiry()};
      case tag::value_deleted:
        return value_deleted{number(), value()};
      case tag::value_touched:
        return value_touched{value(), number(), expiry()};
      case tag::no_such_key:
        return no_such_key{};
      case tag::condition_failed:
        return condition_failed{number(), flag(), flag()};
      case tag::value_refused:
        return value_refused{code(), std::string(text())};
      case tag::listing:
        return page(true);
      case tag::listing_without_values:
        return page(false);
      case tag::range_deleted:
        return range_deleted{number(), optional_text(), {}};
      case tag::transaction:
        return transaction();
      case tag::lock_lost: {
        auto lock = text();
        return lock_lost{{std::string(lock), number()}};
      }
    }
    throw unknown_bytes();
  }

 private:
  char byte() { return take(1).front(); }

  protocol::errc code() {
    auto const name = text();
    for (int i = 0; i <= static_cast<int>(protocol::errc::internal); ++i)
      if (protocol::traits_of(static_cast<protocol::errc>(i)).code == name) return static_cast<protocol::errc>(i);
    throw unknown_bytes();
  }
  listing::entry key(listing& page) {
    auto const one = text();
    listing::entry made;
    made.key_begin = static_cast<std::uint32_t>(page.keys.size());
    made.key_bytes = static_cast<std::uint32_t>(one.size());
    page.keys += one;
    return made;
  }
  listing page(bool has_values) {
    listing page;
    for (auto left = count(); left > 0; --left) {
      auto& one = page.entries.emplace_back(key(page));
      one.revision = number();
      if (has_values) {
        one.value = value();
      } else {
        one.bytes = number();
      }
      one.expires = expiry();
    }
    for (auto left = count(); left > 0; --left) page.groups.push_back(key(page));
    page.next = optional_text();
    return page;
  }
  transaction_done transaction() {
    auto done = std::make_shared<transaction_outcome>();
    for (auto left = count(); left > 0; --left) {
      auto const which = number();
      done->failed_checks.push_back({which, number()});
    }
    for (auto left = count(); left > 0; --left) done->results.push_back(outcome());
    done->failed_step = index();
    return {std::move(done), {}};
  }

  std::string_view bytes_;
  moment const& now_;
};

}  // namespace

std::string encode_outcome(earlier_outcome const& one, moment const& now) {
  writer to(now);
  to.out.reserve(bytes_of(one.outcome));
  to.out += version;
  to.out.append(one.fingerprint.begin(), one.fingerprint.end());
  to.number(one.revision);
  to.outcome(one.outcome);
  return std::move(to.out);
}

std::optional<earlier_outcome> decode_outcome(std::string_view bytes, moment const& now) {
  reader from(bytes, now);
  try {
    if (from.take(1).front() != version) return std::nullopt;
    earlier_outcome one{.fingerprint = {}, .outcome = no_such_key{}};
    auto const fingerprint = from.take(one.fingerprint.size());
    std::copy(fingerprint.begin(), fingerprint.end(), one.fingerprint.begin());
    one.revision = from.number();
    one.outcome = from.outcome();
    return from.is_at_end() ? std::optional(std::move(one)) : std::nullopt;
  } catch (unknown_bytes const&) {
    return std::nullopt;
  }
}

}  // namespace holdfast::server
