#include "server/loop/signal_source.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace holdfast::server {
namespace {

int block_and_watch(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (auto const number : signals) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

signal_source::signal_source(event_loop& loop, std::initializer_list<int> signals, std::function<void(int)> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)), descriptor_(block_and_watch(signals), "signalfd") {
  if (!loop_.add(descriptor_.get(), *this, EPOLLIN))
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

signal_source::~signal_source() {
  loop_.remove(descriptor_.get(), *this);
}

void signal_source::on_ready(std::uint32_t) {
  // Read one signal at a time, since on_signal may destroy the source; if more are pending, it is ready in the next
  // turn.
  signalfd_siginfo signal{};
  if (::read(descriptor_.get(), &signal, sizeof signal) == sizeof signal)
    on_signal_(static_cast<int>(signal.ssi_signo));
}

}  // namespace holdfast::server
