#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace holdfast::server {

/// How many connections keep each ticket of a named lock. A client that asks again with the same id, because it takes
/// its old connection for broken, must not lose the ticket when that connection ends. Thread-safe.
class kept_tickets {
 public:
  /// One connection that keeps a ticket, until this is destroyed.
  class keeper {
   public:
    /// @param key made by ticket_key()
    keeper(kept_tickets& all, std::string key) : all_(all), key_(std::move(key)) {
      std::lock_guard const lock(all_.mutex_);
      ++all_.keepers_[key_];
    }
    ~keeper() { leave(); }
    keeper(keeper const&) = delete;
    keeper& operator=(keeper const&) = delete;

    /// Keeps it no longer. @return true if no other connection keeps it
    bool leave() noexcept {
      if (std::exchange(has_left_, true)) return false;
      std::lock_guard const lock(all_.mutex_);
      auto const place = all_.keepers_.find(key_);
      if (--place->second > 0) return false;
      all_.keepers_.erase(place);
      return true;
    }

   private:
    kept_tickets& all_;
    std::string const key_;
    bool has_left_ = false;
  };

 private:
  std::mutex mutex_;
  std::map<std::string, std::size_t> keepers_;
};

}  // namespace holdfast::server
