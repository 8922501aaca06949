#include "server/journal/backup_runner.hpp"

#include <exception>
#include <system_error>
#include <utility>

#include "server/journal/data_tools.hpp"
#include "server/journal/own_thread.hpp"

namespace holdfast::server {

backup_runner::~backup_runner() {
  finish();
}

bool backup_runner::start(std::filesystem::path to, std::function<void(backup_outcome const&)> done) {
  std::lock_guard const lock(mutex_);
  if (is_busy_.load(std::memory_order_acquire)) return false;
  // The previous thread is reporting its result, or has ended.
  if (thread_.joinable()) thread_.join();
  is_busy_.store(true, std::memory_order_relaxed);
  try {
    thread_ = start_thread("backup", [this, to = std::move(to), done = std::move(done)] {
      backup_outcome outcome;
      auto const began_at = std::chrono::steady_clock::now();
      try {
        outcome.position = source_.back_up(to);
        outcome.bytes = bytes_in(to);
      } catch (journal_error const& error) {
        outcome.error = error;
      } catch (std::exception const& error) {
        outcome.error.emplace(journal_fault::storage_failed, std::string("the backup ended half-way: ") + error.what());
      }
      outcome.took = std::chrono::steady_clock::now() - began_at;
      // Cleared first, so that a client that sees the result may start the next backup.
      is_busy_.store(false, std::memory_order_release);
      done(outcome);
    });
  } catch (std::system_error const&) {
    is_busy_.store(false, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void backup_runner::finish() {
  std::lock_guard const lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

}  // namespace holdfast::server
