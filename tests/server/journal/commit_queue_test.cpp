#include "server/journal/commit_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::server {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;

/// Records the sequence numbers of each batch, and commits only as often as allowed.
class held_journal final : public journal {
 public:
  std::string_view name() const noexcept override { return "held"; }
  void recover(visitor const&) override {}
  journal_position position() const override { return {.database = 1, .sequence = 100, .revision = 7}; }
  bool has_room() override {
    ++room_questions;
    return room;
  }
  journal_figures figures() const override { return {}; }
  void close() override {}

  bool is_shared() const noexcept override { return shared; }
  std::optional<journal_error> confirm() override {
    std::unique_lock lock(mutex_);
    ++confirmations_begun_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return allowed_ > 0; });
    --allowed_;
    if (fails) return journal_error(journal_fault::not_leading, "another leads");
    return std::nullopt;
  }
  void wait_for_confirmations_begun(std::size_t confirmations) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return confirmations_begun_ >= confirmations; });
  }

  std::optional<journal_error> commit(std::span<change const> batch) override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return allowed_ > 0; });
    --allowed_;
    if (throws) throw std::bad_alloc();
    if (fails) return journal_error(journal_fault::disk_full, "no space");
    std::vector<std::uint64_t> sequences;
    for (auto const& change : batch) sequences.push_back(change.sequence);
    batches_.push_back(std::move(sequences));
    return std::nullopt;
  }

  void allow(std::size_t commits) {
    std::lock_guard const lock(mutex_);
    allowed_ += commits;
    changed_.notify_all();
  }
  /// Returns when this number of commits have begun.
  void wait_for_begun(std::size_t commits) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= commits; });
  }
  std::vector<std::vector<std::uint64_t>> batches() {
    std::lock_guard const lock(mutex_);
    return batches_;
  }
  std::size_t begun() {
    std::lock_guard const lock(mutex_);
    return begun_;
  }

  bool fails = false, throws = false, room = true, shared = false;
  std::size_t room_questions = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t begun_ = 0, confirmations_begun_ = 0, allowed_ = 0;
  std::vector<std::vector<std::uint64_t>> batches_;
};

