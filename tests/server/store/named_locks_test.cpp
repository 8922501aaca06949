#include "server/store/named_locks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>

#include "server/store/database.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using protocol::errc;
using kind = ticket_operation::kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// `held 1 waiting 0 grants 2/1s holds 1/3s lost 0+1` for a lock.
std::string counted(named_lock_counters const& counters, std::string_view lock) {
  std::string text = "nothing";
  counters.for_each([&](std::string_view name, named_lock_counts const& of) {
    auto const seconds = [](named_lock_counts::number const& ns) {
      return std::to_string(ns.value() / 1'000'000'000) + "s";
    };
    auto const number = [](named_lock_counts::number const& one) { return std::to_string(one.value()); };
    if (name == lock)
      text = "held " + number(of.held) + " waiting " + number(of.waiting) + " grants " + number(of.grants) + '/' +
             seconds(of.wait_ns) + " holds " + number(of.holds) + '/' + seconds(of.hold_ns) + " lost " +
             number(of.held_lost) + '+' + number(of.waiting_lost);
  });
  return text;
}

/// Time passes when a test says so.
class a_named_lock : public ::testing::Test {
 protected:
  data_outcome apply(data_operation const& what) {
    data.at(now);
    return data.apply(what);
  }
  void pass(nanoseconds time) { data.at(now += time); }

  data_outcome ask(std::string lock, std::string id, std::string owner = {}, nanoseconds lease = 10s,
                   bool may_wait = true) {
    return apply(ticket_operation{kind::ask, std::move(lock), std::move(id), std::move(owner), lease, {}, may_wait});
  }
  data_outcome look(std::string lock, std::string id, nanoseconds listening = {}) {
    return apply(ticket_operation{kind::look, std::move(lock), std::move(id), {}, {}, now + listening});
  }
  data_outcome end_poll(std::string lock, std::string id, database::clock::time_point until) {
    return apply(ticket_operation{kind::end_poll, std::move(lock), std::move(id), {}, {}, until});
  }
  data_outcome keep(std::string lock, std::string id, nanoseconds lease = {}) {
    return apply(ticket_operation{kind::keep, std::move(lock), std::move(id), {}, lease, {}});
  }
  data_outcome release(std::string lock, std::string id) {
    return apply(ticket_operation{kind::release, std::move(lock), std::move(id), {}, {}, {}});
  }
  data_outcome put_under(std::string lock, std::uint64_t token) {
    data_operation const put = put_operation{"k", std::make_shared<std::string const>("1")};
    return apply(std::make_shared<guarded_operation const>(
        guarded_operation{std::vector<lock_grant>{{std::move(lock), token}}, put}));
  }
  data_outcome put(std::string key) {
    return apply(put_operation{std::move(key), std::make_shared<std::string const>("1")});
  }

  /// `held 17`, `waits 2 behind amy`, `lease_expired`, …
  static std::string told(data_outcome const& outcome) {
    if (auto const* const found = std::get_if<ticket_found>(&outcome))
      return found->token != 0 ? "held " + std::to_string(found->token)
                               : "waits " + std::to_string(found->position) + " behind " + found->behind;
    if (auto const* const refused = std::get_if<value_refused>(&outcome))
      return std::string(protocol::traits_of(refused->code).code);
    if (std::holds_alternative<ticket_released>(outcome)) return "released";
    if (std::holds_alternative<lock_lost>(outcome)) return "lost";
    if (std::holds_alternative<value_stored>(outcome)) return "stored";
    if (std::holds_alternative<no_room>(outcome)) return "no room";
    if (auto const* const cycle = std::get_if<deadlock_found>(&outcome)) {
      std::string text = "deadlock";
      for (auto const& one : cycle->cycle) text += ' ' + one.owner + ">" + one.lock + ">" + one.holder;
      return text;
    }
    return "something else";
  }
  /// The holder of the lock; empty: none.
  std::string holder(std::string lock) {
    auto const shown = std::get<lock_shown>(apply(show_lock_operation{std::move(lock)}));
    return shown.tickets.empty() ? "" : shown.tickets.front().id;
  }
  std::vector<change> lock_changes() {
    std::vector<change> all, found;
    EXPECT_TRUE(changes.take(0, 100'000, all));
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].revision, i + 1) << "no gap";
    std::copy_if(all.begin(), all.end(), std::back_inserter(found),
                 [](change const& one) { return one.space == keyspace::locks; });
    return found;
  }

  database::clock::time_point now{1h};
  history changes{100'000, 100'000'000};
  std::shared_ptr<named_lock_counters> counts = std::make_shared<named_lock_counters>();
  database data{10'000'000, &changes, counts};
};

TEST_F(a_named_lock, goes_to_who_asks_first_and_the_others_wait_in_their_order) {
  put("k");
  EXPECT_EQ(told(ask("deploy", "1", "amy")), "held 2") << "the token is the revision of the grant";
  EXPECT_EQ(told(ask("deploy", "2", "bob")), "waits 1 behind amy");
  EXPECT_EQ(told(ask("deploy", "3")), "waits 2 behind bob");
  EXPECT_EQ(told(ask("deploy", "4", "dee")), "waits 3 behind 3") << "who has no name is called by the ticket";
  EXPECT_EQ(told(ask("other", "1", "bob")), "held 6");
  EXPECT_EQ(told(release("deploy", "1")), "released");
  EXPECT_EQ(told(look("deploy", "2")), "held 8");
  EXPECT_EQ(told(look("deploy", "4")), "waits 2 behind 3");
  EXPECT_EQ(told(release("deploy", "3")), "released") << "out of the middle of the queue";
  EXPECT_EQ(told(look("deploy", "4")), "waits 1 behind bob");
}

TEST_F(a_named_lock, gives_the_same_ticket_to_who_asks_with_the_same_id_again) {
  EXPECT_EQ(told(ask("deploy", "1")), "held 1");
  EXPECT_EQ(told(ask("deploy", "1")), "held 1");
  EXPECT_EQ(told(ask("deploy", "2")), "waits 1 behind 1");
  EXPECT_EQ(told(ask("deploy", "3")), "waits 2 behind 2");
  EXPECT_EQ(told(ask("deploy", "2")), "waits 1 behind 1");
  EXPECT_EQ(told(ask("deploy", "1", {}, 10s, false)), "held 1") << "it need not wait for what it has";
  EXPECT_EQ(told(ask("other", "1")), "held 4") << "an id is one of its lock's";
}

TEST_F(a_named_lock, refuses_who_does_not_want_to_wait_and_keeps_no_place) {
  ask("deploy", "1", "amy");
  EXPECT_EQ(told(ask("deploy", "2", "bob", 10s, false)), "lock_held");
  EXPECT_EQ(told(look("deploy", "2")), "lease_expired");
  release("deploy", "1");
  EXPECT_EQ(holder("deploy"), "");
}

// Consul's lock-delay keeps a lock closed for 15 s after its holder's session has ended. Here the next waiter gets it
// at once, because its token distinguishes old and new holders.
TEST_F(a_named_lock, goes_to_the_next_in_the_instant_in_which_a_lease_ends) {
  ask("deploy", "1", {}, 10s);
  ask("deploy", "2", {}, 20s);
  pass(10s - 1ns);
  EXPECT_EQ(told(look("deploy", "1")), "held 1");
  pass(1ns);
  EXPECT_EQ(told(look("deploy", "2")), "held 4");
  EXPECT_EQ(told(look("deploy", "1")), "lease_expired");
}

TEST_F(a_named_lock, starts_a_new_holder_s_lease_with_the_grant) {
  ask("deploy", "1", {}, 10s);
  pass(9s);
  ask("deploy", "2", {}, 5s);
  pass(1s);
  EXPECT_EQ(holder("deploy"), "2");
  pass(5s - 1ns);
  EXPECT_EQ(holder("deploy"), "2") << "not from when on it waited";
  pass(1ns);
  EXPECT_EQ(holder("deploy"), "");
}

// A waiter whose session had died was still given the lock, and blocked everybody until that was noticed.
TEST_F(a_named_lock, passes_over_who_died_while_waiting) {
  ask("deploy", "1", {}, 100s);
  ask("deploy", "2", {}, 10s);
  ask("deploy", "3", {}, 100s);
  pass(10s);
  release("deploy", "1");
  EXPECT_EQ(holder("deploy"), "3");
  EXPECT_EQ(told(look("deploy", "2")), "lease_expired");
}

TEST_F(a_named_lock, goes_to_no_waiter_whose_lease_ends_in_the_same_instant) {
  ask("deploy", "1", {}, 10s);
  ask("deploy", "2", {}, 10s);
  ask("deploy", "3", {}, 11s);
  pass(10s);
  EXPECT_EQ(holder("deploy"), "3");
}

TEST_F(a_named_lock, keeps_the_place_of_who_listens_for_as_long_as_it_does_and_a_lease_more) {
  ask("deploy", "1", {}, 1h);
  ask("deploy", "2", {}, 10s);
  EXPECT_EQ(told(look("deploy", "2", 25s)), "waits 1 behind 1");
  pass(35s - 1ns);
  EXPECT_EQ(told(look("deploy", "2", 25s)), "waits 1 behind 1");
  EXPECT_EQ(told(end_poll("deploy", "2", now + 25s)), "waits 1 behind 1") << "its client has hung up";
  pass(10s);
  EXPECT_EQ(told(look("deploy", "2")), "lease_expired");
}

// A second request moved the end of a poll's place to one lease from then.
TEST_F(a_named_lock, keeps_the_place_of_a_poll_during_which_its_ticket_is_looked_at_and_renewed) {
  ask("deploy", "1", {}, 1h);
  ask("deploy", "2", {}, 10s);
  look("deploy", "2", 60s);
  look("deploy", "2");
  look("deploy", "2", 1s);
  keep("deploy", "2");
  pass(60s + 10s - 1ns);
  EXPECT_EQ(told(keep("deploy", "2", 5s)), "waits 1 behind 1");
  look("deploy", "2", 60s);
  keep("deploy", "2", 1s);
  pass(61s - 1ns);
  EXPECT_EQ(told(look("deploy", "2")), "waits 1 behind 1");
  pass(1s);
  EXPECT_EQ(told(look("deploy", "2")), "lease_expired");
}

TEST_F(a_named_lock, keeps_a_place_until_the_last_poll_for_it_ends) {
  ask("deploy", "1", {}, 1h);
  ask("deploy", "2", {}, 10s);
  auto const first = now + 60s, second = now + 30s;
  look("deploy", "2", 60s);
  look("deploy", "2", 30s);
  end_poll("deploy", "2", first);
  pass(40s - 1ns);
  EXPECT_EQ(told(end_poll("deploy", "2", second)), "waits 1 behind 1");
  pass(10s - 1ns);
  EXPECT_EQ(told(end_poll("deploy", "2", second)), "waits 1 behind 1");
  pass(10s);
  EXPECT_EQ(told(look("deploy", "2")), "lease_expired") << "one lease after the last hang-up";
}

TEST_F(a_named_lock, has_a_grant_for_one_lease_however_long_its_client_polls) {
  ask("deploy", "1", {}, 1h);
  ask("deploy", "2", {}, 10s);
  look("deploy", "2", 60s);
  release("deploy", "1");
  EXPECT_EQ(told(keep("deploy", "2")), "held 4");
  EXPECT_EQ(told(end_poll("deploy", "2", now + 60s)), "held 4");
  pass(10s);
  EXPECT_EQ(told(look("deploy", "2")), "lease_expired");
}

TEST_F(a_named_lock, is_not_kept_by_a_look) {
  ask("deploy", "1", {}, 10s);
  pass(9s);
  EXPECT_EQ(told(look("deploy", "1", 25s)), "held 1");
  pass(1s);
  EXPECT_EQ(told(look("deploy", "1")), "lease_expired");
}

TEST_F(a_named_lock, is_kept_by_keep_alives_and_they_may_change_the_lease) {
  ask("deploy", "1", {}, 10s);
  for (int i = 0; i < 10; ++i) {
    pass(9s);
    EXPECT_EQ(told(keep("deploy", "1")), "held 1");
  }
  EXPECT_EQ(data.revision(), 1U) << "a keep-alive is no change";
  EXPECT_EQ(std::get<ticket_found>(keep("deploy", "1", 30s)).lease, 30s);
  pass(29s);
  EXPECT_EQ(told(keep("deploy", "1")), "held 1");
  pass(29s);
  EXPECT_EQ(holder("deploy"), "1");
}

// etcd answers the keep-alive of an expired lease without an error.
TEST_F(a_named_lock, tells_a_keep_alive_that_comes_too_late) {
  ask("deploy", "1", {}, 10s);
  pass(10s);
  EXPECT_EQ(told(keep("deploy", "1")), "lease_expired");
  EXPECT_EQ(told(keep("deploy", "1")), "lease_expired");
  EXPECT_EQ(holder("deploy"), "");
}

// Redisson could unlock for a thread that did not hold the lock; then two threads held it.
TEST_F(a_named_lock, is_not_released_by_who_does_not_hold_it) {
  ask("deploy", "1", "amy");
  ask("deploy", "2", "amy's cousin");
  EXPECT_EQ(told(release("deploy", "3")), "lease_expired");
  EXPECT_EQ(told(release("deploy", "2")), "released") << "of its place in the queue alone";
  EXPECT_EQ(told(look("deploy", "1")), "held 1");
  EXPECT_EQ(told(release("deploy", "1")), "released");
  EXPECT_EQ(told(release("deploy", "1")), "lease_expired") << "once";
}

// An etcd lock continues for its holder when somebody deletes its key; Consul's locks are keys that anybody may write.
TEST_F(a_named_lock, is_no_key_and_what_happens_to_keys_does_not_concern_it) {
  ask("deploy", "1");
  put("deploy");
  put(ticket_key("deploy", "1"));
  apply(delete_range_operation{"", 1000});
  EXPECT_EQ(told(look("deploy", "1")), "held 1");
  EXPECT_TRUE(std::holds_alternative<no_such_key>(apply(get_operation{"deploy"})));
  EXPECT_TRUE(std::get<listing>(apply(list_operation{.prefix = {}, .after = {}, .until = {}, .delimiter = {}}))
                  .entries.empty());
}

// --- the fence -----------------------------------------------------------------------------------------------------

TEST_F(a_named_lock, lets_a_write_pass_with_the_token_of_a_living_grant_alone) {
  ask("deploy", "1", {}, 10s);
  ask("deploy", "2", {}, 100s);
  EXPECT_EQ(told(put_under("deploy", 1)), "stored");
  EXPECT_EQ(told(put_under("deploy", 2)), "lost");
  EXPECT_EQ(told(put_under("deploy", 0)), "lost");
  EXPECT_EQ(told(put_under("other", 1)), "lost");
  pass(10s);
  auto const before = data.revision();
  EXPECT_EQ(told(put_under("deploy", 1)), "lost") << "the writer that woke up too late";
  EXPECT_EQ(data.revision(), before);
  auto const token = std::get<ticket_found>(look("deploy", "2")).token;
  EXPECT_EQ(told(put_under("deploy", token)), "stored");
  release("deploy", "2");
  EXPECT_EQ(told(put_under("deploy", token)), "lost");
}

TEST_F(a_named_lock, is_checked_by_a_transaction_too) {
  ask("deploy", "1");
  transaction all;
  all.checks.push_back({.key = {}, .grant = lock_grant{"deploy", 1}, .tag = {}, .exists = {}, .value = {}});
  all.steps.emplace_back(put_operation{"k", std::make_shared<std::string const>("1")});
  EXPECT_TRUE(std::get<transaction_done>(apply(all))->failed_checks.empty());
  release("deploy", "1");
  auto const failed = std::get<transaction_done>(apply(all));
  ASSERT_EQ(failed->failed_checks.size(), 1U);
  EXPECT_EQ(std::get<value_found>(apply(get_operation{"k"})).revision, 2U);
}

// A revision is never used twice, even if the lock was free in between, was taken under another name, or a transaction
// was undone.
TEST_F(a_named_lock, has_tokens_that_only_grow) {
  std::uint64_t last = 0;
  std::mt19937 dice(1);
  for (int i = 0; i < 200; ++i) {
    auto const id = std::to_string(i);
    auto const lock = dice() % 2 == 0 ? "a" : "b";
    auto const held = std::get<ticket_found>(ask(lock, id));
    EXPECT_GT(held.token, last);
    last = held.token;
    transaction undone;
    undone.steps.emplace_back(put_operation{"k", std::make_shared<std::string const>("1")});
    undone.steps.emplace_back(touch_operation{"none", {time_to_live::kind::none, {}}});
    apply(undone);
    if (dice() % 3 == 0) put("k");
    release(lock, id);
  }
}

// --- deadlocks -----------------------------------------------------------------------------------------------------

TEST_F(a_named_lock, refuses_a_wait_of_an_owner_for_itself_and_tells_the_cycle) {
  ask("a", "1", "amy");
  ask("b", "2", "bob");
  ask("c", "3", "cat");
  EXPECT_EQ(told(ask("b", "4", "amy")), "waits 1 behind bob");
  EXPECT_EQ(told(ask("c", "5", "bob")), "waits 1 behind cat");
  EXPECT_EQ(told(ask("a", "6", "cat")), "deadlock cat>a>amy amy>b>bob bob>c>cat");
  EXPECT_EQ(told(look("a", "6")), "lease_expired") << "it has no place";
  EXPECT_EQ(told(ask("a", "7", "dee")), "waits 1 behind amy") << "who holds nothing can wait for anything";
  EXPECT_EQ(told(ask("a", "8")), "waits 2 behind dee");
  release("a", "1");
  EXPECT_EQ(told(ask("a", "9", "cat")), "waits 2 behind 8") << "it is no cycle any more";
}

TEST_F(a_named_lock, refuses_who_holds_it_already) {
  ask("a", "1", "amy");
  EXPECT_EQ(told(ask("a", "2", "amy")), "deadlock amy>a>amy");
}

TEST_F(a_named_lock, finds_a_cycle_among_several_waits_of_one_owner) {
  ask("a", "1", "amy");
  ask("b", "2", "bob");
  ask("x", "3", "eve");
  ask("x", "4", "bob");
  ask("a", "5", "bob");
  EXPECT_EQ(told(ask("b", "6", "amy")), "deadlock amy>b>bob bob>a>amy");
}

TEST_F(a_named_lock, looks_at_no_more_of_a_long_chain_than_a_bound) {
  for (int i = 0; i < 2000; ++i) {
    auto const owner = std::to_string(i);
    ask("lock " + owner, "h", owner);
    if (i != 0) ask("lock " + std::to_string(i - 1), "w", owner, 10s);
  }
  EXPECT_EQ(told(ask("lock 1999", "w", "1500")).substr(0, 36), "deadlock 1500>lock 1999>1999 1999>lo");
  EXPECT_EQ(told(ask("lock 1999", "w", "1")), "waits 1 behind 1999") << "its lease is what ends it";
}

// --- leases and bounds ---------------------------------------------------------------------------------------------

TEST_F(a_named_lock, tells_when_the_next_lease_ends_and_sweeps_a_bounded_number_at_once) {
  EXPECT_EQ(data.next_expiry(), no_expiry);
  ask("a", "1", {}, 10s);
  EXPECT_EQ(data.next_expiry(), now + 10s);
  for (int i = 0; i < 1000; ++i) ask("l" + std::to_string(i), "1", {}, 5s);
  EXPECT_EQ(data.next_expiry(), now + 5s);
  pass(5s);
  EXPECT_EQ(data.locks().tickets(), 1001 - database::expired_at_once_max);
  EXPECT_EQ(told(put_under("l999", data.revision())), "lost");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(told(look("l" + std::to_string(i), "1")), "lease_expired");
  EXPECT_EQ(data.next_expiry(), now + 5s) << "of the first one";
}

TEST_F(a_named_lock, takes_memory_that_is_counted_bounded_and_given_back) {
  database small(3000, &changes);
  small.at(now);
  int count = 0;
  auto const asked = [&](int number) {
    return small.apply(
        ticket_operation{kind::ask, "lock", std::to_string(number), "of " + std::to_string(number), 10s, {}});
  };
  while (std::holds_alternative<ticket_found>(asked(count))) ++count;
  EXPECT_GT(count, 2);
  EXPECT_LT(count, 20);
  EXPECT_EQ(told(asked(count)), "no room");
  EXPECT_LE(small.bytes(), 3000U);
  EXPECT_EQ(told(small.apply(put_operation{"k", std::make_shared<std::string const>(500, '1')})), "no room");
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(told(small.apply(ticket_operation{kind::release, "lock", std::to_string(i)})), "released");
  EXPECT_EQ(small.bytes(), 0U);
}

TEST_F(a_named_lock, lets_a_bounded_number_wait) {
  database large;
  large.at(now);
  for (std::size_t i = 0; i <= named_locks::waiting_max; ++i)
    ASSERT_TRUE(std::holds_alternative<ticket_found>(
        large.apply(ticket_operation{kind::ask, "lock", std::to_string(i), {}, 10s, {}})));
  EXPECT_EQ(told(large.apply(ticket_operation{kind::ask, "lock", "one more", {}, 10s, {}})), "queue_full");
}

// --- changes -------------------------------------------------------------------------------------------------------

TEST_F(a_named_lock, tells_the_stream_each_change_of_a_ticket_with_a_revision_and_no_gap) {
  ask("deploy", "1", "amy");
  put("k");
  ask("deploy", "2", "bob");
  keep("deploy", "1");
  release("deploy", "1");
  pass(1h);
  std::vector<std::string> all;
  for (auto const& one : lock_changes()) {
    auto const record = decode_ticket(*one.value);
    ASSERT_TRUE(record);
    auto const [lock, id] = split_ticket_key(one.key);
    all.push_back(std::string(name_of(one.what)) + ' ' + std::string(lock) + ' ' + std::string(id) + ' ' +
                  record->owner + ' ' + std::to_string(record->token));
  }
  EXPECT_THAT(all, ElementsAre("put deploy 1 amy 1", "put deploy 2 bob 0", "delete deploy 1 amy 1",
                               "put deploy 2 bob 5", "expire deploy 2 bob 5"));
}

TEST_F(a_named_lock, comes_back_after_a_restart_with_its_queue_its_tokens_and_whole_leases) {
  ask("deploy", "z", "amy", 10s);
  ask("deploy", "y", {}, 20s);
  ask("deploy", "x", "cat", 30s);
  ask("jobs/1", "a", "amy", 40s);
  keep("deploy", "z", 15s);
  release("deploy", "y");
  // What a journal would return: for each key the last change, in the order of keys.
  std::map<std::string, change> kept;
  for (auto const& one : lock_changes()) {
    EXPECT_EQ(one.previous, kept.contains(one.key) ? kept[one.key].version() : 0) << one.key;
    if (one.what == change::kind::put) {
      kept[one.key] = one;
    } else {
      kept.erase(one.key);
    }
  }
  auto const new_counts = std::make_shared<named_lock_counters>();
  database again(10'000'000, nullptr, new_counts);
  auto const later = now + 1h;
  for (auto const& [key, one] : kept)
    ASSERT_TRUE(again.load_record(keyspace::locks, key, *one.value, one.version(), no_expiry, {later, {}}));
  EXPECT_FALSE(again.load_record(keyspace::locks, "a", "\2", 1, no_expiry, {later, {}})) << "of a later version";
  again.at(later);
  auto const look_again = [&](char const* lock, char const* id) {
    return told(again.apply(ticket_operation{kind::look, lock, id}));
  };
  EXPECT_EQ(look_again("deploy", "z"), "held 1");
  EXPECT_EQ(look_again("deploy", "x"), "waits 1 behind amy");
  EXPECT_EQ(look_again("jobs/1", "a"), "held 4");
  EXPECT_EQ(again.next_expiry(), later + 15s);
  EXPECT_EQ(again.bytes(), data.bytes());
  EXPECT_EQ(counted(*new_counts, "deploy"), "held 1 waiting 1 grants 0/0s holds 0/0s lost 0+0");
}

// If more leases expire together than are removed at once, the others are expired nevertheless.
TEST_F(a_named_lock, lets_no_write_pass_whose_lease_is_over_though_its_ticket_is_still_there) {
  ask("deploy", "a", {}, 11s);
  for (std::size_t i = 0; i < 2 * database::expired_at_once_max; ++i) ask("l" + std::to_string(i), "a", {}, 10s);
  now += 11s;
  EXPECT_EQ(told(put_under("deploy", 1)), "lost");
}

TEST_F(a_named_lock, counts_grants_with_their_waits_and_holds_and_leases_that_ended) {
  ask("l", "a", {}, 100s);
  ask("l", "b", {}, 10s);
  ask("l", "c", {}, 100s);
  EXPECT_EQ(counted(*counts, "l"), "held 1 waiting 2 grants 1/0s holds 0/0s lost 0+0");
  pass(3s);
  release("l", "a");
  EXPECT_EQ(counted(*counts, "l"), "held 1 waiting 1 grants 2/3s holds 1/3s lost 0+0");
  pass(10s);
  EXPECT_EQ(counted(*counts, "l"), "held 1 waiting 0 grants 3/16s holds 2/13s lost 1+0") << "b held it for 10 s";
  ask("l", "d", {}, 1s);
  pass(1s);
  EXPECT_EQ(counted(*counts, "l"), "held 1 waiting 0 grants 3/16s holds 2/13s lost 1+1");
  release("l", "c");
  EXPECT_EQ(counted(*counts, "l"), "held 0 waiting 0 grants 3/16s holds 3/14s lost 1+1");
  ask("l", "e");
  EXPECT_EQ(counted(*counts, "l"), "held 1 waiting 0 grants 4/16s holds 3/14s lost 1+1") << "it goes on with that name";
}

TEST_F(a_named_lock, has_counts_of_its_own_where_it_is_among_the_first_and_else_with_all_others) {
  for (std::size_t i = 0; i < named_lock_counters::names_max + 20; ++i) ask("l" + std::to_string(i), "a");
  ask(std::string(named_lock_counters::all_others), "a");
  std::size_t names = 0;
  counts->for_each([&](std::string_view, named_lock_counts const&) { ++names; });
  EXPECT_EQ(names, named_lock_counters::names_max + 1);
  EXPECT_EQ(counted(*counts, "l99"), "held 1 waiting 0 grants 1/0s holds 0/0s lost 0+0");
  EXPECT_EQ(counted(*counts, "l100"), "nothing");
  EXPECT_EQ(counted(*counts, "_other"), "held 21 waiting 0 grants 21/0s holds 0/0s lost 0+0");
  release("l119", "a");
  EXPECT_EQ(counted(*counts, "_other"), "held 20 waiting 0 grants 21/0s holds 1/0s lost 0+0");
}

TEST_F(a_named_lock, is_listed_with_its_holder_and_how_many_wait) {
  ask("jobs/b", "1", "bob");
  ask("jobs/a", "2", "amy");
  ask("jobs/a", "3", "cat");
  ask("other", "4");
  auto page = std::get<locks_listed>(apply(list_locks_operation{"jobs/", {}, 1}));
  ASSERT_EQ(page.locks.size(), 1U);
  EXPECT_EQ(page.locks[0].lock, "jobs/a");
  EXPECT_EQ(page.locks[0].waiting, 1U);
  EXPECT_EQ(page.locks[0].tickets.at(0).owner, "amy");
  page = std::get<locks_listed>(apply(list_locks_operation{"jobs/", page.next, 10}));
  ASSERT_EQ(page.locks.size(), 1U);
  EXPECT_EQ(page.locks[0].lock, "jobs/b");
  EXPECT_FALSE(page.next);
}

// --- against a model -----------------------------------------------------------------------------------------------

/// A simple model: a queue of (id, end of its lease), of which the first holds the lock.
TEST_F(a_named_lock, does_what_a_plain_queue_does_whatever_comes) {
  struct place {
    std::string id;
    nanoseconds lease{};
    database::clock::time_point ends{};
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 dice(seed);
    history all(10, 1'000'000);
    database real(10'000'000, &all);
    std::deque<place> queue;
    auto time = database::clock::time_point(1h);
    std::uint64_t token = 0;
    auto const settle = [&] {
      auto const holder = queue.empty() ? std::string() : queue.front().id;
      std::erase_if(queue, [&](place const& one) { return one.ends <= time; });
      if (!queue.empty() && queue.front().id != holder) queue.front().ends = time + queue.front().lease;
    };
    for (int step = 0; step < 400; ++step) {
      time += std::chrono::milliseconds(dice() % 400);
      real.at(time);
      settle();
      auto const id = std::to_string(dice() % 12);
      auto const at = std::find_if(queue.begin(), queue.end(), [&](place const& one) { return one.id == id; });
      auto const lease = std::chrono::milliseconds(200 + dice() % 2000);
      auto const holder = queue.empty() ? std::string() : queue.front().id;
      auto const what = dice() % 8;
      ticket_operation one{
          what < 4 ? kind::ask : what < 5 ? kind::look : what < 6 ? kind::keep : kind::release, "l", id, {}, lease, {}};
      auto const outcome = real.apply(one);
      if (at == queue.end()) {
        if (one.what != kind::ask) {
          ASSERT_EQ(told(outcome), "lease_expired");
          continue;
        }
        queue.push_back({id, lease, time + lease});
      } else if (one.what == kind::release) {
        ASSERT_EQ(told(outcome), "released");
        queue.erase(at);
        if (!queue.empty() && queue.front().id != holder) queue.front().ends = time + queue.front().lease;
      } else if (one.what == kind::keep) {
        at->lease = lease;
        at->ends = time + lease;
      } else if (at != queue.begin()) {
        at->ends = time + at->lease;
      }
      if (auto const* const found = std::get_if<ticket_found>(&outcome)) {
        auto const now_at = std::find_if(queue.begin(), queue.end(), [&](place const& each) { return each.id == id; });
        ASSERT_EQ(found->token != 0, now_at == queue.begin()) << "seed " << seed << " step " << step;
        ASSERT_EQ(found->position, now_at - queue.begin());
        if (found->token != 0) {
          ASSERT_GE(found->token, token);
          token = found->token;
        }
      }
      ASSERT_EQ(real.locks().tickets(), queue.size());
    }
  }
}

}  // namespace
}  // namespace holdfast::server
