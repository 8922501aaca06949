#include "server/net/handshake_turns.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

namespace holdfast::server {

handshake_turns::handshake_turns(event_loop& loop, tls_figures& its_figures)
    : figures(its_figures), loop_(loop), turn_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd") {
  if (!loop_.add(turn_.get(), *this, EPOLLIN)) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

handshake_turns::~handshake_turns() {
  loop_.remove(turn_.get(), *this);
}

void handshake_turns::queue(waiter& one) noexcept {
  if (one.is_linked()) return;
  if (waiters_.empty()) ::eventfd_write(turn_.get(), 1);
  waiters_.push_back(one);
}

void handshake_turns::on_ready(std::uint32_t /*events*/) {
  if (!waiters_.empty()) {
    auto& one = waiters_.front();
    waiters_.pop_front();
    one.on_turn();
  }
  eventfd_t turns = 0;
  if (waiters_.empty()) ::eventfd_read(turn_.get(), &turns);
}

}  // namespace holdfast::server
