#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>

#include "server/forward/leader_directory.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {

/// One connection to the leader: idle in its pool, or in use by a request or a read_channel. For the loop's thread.
class upstream final
    : private connection::owner,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// @param version of the leader_directory when it named the leader.
  upstream(unique_socket socket, event_loop& loop, std::shared_ptr<leader_address const> leader, std::uint64_t version,
           std::chrono::nanoseconds transfer_timeout)
      : link_(std::move(socket), *this, loop, transfer_timeout), leader_(std::move(leader)), version_(version) {}

  /// Notified of bytes if the connection is in use and at rest. May destroy the upstream.
  class receiver {
   public:
    virtual void on_bytes() = 0;

   protected:
    ~receiver() = default;
  };
  void give_bytes_to(receiver* one) noexcept { receiver_ = one; }

  [[nodiscard]] connection& link() noexcept { return link_; }
  [[nodiscard]] leader_address const& leader() const noexcept { return *leader_; }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

 private:
  // Without a receiver the connection is idle and owns itself on behalf of the pool. Bytes are then its end, or
  // unexpected.
  void on_bytes() override {
    if (receiver_ != nullptr) return receiver_->on_bytes();
    delete this;
  }
  void on_idle_timeout() override { delete this; }
  void on_unsent(std::string_view) override {}
  void on_resume() override {}

  connection link_;
  std::shared_ptr<leader_address const> const leader_;
  std::uint64_t const version_;
  receiver* receiver_ = nullptr;
};

}  // namespace holdfast::server
