// The checker against histories written down by hand, each wrong in one way, and against simulated servers.
#include "client/load/verify/stated_order.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <set>

#include "tests/client/verify/simulated_run.hpp"

namespace holdfast::client::verify {
namespace {

using enum order_violation;
using kind = fact::kind;
using fault = simulated_fault;
using testing::ElementsAre;

constexpr instant ms = 1'000'000;

/// A history in the words of who reads it: times in milliseconds, one operation a line.
class story {
 public:
  story& stored(key_number key, revision_number revision, value_number value) {
    made_.initial.push_back({key, revision, value});
    return *this;
  }
  story& add(deed what, instant invoked, instant responded, revision_number at, std::vector<fact> facts,
             key_number after = no_key, bool to_the_end = false) {
    auto const begin = made_.facts.size();
    made_.facts.insert(made_.facts.end(), facts.begin(), facts.end());
    made_.operations.push_back({.what = what,
                                .invoked = invoked * ms,
                                .responded = responded == never ? never : responded * ms,
                                .connection = static_cast<std::uint32_t>(made_.operations.size()),
                                .at = at,
                                .facts_begin = begin,
                                .facts_end = made_.facts.size(),
                                .after = after,
                                .to_the_end = to_the_end});
    return *this;
  }
  story& got(key_number key, revision_number version, value_number value, instant invoked, instant responded) {
    return add(deed::get, invoked, responded, 0, {{.key = key, .version = version, .value = value}});
  }
  story& found_nothing(key_number key, revision_number at, instant invoked, instant responded) {
    return add(deed::get, invoked, responded, at, {{.what = kind::none, .key = key, .at = at}});
  }
  story& put(key_number key, revision_number at, value_number value, instant invoked, instant responded,
             instant ttl = 0) {
    return add(deed::put, invoked, responded, at,
               {{.what = kind::put, .key = key, .at = at, .value = value, .extra = ttl * ms}});
  }
  story& created(key_number key, revision_number at, value_number value, instant invoked, instant responded) {
    return add(
        deed::put, invoked, responded, at,
        {{.what = kind::none, .key = key, .at = at - 1}, {.what = kind::put, .key = key, .at = at, .value = value}});
  }
  story& replaced_if(key_number key, revision_number version, revision_number at, value_number value, instant invoked,
                     instant responded) {
    return add(
        deed::put, invoked, responded, at,
        {{.key = key, .at = at - 1, .version = version}, {.what = kind::put, .key = key, .at = at, .value = value}});
  }
  story& deleted(key_number key, revision_number at, instant invoked, instant responded) {
    return add(deed::remove, invoked, responded, at,
               {{.what = kind::some, .key = key, .at = at - 1}, {.what = kind::remove, .key = key, .at = at}});
  }
  story& lost_put(key_number key, value_number value, instant invoked) {
    return add(deed::put, invoked, never, 0, {{.what = kind::put, .key = key, .value = value}});
  }
  story& lost_delete(key_number key, instant invoked) {
    return add(deed::remove, invoked, never, 0, {{.what = kind::remove, .key = key}});
  }
  story& listed(revision_number at, std::vector<stored_before> const& entries, instant invoked, instant responded) {
    std::vector<fact> facts;
    for (auto const& one : entries)
      facts.push_back({.key = one.key, .at = at, .version = one.revision, .value = one.value});
    return add(deed::list, invoked, responded, at, std::move(facts), no_key, true);
  }
  story& counted(key_number key, revision_number at, value_number number, instant invoked, instant responded) {
    return add(deed::increment, invoked, responded, at,
               {{.what = kind::add, .key = key | counter_keys, .at = at, .value = number, .extra = 1}});
  }
  /// An event of the one watcher.
  story& told(fact const& event, instant arrived) {
    if (made_.watchers.empty()) made_.watchers.emplace_back();
    made_.watchers[0].operations.push_back(made_.operations.size());
    add(deed::event, arrived, arrived, event.at, {event});
    return *this;
  }
  story& watched_from(revision_number from) {
    made_.watchers.push_back({.from = from, .operations = {}});
    return *this;
  }