/// Waits for reports of the commit thread.
class bell {
 public:
  void ring() {
    std::lock_guard const lock(mutex_);
    ++rings_;
    rung_.notify_all();
  }
  void wait_for(std::size_t rings) {
    std::unique_lock lock(mutex_);
    rung_.wait(lock, [&] { return rings_ >= rings; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable rung_;
  std::size_t rings_ = 0;
};

/// Its wait has no end that a test would live to see.
constexpr commit_settings patient{.gathering_share = 1e9};

class commit_queue_test : public ::testing::Test {
 protected:
  static change put(std::uint64_t sequence, std::size_t value_bytes = 10) {
    change made;
    made.sequence = made.revision = sequence;
    made.key = "key";
    made.value = std::make_shared<std::string const>(value_bytes, '1');
    return made;
  }
  void start(commit_settings settings = {}) {
    queue.emplace(
        journal, settings,
        commit_observers{[this] { commits.ring(); }, [this](auto const& report) { reports.push_back(report); }, {}});
  }

  /// The next batch waits for as many clients as these. One more commit is allowed.
  void answer_two_clients() {
    journal.shared = true;
    start(patient);
    journal.allow(2);
    queue->append(put(101));
    queue->append(put(102));
    queue->wake();
    commits.wait_for(1);
  }

  held_journal journal;
  bell commits;
  std::vector<commit_report> reports;  // written before the bell rings
  std::optional<commit_queue> queue;
};

TEST_F(commit_queue_test, all_that_gathers_during_a_commit_is_the_next_batch) {
  start();
  EXPECT_EQ(queue->durable_sequence(), 100u) << "what the journal had before";
  queue->append(put(101));
  queue->wake();
  journal.wait_for_begun(1);
  for (std::uint64_t sequence = 102; sequence <= 106; ++sequence) queue->append(put(sequence));
  queue->wake();
  EXPECT_EQ(queue->durable_sequence(), 100u) << "told to be durable before its commit has ended";
  journal.allow(1);
  commits.wait_for(1);
  EXPECT_EQ(queue->durable_sequence(), 101u);
  journal.allow(1);
  commits.wait_for(2);
  EXPECT_EQ(queue->durable_sequence(), 106u);
  EXPECT_THAT(journal.batches(), ElementsAre(ElementsAre(101), ElementsAre(102, 103, 104, 105, 106)));
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].changes, 5u);
  EXPECT_EQ(reports[1].bytes, 5 * (3 + 10u));
  EXPECT_EQ(reports[1].sequence, 106u);
}

TEST_F(commit_queue_test, large_batches_are_split_between_appends_and_never_within_one) {
  start({.batch_bytes_max = 3'000});
  queue->append(put(101));
  queue->wake();
  journal.wait_for_begun(1);
  for (std::uint64_t sequence = 102; sequence <= 105; ++sequence) queue->append(put(sequence, 1'000));
  std::vector<change> together;
  for (std::uint64_t sequence = 106; sequence <= 110; ++sequence) together.push_back(put(sequence, 1'000));
  queue->append(together);
  queue->append(put(111));
  queue->wake();
  journal.allow(100);
  queue.reset();
  EXPECT_THAT(journal.batches(), ElementsAre(ElementsAre(101), ElementsAre(102, 103), ElementsAre(104, 105),
                                             ElementsAre(106, 107, 108, 109, 110), ElementsAre(111)));
}

TEST_F(commit_queue_test, batches_have_no_more_changes_than_they_may) {
  start({.batch_changes_max = 3});
  queue->append(put(101));
  queue->wake();
  journal.wait_for_begun(1);
  for (std::uint64_t sequence = 102; sequence <= 105; ++sequence) queue->append(put(sequence));
  std::vector<change> together;
  for (std::uint64_t sequence = 106; sequence <= 109; ++sequence) together.push_back(put(sequence));
  queue->append(together);
  queue->wake();
  journal.allow(100);
  queue.reset();
  EXPECT_THAT(journal.batches(), ElementsAre(ElementsAre(101), ElementsAre(102, 103, 104), ElementsAre(105),
                                             ElementsAre(106, 107, 108, 109)));
}

TEST_F(commit_queue_test, a_batch_waits_for_those_whom_the_last_one_has_answered) {
  journal.shared = true;
  start(patient);
  journal.allow(1'000);
  queue->append(put(101));
  queue->append(put(102));
  queue->wake();
  commits.wait_for(1);
  for (std::uint64_t round = 1; round < 100; ++round) {
    for (std::uint64_t const one : {1, 2}) {
      queue->append(put(100 + 2 * round + one));
      queue->wake();
    }
    commits.wait_for(round + 1);
  }
  auto const batches = journal.batches();
  ASSERT_EQ(batches.size(), 100u);
  for (auto const& batch : batches) EXPECT_EQ(batch.size(), 2u);
}

TEST_F(commit_queue_test, a_batch_waits_for_those_who_came_during_the_last_one_as_well) {
  journal.shared = true;
  start(patient);
  queue->append(put(101));
  queue->wake();
  journal.wait_for_begun(1);
  queue->append(put(102));
  queue->wake();
  journal.allow(2);
  commits.wait_for(1);
  queue->append(put(103));
  queue->wake();
  commits.wait_for(2);
  EXPECT_THAT(journal.batches(), ElementsAre(ElementsAre(101u), ElementsAre(102u, 103u)));
}

TEST_F(commit_queue_test, a_client_that_writes_alone_does_not_wait) {
  journal.shared = true;
  start(patient);
  journal.allow(10);
  for (std::uint64_t one = 1; one <= 10; ++one) {
    std::vector<change> group{put(100 + 2 * one), put(101 + 2 * one)};
    queue->append(group);
    queue->wake();
    commits.wait_for(one);
  }
  EXPECT_EQ(journal.batches().size(), 10u);
}

TEST_F(commit_queue_test, a_batch_does_not_wait_long_for_those_who_do_not_come_back) {
  journal.shared = true;
  start({.gathering_share = 0.5});
  journal.allow(2);
  for (std::uint64_t one = 101; one <= 110; ++one) queue->append(put(one));
  queue->wake();
  commits.wait_for(1);
  queue->append(put(111));
  queue->wake();
  commits.wait_for(2);
  EXPECT_THAT(journal.batches().back(), ElementsAre(111u));
}

TEST_F(commit_queue_test, reads_alone_do_not_wait_for_those_who_have_written) {
  answer_two_clients();
  auto const round = queue->ask_for_round();
  queue->wake();
  commits.wait_for(2);
  EXPECT_EQ(queue->progress(), round);
}

TEST_F(commit_queue_test, the_end_does_not_wait_for_others) {
  answer_two_clients();
  queue->append(put(103));
  queue->wake();
  queue->finish();
  EXPECT_EQ(queue->durable_sequence(), 103u);
}

TEST_F(commit_queue_test, a_read_of_a_shared_journal_is_confirmed_by_a_question_that_begins_after_it) {
  journal.shared = true;
  start();
  EXPECT_EQ(queue->progress(), 0u);
  auto const first = queue->ask_for_round();
  queue->wake();
  journal.wait_for_confirmations_begun(1);
  // That question has begun: it proves nothing of what is read now.
  auto const second = queue->ask_for_round();
  queue->wake();
  EXPECT_GT(second, first);
  EXPECT_EQ(queue->ask_for_round(), second) << "one for all that wait";
  EXPECT_LT(queue->progress(), first);
  journal.allow(1);
  commits.wait_for(1);
  EXPECT_EQ(queue->progress(), first);
  journal.wait_for_confirmations_begun(2);
  EXPECT_EQ(queue->progress(), first);
  journal.allow(1);
  commits.wait_for(2);
  EXPECT_EQ(queue->progress(), second);
  EXPECT_EQ(journal.begun(), 0u);
}

TEST_F(commit_queue_test, a_commit_to_a_shared_journal_confirms_reads_and_its_round_ends_with_its_last_batch) {
  journal.shared = true;
  start({.batch_changes_max = 1});
  auto const first = queue->ask_for_round();
  queue->wake();
  journal.wait_for_confirmations_begun(1);
  queue->append(put(101));
  queue->append(put(102));
  auto const second = queue->ask_for_round();
  queue->wake();
  journal.allow(2);
  journal.wait_for_begun(2);
  EXPECT_EQ(queue->progress(), first) << "its second batch is not committed";
  journal.allow(1);
  commits.wait_for(2);
  EXPECT_EQ(queue->progress(), second);
  EXPECT_EQ(queue->durable_sequence(), 102u);
  queue.reset();
  EXPECT_THAT(journal.batches(), ElementsAre(ElementsAre(101), ElementsAre(102)));
}

TEST_F(commit_queue_test, when_another_server_has_taken_over_no_read_is_confirmed_any_more) {
  journal.shared = journal.fails = true;
  start();
  auto const round = queue->ask_for_round();
  queue->wake();
  journal.allow(1);
  commits.wait_for(1);
  ASSERT_NE(queue->failure(), nullptr);
  EXPECT_EQ(queue->failure()->fault(), journal_fault::not_leading);
  EXPECT_LT(queue->progress(), round);
  queue->append(put(101));
  queue->wake();
  queue.reset();
  EXPECT_EQ(journal.begun(), 0u);
}

TEST_F(commit_queue_test, the_end_commits_what_is_pending_even_if_nobody_has_woken_it) {
  start();
  queue->append(put(101));
  queue->append(put(102));
  journal.allow(1);
  queue.reset();
  EXPECT_THAT(journal.batches(), ElementsAre(ElementsAre(101, 102)));
}

TEST_F(commit_queue_test, nothing_is_committed_when_nothing_is_appended) {
  start();
  journal.allow(1);
  queue->wake();
  queue->append(std::span<change>());
  queue->wake();
  queue.reset();
  EXPECT_EQ(journal.begun(), 0u);
}

TEST_F(commit_queue_test, after_a_failed_commit_nothing_becomes_durable_and_those_who_wait_are_told) {
  start();
  journal.fails = true;
  queue->append(put(101));
  queue->wake();
  journal.wait_for_begun(1);
  queue->append(put(102));
  queue->wake();
  EXPECT_EQ(queue->failure(), nullptr);
  journal.allow(100);
  commits.wait_for(1);
  EXPECT_EQ(queue->durable_sequence(), 100u);
  ASSERT_NE(queue->failure(), nullptr);
  EXPECT_EQ(queue->failure()->fault(), journal_fault::disk_full);
  EXPECT_STREQ(queue->failure()->what(), "no space");
  queue->append(put(103));
  queue->wake();
  queue.reset();
  EXPECT_EQ(journal.begun(), 1u) << "the journal was written to after it had failed";
  EXPECT_TRUE(reports.empty());
}

TEST_F(commit_queue_test, a_commit_that_throws_has_failed) {
  start();
  journal.throws = true;
  journal.allow(1);
  queue->append(put(101));
  queue->wake();
  commits.wait_for(1);
  ASSERT_NE(queue->failure(), nullptr);
  EXPECT_EQ(queue->failure()->fault(), journal_fault::storage_failed);
  EXPECT_THAT(queue->failure()->what(), HasSubstr("half-way"));
}

TEST_F(commit_queue_test, is_full_while_more_is_pending_than_allowed) {
  start({.pending_bytes_max = 5'000});
  queue->append(put(101, 4'000));
  queue->wake();
  journal.wait_for_begun(1);
  EXPECT_FALSE(queue->is_full());
  queue->append(put(102, 4'000));
  EXPECT_TRUE(queue->is_full());
  queue->wake();
  journal.allow(1);
  commits.wait_for(1);
  EXPECT_FALSE(queue->is_full()) << "the first is durable and takes no room any more";
  journal.allow(1);
  commits.wait_for(2);
  EXPECT_EQ(queue->pending_bytes(), 0u);
}

TEST_F(commit_queue_test, a_touch_of_a_large_entry_is_a_small_change) {
  start();
  auto touch = put(101, 100'000);
  touch.what = change::kind::touch;
  queue->append(std::move(touch));
  EXPECT_LT(queue->pending_bytes(), 1'000u);
  journal.allow(1);
}

TEST_F(commit_queue_test, asks_for_room_at_most_once_an_interval) {
  start({.room_check_interval = std::chrono::milliseconds(250)});
  auto now = std::chrono::steady_clock::now();
  EXPECT_TRUE(queue->has_room(now));
  journal.room = false;
  EXPECT_TRUE(queue->has_room(now + std::chrono::milliseconds(249)));
  EXPECT_EQ(journal.room_questions, 1u);
  EXPECT_FALSE(queue->has_room(now + std::chrono::milliseconds(250)));
  journal.room = true;
  EXPECT_TRUE(queue->has_room(now + std::chrono::milliseconds(500))) << "it ends by itself";
  EXPECT_EQ(journal.room_questions, 3u);
}

// A wake() that came late cleared the flag of a thread that was about to sleep. Nobody woke that thread any more, and
// all writes waited.
TEST_F(commit_queue_test, a_late_wake_up_leaves_nobody_asleep) {
  constexpr std::uint64_t changes = 2'000;
  start();
  journal.allow(changes);
  std::atomic<bool> done = false;
  // More of them than cores, so that the commit thread is interrupted at any place.
  std::vector<std::thread> late;
  for (int i = 0; i < 6; ++i)
    late.emplace_back([&] {
      while (!done) queue->wake();
    });
  auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  auto is_durable = true;
  for (std::uint64_t sequence = 101; sequence <= 100 + changes && is_durable; ++sequence) {
    queue->append(put(sequence));
    queue->wake();
    while (queue->durable_sequence() < sequence && is_durable) {
      std::this_thread::yield();
      is_durable = std::chrono::steady_clock::now() < deadline;
    }
  }
  done = true;
  for (auto& one : late) one.join();
  EXPECT_TRUE(is_durable) << "the commit thread sleeps after " << queue->durable_sequence() - 100 << " changes";
}

TEST_F(commit_queue_test, threads_that_own_the_lock_in_turn_lose_nothing) {
  constexpr std::uint64_t changes_each = 2'000, threads = 3;
  start();
  journal.allow(changes_each * threads);
  std::mutex lock;
  std::uint64_t sequence = 100;
  std::vector<std::thread> owners;
  for (std::uint64_t i = 0; i < threads; ++i)
    owners.emplace_back([&] {
      for (std::uint64_t made = 0; made < changes_each; ++made) {
        {
          std::lock_guard const owned(lock);
          queue->append(put(++sequence));
        }
        queue->wake();
        EXPECT_LE(queue->durable_sequence(), 100 + changes_each * threads);
      }
    });
  for (auto& owner : owners) owner.join();
  queue.reset();
  std::uint64_t expected = 100;
  for (auto const& batch : journal.batches())
    for (auto const committed : batch) ASSERT_EQ(committed, ++expected);
  EXPECT_EQ(expected, 100 + changes_each * threads);
}

}  // namespace
}  // namespace holdfast::server
