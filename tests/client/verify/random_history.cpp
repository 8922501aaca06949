#include "tests/client/verify/random_history.hpp"

#include <algorithm>
#include <queue>

namespace holdfast::client::verify {
namespace {

instant up_to(std::mt19937& random, instant most) {
  return std::uniform_int_distribution<instant>(0, most)(random);
}

bool chance(std::mt19937& random, double share) {
  return std::bernoulli_distribution(share)(random);
}

enum class request : std::uint8_t { get, put, del };

request any_request(std::mt19937& random, history_shape const& shape) {
  auto const drawn = std::uniform_real_distribution(0.0, 1.0)(random);
  if (drawn < shape.put_share) return request::put;
  return drawn < shape.put_share + shape.delete_share ? request::del : request::get;
}

/// What a key with `value` answers, and the value after.
operation answer(request asked, value_number& value, value_number fresh, bool conditions) {
  operation done;
  auto const was_absent = value == absent;
  switch (asked) {
    case request::get:
      done.value = value;
      break;
    case request::put:
      done.what = !conditions ? action::write : was_absent ? action::create : action::replace;
      done.value = value = fresh;
      break;
    case request::del:
      if (was_absent) break;
      done.what = conditions ? action::remove : action::erase;
      value = absent;
      break;
  }
  return done;
}

void forget_answer(operation& done) {
  done.responded = never;
  if (is_write(done)) done.what = done.value == absent ? action::erase : action::write;
}

}  // namespace

history sound_history(std::mt19937& random, history_shape const& shape) {
  struct asked {
    instant invoked, takes_effect, responded;
    std::uint32_t connection;
    request what;
  };
  std::vector<asked> all;
  std::vector<instant> free_at(shape.connections);
  for (std::size_t i = 0; i < shape.operations; ++i) {
    auto const first = std::ranges::min_element(free_at);
    auto const invoked = *first + up_to(random, shape.gap_max);
    auto const takes_effect = invoked + up_to(random, shape.latency_max / 2);
    auto const responded = takes_effect + up_to(random, shape.latency_max / 2);
    *first = responded + 1;
    all.push_back({invoked, takes_effect, responded, static_cast<std::uint32_t>(first - free_at.begin()),
                   any_request(random, shape)});
  }
  std::ranges::shuffle(all, random);
  std::ranges::sort(all, {}, &asked::takes_effect);
  history made;
  value_number fresh = 1;
  if (chance(random, 0.5)) made.initial = 0;
  auto value = made.initial;
  for (auto const& one : all) {
    auto const unanswered = chance(random, shape.unanswered_share);
    if (unanswered && chance(random, 0.5)) {
      // Never took effect.
      if (one.what == request::get) continue;
      operation lost{.what = one.what == request::put ? action::write : action::erase};
      if (one.what == request::put) lost.value = fresh++;
      lost.invoked = one.invoked;
      lost.connection = one.connection;
      made.operations.push_back(lost);
      continue;
    }
    auto done = answer(one.what, value, fresh++, shape.conditions);
    done.invoked = one.invoked;
    done.responded = one.responded;
    done.connection = one.connection;
    if (unanswered) forget_answer(done);
    made.operations.push_back(done);
  }
  sort_by_invocation(made.operations);
  return made;
}

history wild_history(std::mt19937& random, history_shape const& shape) {
  history made;
  if (chance(random, 0.5)) made.initial = 0;
  auto const values = static_cast<instant>(shape.operations);
  for (std::size_t i = 0; i < shape.operations; ++i) {
    operation one;
    one.invoked = up_to(random, 3 * values);
    one.responded = one.invoked + up_to(random, shape.latency_max);
    one.connection = static_cast<std::uint32_t>(i);
    switch (any_request(random, shape)) {
      case request::get:
        one.value = chance(random, 0.2) ? absent : static_cast<value_number>(up_to(random, values));
        break;
      case request::put:
        one.what = !shape.conditions || chance(random, 0.3) ? action::write
                   : chance(random, 0.7)                    ? action::replace
                                                            : action::create;
        one.value = i + 1;
        break;
      case request::del:
        one.what = shape.conditions && chance(random, 0.7) ? action::remove : action::erase;
        break;
    }
    if (chance(random, shape.unanswered_share)) forget_answer(one);
    made.operations.push_back(one);
  }
  sort_by_invocation(made.operations);
  return made;
}

history damaged_history(std::mt19937& random, history_shape const& shape) {
  auto made = sound_history(random, shape);
  if (made.operations.empty()) return made;
  auto const any = [&]() -> operation& {
    return made.operations[static_cast<std::size_t>(up_to(random, static_cast<instant>(made.operations.size()) - 1))];
  };
  auto& one = any();
  if (one.what == action::read && chance(random, 0.7)) {
    auto const& other = any();
    one.value = is_write(other) ? other.value : made.initial;
  } else if (one.what == action::remove) {
    one = {.what = action::read,
           .value = absent,
           .invoked = one.invoked,
           .responded = one.responded,
           .connection = one.connection};
  } else {
    one.invoked += up_to(random, shape.latency_max) - shape.latency_max / 2;
    if (is_certain(one)) one.responded = std::max(one.invoked, one.responded - up_to(random, shape.latency_max));
  }
  sort_by_invocation(made.operations);
  return made;
}

}  // namespace holdfast::client::verify