  [[nodiscard]] stated_history const& history() const { return made_; }
  [[nodiscard]] order_verdict check() const { return check_stated_order(made_); }

 private:
  stated_history made_;
};

std::vector<order_violation> kinds(order_verdict const& verdict) {
  std::vector<order_violation> found;
  for (auto const& one : verdict.examples) found.push_back(one.kind);
  return found;
}

std::string names(order_verdict const& verdict) {
  std::string text;
  for (auto const& one : verdict.examples) {
    text += std::string(name_of(one.kind)) + " of key " + name_of_key(one.key) + " by operations";
    for (auto const number : one.operations) text += ' ' + std::to_string(number);
    text += '\n';
  }
  return text;
}

void expect_right(story const& told) {
  auto const verdict = told.check();
  EXPECT_EQ(verdict.violations, 0U) << names(verdict);
}

void expect(story const& told, order_violation what, std::vector<std::size_t> const& operations) {
  auto const verdict = told.check();
  ASSERT_THAT(kinds(verdict), ElementsAre(what)) << names(verdict);
  EXPECT_EQ(verdict.examples[0].operations, operations);
}

TEST(stated_order, of_a_right_run_is_accepted) {
  expect_right(story()
                   .stored(1, 1, 10)
                   .got(1, 1, 10, 0, 1)
                   .put(1, 2, 11, 1, 3)
                   .got(1, 1, 10, 1, 2)  // overlaps the put
                   .got(1, 2, 11, 2, 4)
                   .deleted(1, 3, 5, 6)
                   .found_nothing(1, 3, 7, 8)
                   .created(1, 4, 12, 9, 10)
                   .replaced_if(1, 4, 5, 13, 11, 12)
                   .listed(5, {{1, 5, 13}}, 13, 14));
}

TEST(stated_order, names_a_lost_update_of_two_that_had_seen_the_same) {
  expect(story().stored(1, 1, 10).replaced_if(1, 1, 2, 11, 0, 3).replaced_if(1, 1, 3, 12, 0, 3), lost_update, {0, 1});
}

TEST(stated_order, names_a_lost_update_of_a_put_that_nobody_ever_saw) {
  expect(story().stored(1, 1, 10).put(1, 2, 11, 0, 1).got(1, 1, 10, 2, 3), lost_update, {0, 1});
}

TEST(stated_order, names_a_lost_update_of_two_increments_that_made_the_same_number) {
  expect(story().counted(1, 1, 1, 0, 3).counted(1, 2, 1, 0, 3), lost_update, {0, 1});
  expect_right(story().counted(1, 1, 1, 0, 3).counted(1, 2, 2, 0, 3));
}

TEST(stated_order, counts_an_increment_that_was_never_answered_once) {
  auto const lost = fact{.what = kind::add, .key = 1 | counter_keys, .extra = 1};
  expect_right(story().add(deed::increment, 0, never, 0, {lost}).counted(1, 2, 2, 0, 3));
  expect(story().add(deed::increment, 0, never, 0, {lost}).counted(1, 3, 3, 0, 3), lost_update, {0, 1});
}

TEST(stated_order, names_a_stale_read) {
  expect(story().stored(1, 1, 10).put(1, 2, 11, 0, 1).got(1, 2, 11, 0, 2).got(1, 1, 10, 3, 4), stale_read, {0, 2});
}

// The put itself is not over: only the other get shows that it has happened.
TEST(stated_order, names_a_stale_read_by_what_another_connection_had_seen) {
  expect(story().stored(1, 1, 10).put(1, 2, 11, 0, 9).got(1, 2, 11, 1, 2).got(1, 1, 10, 3, 4), stale_read, {0, 1, 2});
}

TEST(stated_order, names_a_stale_absence) {
  expect(story().put(2, 5, 9, 0, 1).found_nothing(1, 4, 2, 3), stale_read, {0, 1});
}

TEST(stated_order, names_a_stale_list) {
  expect(story().stored(1, 1, 10).stored(2, 2, 20).put(1, 3, 11, 0, 4).listed(3, {{1, 1, 10}, {2, 2, 20}}, 0, 4),
         stale_list, {0, 1});
  // At a revision that was over before it was asked for.
  expect(story().stored(1, 1, 10).stored(2, 2, 20).put(1, 3, 11, 0, 1).listed(2, {{1, 1, 10}, {2, 2, 20}}, 2, 4),
         stale_list, {0, 1});
}

TEST(stated_order, names_a_list_that_leaves_a_key_out) {
  expect(story().put(1, 1, 10, 0, 9).put(2, 2, 20, 0, 9).listed(2, {{1, 1, 10}}, 0, 9), stale_list, {1, 2});
}

TEST(stated_order, holds_a_page_only_to_the_keys_on_it) {
  auto const page = [](key_number after, bool to_the_end) {
    story told;
    told.put(1, 1, 10, 0, 9).put(10, 2, 20, 0, 9).put(2, 3, 30, 0, 9);
    told.add(deed::list, 0, 9, 3, {{.key = 10, .at = 3, .version = 2, .value = 20}}, after, to_the_end);
    return told;
  };
  expect_right(page(1, false));
  expect(page(1, true), stale_list, {2, 3});        // 2 follows 10
  expect(page(no_key, false), stale_list, {0, 3});  // 1 comes before 10
}

TEST(stated_order, names_a_list_with_a_deleted_key) {
  expect(story().stored(1, 1, 10).deleted(1, 2, 0, 1).listed(2, {{1, 1, 10}}, 2, 3), stale_list, {0, 1});
}

TEST(stated_order, names_a_write_skew) {
  auto const reads = [](revision_number at) {
    return std::vector<fact>{{.key = 1, .at = at, .version = 1, .value = 10},
                             {.key = 2, .at = at, .version = 2, .value = 20}};
  };
  auto one = reads(2), other = reads(3);
  one.push_back({.what = kind::put, .key = 1, .at = 3, .value = 11});
  other.push_back({.what = kind::put, .key = 2, .at = 4, .value = 21});
  expect(story()
             .stored(1, 1, 10)
             .stored(2, 2, 20)
             .add(deed::transaction, 0, 5, 3, one)
             .add(deed::transaction, 0, 5, 4, other),
         write_skew, {0, 1});
}

std::vector<fact> puts_both(revision_number first) {
  return {{.what = kind::put, .key = 1, .at = first, .value = 11},
          {.what = kind::put, .key = 2, .at = first == 0 ? 0 : first + 1, .value = 21}};
}

TEST(stated_order, names_a_torn_transaction_in_a_list) {
  // At the revision of its first change.
  expect(story()
             .stored(1, 1, 10)
             .stored(2, 2, 20)
             .add(deed::transaction, 0, 9, 4, puts_both(3))
             .listed(3, {{1, 3, 11}, {2, 2, 20}}, 0, 9),
         torn_transaction, {0, 1});
  // At that of its last, with one part of it.
  expect(story()
             .stored(1, 1, 10)
             .stored(2, 2, 20)
             .add(deed::transaction, 0, 9, 4, puts_both(3))
             .listed(4, {{1, 3, 11}, {2, 2, 20}}, 0, 9),
         torn_transaction, {0, 1});
}

TEST(stated_order, names_a_torn_transaction_in_two_gets) {
  story told;
  told.stored(1, 1, 10).stored(2, 2, 20).add(deed::transaction, 0, 9, 4, puts_both(3));
  told.got(1, 3, 11, 1, 2).got(2, 2, 20, 3, 4);
  expect(told, torn_transaction, {0, 1, 2});
  // The other way round they can be in order: the transaction came in between.
  expect_right(story()
                   .stored(1, 1, 10)
                   .stored(2, 2, 20)
                   .add(deed::transaction, 0, 9, 4, puts_both(3))
                   .got(2, 2, 20, 1, 2)
                   .got(1, 3, 11, 3, 4));
}

TEST(stated_order, names_a_torn_transaction_that_was_never_answered) {
  story told;
  told.stored(1, 1, 10).stored(2, 2, 20).add(deed::transaction, 0, never, 0, puts_both(0));
  told.got(1, 3, 11, 1, 2).got(2, 2, 20, 3, 4);
  expect(told, torn_transaction, {0, 1, 2});
}

TEST(stated_order, names_a_transaction_whose_changes_do_not_follow_one_another) {
  auto parts = puts_both(3);
  parts[1].at = 5;
  expect(story().stored(1, 1, 10).add(deed::transaction, 0, 9, 5, parts), torn_transaction, {0});
}

TEST(stated_order, names_a_write_that_was_answered_and_is_absent) {
  expect(story().put(1, 1, 10, 0, 1).found_nothing(1, 1, 2, 3), lost_write, {0, 1});
  // Another key's revision does not help.
  expect(story().put(1, 1, 10, 0, 1).put(2, 2, 20, 2, 3).found_nothing(1, 2, 4, 5), lost_write, {0, 2});
}

TEST(stated_order, takes_a_delete_without_answer_for_one_absence_only) {
  expect_right(story().put(1, 1, 10, 0, 1).lost_delete(1, 1).found_nothing(1, 2, 2, 3));
  story told;
  told.put(1, 1, 10, 0, 1).lost_delete(1, 1).found_nothing(1, 2, 2, 3);
  told.put(1, 3, 11, 4, 5).found_nothing(1, 4, 6, 7);
  expect(told, lost_write, {0, 1, 2, 3, 4});
}

TEST(stated_order, does_not_take_a_delete_that_was_asked_for_later) {
  expect(story().put(1, 1, 10, 0, 1).found_nothing(1, 2, 2, 3).put(2, 3, 20, 4, 5).lost_delete(1, 6), lost_write,
         {0, 1});
}

// All revisions up to the absence belong to others, so that the delete can't have happened yet.
TEST(stated_order, needs_a_free_revision_for_what_nobody_was_told_of) {
  expect(story().put(1, 1, 10, 0, 9).put(2, 2, 20, 0, 9).lost_delete(1, 0).found_nothing(1, 2, 0, 9), lost_write,
         {0, 3});
  expect_right(story().put(1, 1, 10, 0, 9).put(2, 3, 20, 0, 9).lost_delete(1, 0).found_nothing(1, 3, 0, 9));
}

TEST(stated_order, names_two_creations_of_one_key) {
  expect(story().created(1, 1, 10, 0, 3).created(1, 2, 11, 0, 3), created_twice, {0, 1});
  expect_right(story().created(1, 1, 10, 0, 3).deleted(1, 2, 0, 3).created(1, 3, 11, 0, 3));
}

TEST(stated_order, names_a_deleted_key_that_is_back) {
  expect(story().put(1, 1, 10, 0, 1).deleted(1, 2, 2, 3).got(1, 1, 10, 4, 5), returned_after_delete, {1, 2});
}

TEST(stated_order, names_a_key_that_was_absent_and_then_as_before) {
  story told;
  told.stored(1, 1, 10).lost_delete(1, 0).found_nothing(1, 3, 1, 2).got(1, 1, 10, 3, 4);
  expect(told, returned_after_delete, {1, 2});
  story listed;
  listed.stored(1, 1, 10).lost_delete(1, 0).found_nothing(1, 3, 1, 9).listed(4, {{1, 1, 10}}, 1, 9);
  expect(listed, returned_after_delete, {1, 2});
}

TEST(stated_order, names_revisions_that_run_backwards) {
  expect(story().put(1, 5, 10, 0, 1).put(2, 4, 20, 2, 3), time_backwards, {0, 1});
  expect_right(story().put(1, 5, 10, 0, 2).put(2, 4, 20, 1, 3));  // they overlap
  // What was seen before it was asked for.
  expect(story().found_nothing(2, 5, 0, 1).put(1, 5, 10, 2, 3), time_backwards, {0, 1});
}

TEST(stated_order, names_two_changes_with_one_revision) {
  expect(story().put(1, 5, 10, 0, 2).put(2, 5, 20, 0, 2), same_revision, {0, 1});
}

TEST(stated_order, names_a_value_that_nobody_has_stored) {
  expect(story().stored(1, 1, 10).got(1, 1, 99, 0, 1), foreign_value, {0});
  expect(story().stored(1, 1, 10).got(1, 2, 99, 0, 1), foreign_value, {0});
}

TEST(stated_order, places_a_write_without_answer_by_who_saw_it) {
  story told;
  told.stored(1, 1, 10).lost_put(1, 11, 0).got(1, 3, 11, 1, 2);
  expect_right(told);
  told.got(1, 1, 10, 3, 4);
  expect(told, stale_read, {0, 1, 2});
}

TEST(stated_order, names_a_request_that_was_applied_twice) {
  expect(story().stored(1, 1, 10).lost_put(1, 11, 0).got(1, 3, 11, 1, 2).got(1, 5, 11, 3, 4), applied_twice, {1, 2});
}

TEST(stated_order, takes_an_expiry_for_granted_after_its_time_and_not_before) {
  expect_right(story().put(1, 1, 10, 0, 1, 50).found_nothing(1, 2, 60, 61));
  expect(story().put(1, 1, 10, 0, 1, 50).found_nothing(1, 2, 20, 21).put(2, 3, 20, 30, 31), lost_write, {0, 1});
  // Only what has a time can expire.
  expect(story().put(1, 1, 10, 0, 1).found_nothing(1, 2, 60, 61), lost_write, {0, 1});
  // Its expiry is a change, and there is no revision for it.
  expect(story().put(1, 1, 10, 0, 1, 50).put(2, 2, 20, 60, 61).found_nothing(1, 2, 60, 62), lost_write, {0, 2});
}

// What was over before the value's time had come is at a place before its expiry.
TEST(stated_order, names_an_absence_that_can_only_be_an_early_expiry) {
  story told;
  told.put(1, 1, 10, 0, 1, 50).found_nothing(1, 2, 2, 90).put(2, 3, 20, 5, 10);
  expect(told, lost_write, {0, 1});
}

TEST(stated_order, names_a_value_that_is_shown_after_its_time) {
  expect(story().put(1, 1, 10, 0, 1, 50).got(1, 1, 10, 60, 61), expired_value, {0, 1});
  expect_right(story().put(1, 1, 10, 0, 20, 50).got(1, 1, 10, 60, 61));  // it may have been put at 20
}

TEST(stated_order, names_a_refusal_of_a_condition_that_was_met) {
  auto const refused = [](revision_number wanted, revision_number shown) {
    return std::vector<fact>{{.key = 1, .at = 3, .version = shown},
                             {.what = kind::condition, .key = 1, .at = 3, .version = wanted}};
  };
  expect(story().stored(1, 3, 10).add(deed::put, 0, 1, 3, refused(3, 3)), wrong_refusal, {0});
  expect_right(story().stored(1, 3, 10).add(deed::put, 0, 1, 3, refused(2, 3)));
  expect_right(story().stored(1, 3, 10).add(deed::put, 0, 1, 3, refused(0, 3)));  // there is a value already
}

TEST(stated_order, names_a_status_that_tells_of_a_value_where_none_was) {
  auto const replaced =
      std::vector<fact>{{.what = kind::some, .key = 1, .at = 4}, {.what = kind::put, .key = 1, .at = 5, .value = 11}};
  expect(story().stored(1, 1, 10).deleted(1, 2, 0, 1).add(deed::put, 2, 3, 5, replaced), wrong_status, {0, 1});
  auto const hidden = story().stored(1, 1, 10).deleted(1, 2, 0, 1).lost_put(1, 12, 0).add(deed::put, 2, 3, 5, replaced);
  expect_right(hidden);
  // Somebody has seen where that put was: later, so that it was not there before.
  expect(story(hidden).got(1, 7, 12, 4, 5), wrong_status, {0, 2});
}

fact event_of(key_number key, revision_number at, value_number value) {
  return {.key = key, .at = at, .version = at, .value = value};
}

TEST(stated_order, names_what_a_watcher_missed_and_what_it_was_told_twice) {
  auto const run = [] { return story().put(1, 1, 10, 0, 1).put(1, 2, 11, 2, 3).put(1, 3, 12, 4, 5); };
  expect_right(run().told(event_of(1, 1, 10), 2).told(event_of(1, 2, 11), 4).told(event_of(1, 3, 12), 6));
  expect(run().told(event_of(1, 1, 10), 2).told(event_of(1, 3, 12), 6), missed_change, {1, 4});
  expect(run().watched_from(2).told(event_of(1, 2, 11), 4).told(event_of(1, 3, 12), 6), repeated_change, {3});
  expect_right(run().watched_from(2).told(event_of(1, 3, 12), 6));
}

TEST(stated_order, names_a_removal_in_a_watch_that_nobody_asked_for) {
  expect(story().put(1, 1, 10, 0, 1).told(event_of(1, 1, 10), 2).told({.what = kind::gone, .key = 1, .at = 2}, 3),
         foreign_change, {2});
  expect_right(story()
                   .put(1, 1, 10, 0, 1)
                   .lost_delete(1, 1)
                   .told(event_of(1, 1, 10), 2)
                   .told({.what = kind::gone, .key = 1, .at = 2}, 3));
}

TEST(stated_order, lists_keys_as_texts) {
  EXPECT_TRUE(is_listed_before(10, 2));
  EXPECT_TRUE(is_listed_before(1, 10));
  EXPECT_FALSE(is_listed_before(10, 1));
  EXPECT_FALSE(is_listed_before(7, 7));
  EXPECT_TRUE(is_listed_before(99, 0 | counter_keys));
  for (key_number one = 0; one < 130; ++one) {
    for (key_number other = 0; other < 130; ++other)
      ASSERT_EQ(is_listed_before(one, other), std::to_string(one) < std::to_string(other)) << one << ' ' << other;
  }
}

// Whatever a right server may answer, it is never accused.
TEST(stated_order, accuses_no_right_server) {
  std::mt19937 random(1);
  std::uint64_t hidden = 0;
  for (int run = 0; run < 4000; ++run) {
    simulation const how{.operations = 10 + static_cast<std::size_t>(run % 60),
                         .connections = 1 + static_cast<std::uint32_t>(run % 6),
                         .keys = 1 + static_cast<std::uint32_t>(run % 5),
                         .unanswered_share = run % 3 == 0 ? 0 : 0.15};
    auto const made = simulate(random, how);
    auto const verdict = check_stated_order(made);
    ASSERT_EQ(verdict.violations, 0U) << "run " << run << ": " << names(verdict);
    hidden += verdict.hidden_changes;
  }
  EXPECT_GT(hidden, 1000U) << "expiries and unanswered writes were among them";
}

// Without the events of a watcher, more has to be inferred.
TEST(stated_order, accuses_no_right_server_that_nobody_watches) {
  std::mt19937 random(2);
  for (int run = 0; run < 4000; ++run) {
    auto made = simulate(random, {.operations = 10 + static_cast<std::size_t>(run % 60),
                                  .connections = 1 + static_cast<std::uint32_t>(run % 6),
                                  .keys = 1 + static_cast<std::uint32_t>(run % 5),
                                  .unanswered_share = 0.1});
    made.watchers.clear();
    std::erase_if(made.operations, [](auto const& one) { return one.what == deed::event; });
    auto const verdict = check_stated_order(made);
    ASSERT_EQ(verdict.violations, 0U) << "run " << run << ": " << names(verdict);
  }
}

struct broken_server {
  fault what;
  std::set<order_violation> called;  ///< one of these, by what else was under way
};

TEST(stated_order, finds_and_names_each_fault_of_a_simulated_server) {
  std::vector<broken_server> const servers{
      {fault::lost_update, {lost_update}},
      {fault::stale_read,
       {stale_read, wrong_status, lost_write, lost_update, returned_after_delete, expired_value, torn_transaction}},
      {fault::stale_list, {stale_list, wrong_status, torn_transaction, expired_value, returned_after_delete}},
      {fault::incomplete_list, {stale_list}},
      {fault::write_skew,
       {write_skew, lost_update, stale_read, expired_value, returned_after_delete, lost_write, torn_transaction,
        wrong_status}},
      {fault::torn_transaction, {torn_transaction, stale_list}},
      {fault::lost_write, {lost_write, stale_list, created_twice, wrong_status, missed_change}},
      {fault::ignored_put,
       {lost_update, stale_list, lost_write, created_twice, missed_change, stale_read, torn_transaction, wrong_refusal,
        wrong_status, returned_after_delete}},
      {fault::created_twice, {created_twice, returned_after_delete, lost_write}},
      {fault::undeleted,
       {returned_after_delete, stale_list, lost_update, wrong_status, foreign_value, stale_read, wrong_refusal,
        write_skew}},
      {fault::late_revision, {time_backwards, same_revision, repeated_change}},
      {fault::double_apply, {applied_twice}},
      {fault::late_expiry, {expired_value}},
      {fault::wrong_refusal, {wrong_refusal}},
      {fault::lost_increment, {lost_update}},
      {fault::missed_event, {missed_change}},
      {fault::repeated_event, {repeated_change}},
      {fault::wrong_value, {foreign_value}},
  };
  for (auto const& server : servers) {
    std::mt19937 random(3);
    int found = 0;
    std::set<order_violation> names_seen;
    constexpr int runs = 60;
    for (int run = 0; run < runs; ++run) {
      simulation const how{.operations = 120,
                           .unanswered_share = server.what == fault::double_apply ? 0.1 : 0.02,
                           .expires = server.what == fault::late_expiry,
                           .deletes = server.what != fault::created_twice,
                           .fault = server.what};
      auto const made = simulate(random, how);
      auto const verdict = check_stated_order(made);
      found += verdict.violations != 0;
      if (!verdict.examples.empty()) names_seen.insert(verdict.examples.front().kind);
      for (auto const& one : verdict.examples) EXPECT_LE(one.operations.size(), 8U) << name_of(one.kind);
    }
    EXPECT_GE(found, runs / 2) << static_cast<int>(server.what);
    EXPECT_THAT(names_seen, testing::Contains(testing::AnyOfArray(server.called))) << static_cast<int>(server.what);
    for (auto const seen : names_seen)
      EXPECT_TRUE(server.called.contains(seen)) << static_cast<int>(server.what) << " was called " << name_of(seen);
  }
}

// A proof is of as few operations as it can be: without one of them, what is left is right.
TEST(stated_order, shows_examples_that_can_not_be_shortened) {
  std::mt19937 random(4);
  int shown = 0;
  for (auto what = 1; what <= static_cast<int>(fault::wrong_value); ++what) {
    for (int run = 0; run < 20; ++run) {
      auto const made = simulate(
          random, {.operations = 80, .unanswered_share = 0, .expires = false, .fault = static_cast<fault>(what)});
      for (auto const& one : check_stated_order(made).examples) {
        // What a watcher missed shows in what it was told next, not in the two alone.
        if (one.kind == missed_change || one.kind == repeated_change || one.kind == foreign_change) continue;
        // What a count was before, and what else had put a value there, shows in no operation alone.
        if ((one.key & counter_keys) != 0 || one.kind == wrong_status) continue;
        for (std::size_t left_out = 0; one.operations.size() > 1 && left_out < one.operations.size(); ++left_out) {
          auto rest = one.operations;
          rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(left_out));
          auto const verdict = check_stated_order(restricted(made, rest), 1000);
          auto const still = std::ranges::any_of(
              verdict.examples, [&](auto const& other) { return other.kind == one.kind && other.key == one.key; });
          EXPECT_FALSE(still) << name_of(one.kind) << " of " << one.operations.size() << " without " << left_out;
        }
        ++shown;
      }
    }
  }
  EXPECT_GT(shown, 200);
}

// A million operations are judged in seconds; how long that takes is printed, since a clock fails on a busy machine.
TEST(stated_order, judges_a_long_run) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::size_t operations = 20'000;
#else
  constexpr std::size_t operations = 200'000;
#endif
  std::mt19937 random(5);
  auto const made =
      simulate(random, {.operations = operations, .connections = 64, .keys = 10, .unanswered_share = 0.01});
  auto const began = std::chrono::steady_clock::now();
  auto const verdict = check_stated_order(made);
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(verdict.violations, 0U) << names(verdict);
  std::cout << made.operations.size() << " operations judged in " << took.count() << " s\n";
}

}  // namespace
}  // namespace holdfast::client::verify
