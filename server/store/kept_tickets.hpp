#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace holdfast::server {

/// The connections that keep each ticket of a named lock. A client that asks again with the same id, because it takes
/// its old connection for broken, must not lose the ticket when that connection ends. Thread-safe.
class kept_tickets {
 public:
  /// One connection that keeps a ticket, or asks for it, until this is destroyed.
  class keeper {
   public:
    /// @param key made by ticket_key()
    keeper(kept_tickets& all, std::string key) : all_(all), key_(std::move(key)) {
      std::lock_guard const lock(all_.mutex_);
      ++all_.tickets_[key_].connections;
    }
    ~keeper() { leave(); }
    keeper(keeper const&) = delete;
    keeper& operator=(keeper const&) = delete;

    /// The connection has got the ticket, so the last connection must release it.
    void has_got_it() noexcept {
      std::lock_guard const lock(all_.mutex_);
      all_.tickets_.find(key_)->second.is_kept = true;
    }

    /// Leaves unless it would have to release the ticket. @return true if it has left
    [[nodiscard]] bool leave_to_others() noexcept {
      std::lock_guard const lock(all_.mutex_);
      if (!has_left_ && all_.tickets_.find(key_)->second.is_with_last()) return false;
      remove();
      return true;
    }

    /// Leaves. Call this while the store's lock is held, so that nobody asks for the ticket before it is released.
    /// @return true if the ticket must be released
    bool leave() noexcept {
      std::lock_guard const lock(all_.mutex_);
      return remove();
    }

   private:
    bool remove() noexcept {
      if (std::exchange(has_left_, true)) return false;
      auto const place = all_.tickets_.find(key_);
      auto const must_release = place->second.is_with_last();
      if (--place->second.connections == 0) all_.tickets_.erase(place);
      return must_release;
    }

    kept_tickets& all_;
    std::string const key_;
    bool has_left_ = false;
  };

 private:
  struct ticket {
    std::size_t connections = 0;
    bool is_kept = false;  // a connection, which may have ended, has got it

    [[nodiscard]] bool is_with_last() const noexcept { return is_kept && connections == 1; }
  };

  std::mutex mutex_;
  std::map<std::string, ticket> tickets_;
};

}  // namespace holdfast::server
