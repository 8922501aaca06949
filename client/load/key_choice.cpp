#include "client/load/key_choice.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

using kind = key_choice::kind;

constexpr double theta_max = 5;
constexpr std::array<std::pair<std::string_view, kind>, 5> names{{{"uniform", kind::uniform},
                                                                  {"zipfian", kind::zipfian},
                                                                  {"scrambled", kind::scrambled},
                                                                  {"latest", kind::latest},
                                                                  {"sequential", kind::sequential}}};

bool has_theta(kind of) {
  return of == kind::zipfian || of == kind::scrambled || of == kind::latest;
}

/// A number coprime to `keys` near its golden section: its multiples are evenly spread.
std::uint32_t stride_of(std::uint32_t keys) {
  auto stride = static_cast<std::uint32_t>(keys * 0.6180339887498949);
  while (std::gcd(stride, keys) != 1) ++stride;
  return stride;
}

}  // namespace

protocol::result<key_choice> parse_key_choice(std::string_view text) {
  auto const refuse = [&](std::string const& why) {
    return protocol::failure{protocol::errc::invalid_parameter,
                             "'" + std::string(text.substr(0, 60)) + "' is no choice of keys: " + why};
  };
  auto const colon = text.find(':');
  auto const* const found = std::ranges::find(names, text.substr(0, colon), &std::pair<std::string_view, kind>::first);
  if (found == names.end()) {
    return refuse(
        "there are uniform, sequential, zipfian, scrambled and latest, the last three perhaps with a"
        " constant, such as zipfian:0.99");
  }
  key_choice choice{.of = found->second};
  if (colon == std::string_view::npos) return choice;
  if (!has_theta(choice.of)) return refuse("it has no constant; only zipfian, scrambled and latest have one");
  auto const number = text.substr(colon + 1);
  auto const [end, failed] =
      std::from_chars(number.data(), number.data() + number.size(), choice.theta, std::chars_format::fixed);
  if (failed != std::errc() || end != number.data() + number.size() || !(choice.theta > 0 && choice.theta <= theta_max))
    return refuse("the constant is above 0 and at most 5, such as zipfian:0.99");
  return choice;
}

std::string format_key_choice(key_choice const& choice) {
  std::string text(std::ranges::find(names, choice.of, &std::pair<std::string_view, kind>::second)->first);
  if (!has_theta(choice.of)) return text;
  return (text += ':') += format_number(choice.theta);
}

key_chooser::key_chooser(key_choice const& choice, std::uint32_t keys, thread_place place, std::uint32_t inserted)
    : choice_(choice),
      keys_(keys),
      place_(place),
      first_insert_(keys + inserted),
      next_(static_cast<std::uint32_t>(std::uint64_t(keys) * place.thread / place.threads)) {
  if (has_theta(choice.of)) ranks_.emplace(keys, choice.theta);
  if (choice.of == kind::scrambled) stride_ = stride_of(keys);
}

std::uint32_t key_chooser::number_of_insert(std::uint32_t index) const {
  return first_insert_ + index * place_.threads + place_.thread;
}

std::uint32_t key_chooser::choose(random_numbers& random) {
  switch (choice_.of) {
    case kind::uniform:
      break;
    case kind::zipfian:
      return static_cast<std::uint32_t>((*ranks_)(random));
    case kind::scrambled:
      return static_cast<std::uint32_t>((*ranks_)(random)*stride_ % keys_);
    case kind::latest: {
      auto const age = static_cast<std::uint32_t>((*ranks_)(random));
      return age < settled_ ? number_of_insert(settled_ - 1 - age) : keys_ - 1 - (age - settled_);
    }
    case kind::sequential: {
      auto const key = next_;
      next_ = next_ + 1 == keys_ ? 0 : next_ + 1;
      return key;
    }
  }
  return random.below(keys_);
}

std::uint32_t key_chooser::insert() {
  later_.push_back(false);
  return number_of_insert(inserted_++);
}

void key_chooser::settle(std::uint32_t key, bool stored) {
  if (!stored) failed_.insert(key);
  later_[(key - first_insert_) / place_.threads - settled_] = true;
  auto const before = settled_;
  for (; !later_.empty() && later_.front(); ++settled_) later_.pop_front();
  if (settled_ != before && choice_.of == kind::latest) ranks_->resize(std::uint64_t(keys_) + settled_);
}

}  // namespace holdfast::client::load
