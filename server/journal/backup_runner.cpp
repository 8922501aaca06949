#include "server/journal/backup_runner.hpp"

#include <pthread.h>

#include <exception>
#include <system_error>
#include <utility>

#include "server/journal/data_tools.hpp"

namespace holdfast::server {

backup_runner::~backup_runner() {
  finish();
}

bool backup_runner::start(std::filesystem::path to, std::function<void(backup_outcome const&)> done) {
  if (is_busy_.exchange(true, std::memory_order_acquire)) return false;
  // The last one has told of its end, and has nothing else to do.
  if (thread_.joinable()) thread_.join();
  try {
    thread_ = std::thread([this, to = std::move(to), done = std::move(done)] {
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
      done(outcome);
      is_busy_.store(false, std::memory_order_release);
    });
  } catch (std::system_error const&) {
    is_busy_.store(false, std::memory_order_release);
    return false;
  }
  pthread_setname_np(thread_.native_handle(), "backup");
  return true;
}

void backup_runner::finish() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace holdfast::server
